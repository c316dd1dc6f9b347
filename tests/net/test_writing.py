"""What write and writelines take, in which order it arrives, and what they refuse."""

from __future__ import annotations

import array
import asyncio
import random
import sys

import pytest
from harness.outcome import outcome
from harness.peers import connected_pair
from harness.protocols import Recorder

SMALL = 4096


def same_as_on_asyncio(loop, use):
    """Compares what comes of using a transport on a stock loop and on the loop given."""

    def on(which):
        async def main():
            ours, theirs = connected_pair()
            transport, protocol = await which.create_connection(Recorder, sock=ours)
            found = outcome(lambda: use(transport))
            if found.raised:
                # asyncio 3.15 keeps what stood before the wrong one, and close() waits for ever.
                transport.abort()
            else:
                transport.close()
            theirs.settimeout(0)
            await protocol.lost
            try:
                sent = theirs.recv(1 << 16)
            except BlockingIOError:
                sent = None
            theirs.close()
            return found, sent

        return which.run_until_complete(main())

    stock = asyncio.new_event_loop()
    try:
        expected = on(stock)
    finally:
        stock.close()
    assert on(loop) == expected
    return expected


class TestKindsOfData:
    @pytest.mark.parametrize(
        "data",
        [
            b"bytes",
            bytearray(b"bytearray"),
            memoryview(b"memoryview"),
            memoryview(bytearray(b"writable")),
            memoryview(b"a slice")[2:5],
            memoryview(array.array("I", [1, 2, 3])),
            memoryview(b"nothing")[:0],
            b"",
            type("Bytes", (bytes,), {})(b"a subclass"),
            type("Bytearray", (bytearray,), {})(b"another"),
        ],
        ids=lambda data: f"{type(data).__name__} {bytes(data)[:9]!r}",
    )
    async def test_arrive_as_their_bytes(self, loop, connect, data):
        transport, _, peer = await connect()
        assert transport.write(data) is None
        transport.write_eof()
        assert await peer.read_to_end() == bytes(data)

    @pytest.mark.parametrize(
        "data",
        ["text", "", None, 5, [b"list"], object(), array.array("b", b"abc")],
        ids=lambda data: type(data).__name__ + repr(data)[:6],
    )
    def test_anything_else_is_refused_as_in_asyncio(self, loop, data):
        found, sent = same_as_on_asyncio(loop, lambda transport: transport.write(data))
        assert found.raised
        assert found.cls is TypeError
        assert not sent

    def test_a_view_that_is_not_contiguous_as_in_asyncio(self, loop, log):
        view = memoryview(b"0123456789")[::2]
        same_as_on_asyncio(loop, lambda transport: transport.write(view))
        reported = [text.split("\n")[0] for text in log.messages()]
        assert reported == ["Fatal write error on socket transport"] * 2

    def test_arguments_as_in_asyncio(self, loop):
        same_as_on_asyncio(loop, lambda transport: transport.write())
        same_as_on_asyncio(loop, lambda transport: transport.writelines())
        same_as_on_asyncio(loop, lambda transport: transport.write(b"a", b"b"))

    @pytest.mark.parametrize("what", [["text"], [b"a", "text"], 5, None, [5]], ids=repr)
    def test_writelines_refuses_as_asyncio_does(self, loop, what):
        same_as_on_asyncio(loop, lambda transport: transport.writelines(what))


class TestWritelines:
    @pytest.mark.parametrize(
        "pieces",
        [
            [],
            [b"one"],
            [b"a", b"b", b"c"],
            [b"bytes", bytearray(b"bytearray"), memoryview(b"memoryview")],
            (b"a", b"tuple"),
            [b"x" * 100_000, b"y", b"z" * 300_000],
            [b"%d," % number for number in range(3000)],
        ],
        ids=["none", "one", "three", "mixed", "tuple", "large", "thousands"],
    )
    async def test_arrives_in_order(self, loop, connect, pieces):
        transport, _, peer = await connect()
        assert transport.writelines(pieces) is None
        transport.write_eof()
        assert await peer.read_to_end() == b"".join(pieces)

    async def test_more_than_the_kernel_takes(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        pieces = [bytes([number % 256]) * 10_000 for number in range(300)]
        transport.writelines(pieces)
        transport.close()
        assert await peer.read_to_end() == b"".join(pieces)
        assert await protocol.lost is None

    async def test_takes_its_turn_among_writes(self, loop, connect):
        transport, _, peer = await connect()
        transport.write(b"1")
        transport.writelines([b"2", b"3"])
        transport.write(b"4")
        transport.write_eof()
        assert await peer.read_to_end() == b"1234"

    @pytest.mark.only("asyncioxide")
    async def test_counts_for_flow_control(self, loop, connect):
        # asyncio before 3.13.1 forgot about it.
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        transport.writelines([b"x" * 2_000_000, b"y" * 2_000_000])
        assert protocol.calls[-1] == "pause_writing"
        await peer.receive(4_000_000)
        await protocol.called("resume_writing")


class TestOrder:
    async def test_many_small_writes(self, loop, connect):
        transport, _, peer = await connect()
        for number in range(2000):
            transport.write(b"%05d" % number)
        transport.write_eof()
        assert await peer.read_to_end() == b"".join(b"%05d" % n for n in range(2000))

    async def test_small_and_large_mixed(self, loop, connect):
        rng = random.Random(5)
        pieces = [rng.randbytes(rng.choice([1, 10, 1000, 70_000, 400_000])) for _ in range(60)]
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        reading = loop.create_task(peer.read_to_end())
        for number, piece in enumerate(pieces):
            transport.write(piece)
            if number % 7 == 0:
                await asyncio.sleep(0)
        transport.close()
        assert await reading == b"".join(pieces)
        assert await protocol.lost is None

    async def test_in_connection_made(self, loop, connect):
        class Greets(Recorder):
            def connection_made(self, transport):
                transport.write(b"hel")
                transport.write(b"lo")
                super().connection_made(transport)

        _, _, peer = await connect(Greets)
        assert await peer.receive(5) == b"hello"

    async def test_the_first_write_of_a_turn_is_sent_at_once(self, loop, connect):
        transport, _, peer = await connect()
        transport.write(b"now")
        # Without giving the loop a turn.
        assert peer.sock.recv(3) == b"now"

    async def test_writes_of_one_turn_leave_by_its_end(self, loop, connect):
        transport, _, peer = await connect()
        for piece in (b"a", b"b", b"c"):
            transport.write(piece)
        await asyncio.sleep(0)
        assert peer._receive(3) == b"abc"

    async def test_writes_from_several_tasks(self, loop, connect):
        transport, _, peer = await connect()

        async def work(name):
            for _ in range(20):
                transport.write(name)
                await asyncio.sleep(0)

        await asyncio.gather(*(work(name) for name in (b"a", b"b", b"c")))
        transport.write_eof()
        assert await peer.read_to_end() == b"abc" * 20


class TestMutableBuffers:
    @pytest.fixture(autouse=True)
    def not_on_stock(self, names):
        if names.is_stock and sys.version_info >= (3, 12):
            pytest.skip("since 3.12 asyncio sends what the buffer holds when its turn comes")

    async def test_may_be_changed_after_write(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        first = b"x" * 2_000_000
        transport.write(first)
        scratch = bytearray(b"y" * 1000)
        transport.write(scratch)
        transport.write(memoryview(scratch))
        scratch[:] = b"z" * 1000
        transport.close()
        assert await peer.read_to_end() == first + b"y" * 2000
        assert await protocol.lost is None

    async def test_may_be_resized_after_write(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        scratch = bytearray(b"y" * 2_000_000)
        transport.write(scratch)
        scratch.clear()
        transport.close()
        assert await peer.read_to_end() == b"y" * 2_000_000
        assert await protocol.lost is None


class TestReplacing:
    async def test_write_can_be_replaced_on_the_transport(self, loop, connect):
        transport, _, peer = await connect()
        original = transport.write
        transport.write = lambda data: original(data.upper())
        transport.write(b"shout")
        assert await peer.receive(5) == b"SHOUT"
        del transport.write
        transport.write(b"quiet")
        assert await peer.receive(5) == b"quiet"

    async def test_a_stream_writer_uses_the_replaced_one(self, loop):
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        seen = []
        writer.transport.write = seen.append
        writer.write(b"caught")
        assert seen == [b"caught"]
        writer.transport.abort()
        server.close()
        await server.wait_closed()

    async def test_transports_take_attributes(self, loop, connect):
        transport, _, _ = await connect()
        transport.of_my_own = 1
        assert transport.of_my_own == 1
