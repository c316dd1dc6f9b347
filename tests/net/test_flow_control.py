"""pause_writing and resume_writing, and the marks that they go by."""

from __future__ import annotations

import asyncio
import socket

import pytest
from harness.outcome import outcome, shown
from harness.protocols import Recorder

SMALL = 4096
# More than any kernel buffers between two small-buffered sockets, and than the marks.
MUCH = 4_000_000
# More than a send buffer grows to.
VERY_MUCH = 16_000_000


class TestMarks:
    async def test_defaults(self, loop, connect):
        transport, _, _ = await connect()
        assert transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
        assert transport.get_write_buffer_size() == 0

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, (16 * 1024, 64 * 1024)),
            ({"high": 1000}, (250, 1000)),
            ({"low": 1000}, (1000, 4000)),
            ({"high": 1000, "low": 10}, (10, 1000)),
            ({"high": 0}, (0, 0)),
            ({"low": 0}, (0, 0)),
            ({"high": 7}, (1, 7)),
            ({"high": 5, "low": 5}, (5, 5)),
        ],
        ids=str,
    )
    async def test_can_be_set(self, loop, connect, options, expected):
        transport, _, _ = await connect()
        assert transport.set_write_buffer_limits(**options) is None
        assert transport.get_write_buffer_limits() == expected

    async def test_can_be_set_by_position(self, loop, connect):
        transport, _, _ = await connect()
        transport.set_write_buffer_limits(100, 10)
        assert transport.get_write_buffer_limits() == (10, 100)

    @pytest.mark.parametrize(
        "options",
        [{"high": -1}, {"low": -1}, {"high": 1, "low": 2}, {"high": 0, "low": 1}],
        ids=str,
    )
    async def test_impossible_ones_are_refused(self, loop, connect, options):
        transport, _, _ = await connect()
        high = options.get("high", 4 * options.get("low", 0))
        low = options.get("low", high // 4)
        text = f"high ({high!r}) must be >= low ({low!r}) must be >= 0"
        with pytest.raises(ValueError) as caught:
            transport.set_write_buffer_limits(**options)
        assert str(caught.value) == text
        assert transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)

    @pytest.mark.parametrize(
        "options", [{"high": "1"}, {"low": "1"}, {"high": object()}], ids=shown
    )
    async def test_what_is_no_number_is_refused(self, loop, connect, options):
        transport, _, _ = await connect()
        found = outcome(lambda: transport.set_write_buffer_limits(**options))
        assert found.raised
        assert found.cls is TypeError


class TestPausing:
    async def test_above_the_high_mark_and_again_below_the_low_one(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        transport.write(b"x" * MUCH)
        assert protocol.calls == ["connection_made", "pause_writing"]
        assert transport.get_write_buffer_size() > 64 * 1024
        assert len(await peer.receive(MUCH)) == MUCH
        await protocol.called("resume_writing")
        assert protocol.calls == ["connection_made", "pause_writing", "resume_writing"]
        assert transport.get_write_buffer_size() <= 16 * 1024

    async def test_resumes_at_the_low_mark_and_not_before(self, loop, connect):
        class Watcher(Recorder):
            def resume_writing(self):
                sizes.append(self.transport.get_write_buffer_size())
                super().resume_writing()

        sizes = []
        transport, protocol, peer = await connect(Watcher, buffer_bytes=SMALL)
        transport.set_write_buffer_limits(high=100_000, low=50_000)
        transport.write(b"x" * MUCH)
        await peer.receive(MUCH)
        await protocol.called("resume_writing")
        assert sizes[0] <= 50_000

    async def test_pauses_once_however_much_more_is_written(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        for _ in range(5):
            transport.write(b"x" * MUCH)
        assert protocol.calls.count("pause_writing") == 1
        await peer.receive(5 * MUCH)
        await protocol.called("resume_writing")
        assert protocol.calls.count("resume_writing") == 1

    async def test_can_pause_again(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        for times in (1, 2, 3):
            transport.write(b"x" * MUCH)
            assert protocol.calls.count("pause_writing") == times
            await peer.receive(MUCH)
            await protocol.called("resume_writing", times)

    async def test_a_high_mark_of_zero_pauses_as_soon_as_anything_waits(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        transport.set_write_buffer_limits(high=0)
        transport.write(b"x" * MUCH)
        assert protocol.calls[-1] == "pause_writing"
        await peer.receive(MUCH)
        await protocol.called("resume_writing")
        assert transport.get_write_buffer_size() == 0

    async def test_below_the_mark_does_not_pause(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        transport.set_write_buffer_limits(high=2 * MUCH)
        transport.write(b"x" * MUCH)
        assert transport.get_write_buffer_size() > 0
        await peer.receive(MUCH)
        assert protocol.calls == ["connection_made"]

    async def test_lowering_the_mark_pauses_at_once(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        transport.set_write_buffer_limits(high=2 * MUCH)
        transport.write(b"x" * MUCH)
        assert protocol.calls == ["connection_made"]
        transport.set_write_buffer_limits(high=1000)
        assert protocol.calls == ["connection_made", "pause_writing"]
        await peer.receive(MUCH)
        await protocol.called("resume_writing")

    async def test_writing_in_resume_writing(self, loop, connect):
        class Refills(Recorder):
            left = 5

            def resume_writing(self):
                super().resume_writing()
                if self.left:
                    self.left -= 1
                    self.transport.write(b"y" * MUCH)

        transport, protocol, peer = await connect(Refills, buffer_bytes=SMALL)
        transport.write(b"y" * MUCH)
        assert len(await peer.receive(6 * MUCH)) == 6 * MUCH
        await protocol.called("resume_writing", 6)
        assert protocol.calls.count("pause_writing") == 6

    async def test_closing_while_paused_still_sends_the_rest(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        transport.write(b"x" * MUCH)
        transport.close()
        assert len(await peer.read_to_end()) == MUCH
        assert await protocol.lost is None

    async def test_aborting_while_paused_ends_it(self, loop, connect):
        transport, protocol, _ = await connect(buffer_bytes=SMALL)
        transport.write(b"x" * MUCH)
        transport.abort()
        assert await protocol.lost is None
        assert transport.get_write_buffer_size() == 0


class TestMisbehaving:
    @pytest.mark.parametrize("method", ["pause_writing", "resume_writing"])
    async def test_an_exception_is_reported_and_writing_goes_on(
        self, loop, connect, reports, method
    ):
        error = ValueError("in " + method)

        class Fails(Recorder):
            def pause_writing(self):
                super().pause_writing()
                if method == "pause_writing":
                    raise error

            def resume_writing(self):
                super().resume_writing()
                if method == "resume_writing":
                    raise error

        transport, protocol, peer = await connect(Fails, buffer_bytes=SMALL)
        transport.write(b"x" * MUCH)
        assert len(await peer.receive(MUCH)) == MUCH
        await protocol.called("resume_writing")
        (report,) = reports
        assert report["message"] == f"protocol.{method}() failed"
        assert report["exception"] is error
        assert report["transport"] is transport
        assert report["protocol"] is protocol
        transport.write(b"y")
        assert await peer.receive(1) == b"y"
        error.__traceback__ = None

    @pytest.mark.parametrize("kind_of_exit", [KeyboardInterrupt, SystemExit])
    async def test_an_exit_comes_out_of_write(self, loop, connect, kind_of_exit):
        class Exits(Recorder):
            def pause_writing(self):
                raise kind_of_exit("out")

        transport, _, _ = await connect(Exits, buffer_bytes=SMALL)
        with pytest.raises(kind_of_exit, match="^out$"):
            transport.write(b"x" * MUCH)


def counts_when(go_on):
    """A connection handler that begins to read at the event, and answers with the count."""

    async def handle(reader, writer):
        await go_on.wait()
        count = 0
        while count < VERY_MUCH:
            count += len(await reader.read(1 << 20))
        writer.write(str(count).encode())
        writer.close()
        await writer.wait_closed()

    return handle


class TestStreams:
    @pytest.mark.parametrize("tasks", [1, 5])
    async def test_drain_waits_for_the_peer(self, loop, tasks):
        go_on = asyncio.Event()
        listening = socket.create_server(("127.0.0.1", 0))
        # Or the kernel may take all of it for a peer that does not read.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        server = await asyncio.start_server(counts_when(go_on), sock=listening)
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(b"x" * VERY_MUCH)
        draining = [loop.create_task(writer.drain()) for _ in range(tasks)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in draining)
        go_on.set()
        await asyncio.gather(*draining)
        assert await reader.read() == str(VERY_MUCH).encode()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    async def test_drain_without_pressure_returns(self, loop):
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"small")
        await writer.drain()
        writer.close()
        server.close()
        await server.wait_closed()
