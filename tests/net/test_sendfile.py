"""loop.sendfile: by the kernel on a connection, by reading and writing elsewhere."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import socket
import sys
import tempfile
import weakref
from collections.abc import Iterator
from typing import IO, Any

import pytest
from harness.peers import connected_pair
from harness.protocols import Echo, Recorder

PATTERN = bytes(range(251))
DATA = PATTERN * 400
# More than the kernel takes at once from a connection with small buffers.
BIG = PATTERN * 40_000
SMALL_BUFFER = 4096


@pytest.fixture
def file() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as opened:
        opened.write(DATA)
        opened.seek(0)
        yield opened


@pytest.fixture
def big_file() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as opened:
        opened.write(BIG)
        opened.seek(0)
        yield opened


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def started(loop: Any, coroutine: Any) -> asyncio.Task[Any]:
    """A task that has come to its first await."""
    task = loop.create_task(coroutine)
    await turns(2)
    return task


class TestByTheKernel:
    async def test_a_whole_file(self, loop, connect, file):
        transport, _, peer = await connect()
        assert await loop.sendfile(transport, file) == len(DATA)
        assert file.tell() == len(DATA)
        assert await peer.receive(len(DATA)) == DATA

    @pytest.mark.parametrize(
        ("offset", "count", "expected"),
        [
            (0, 10, DATA[:10]),
            (100, None, DATA[100:]),
            (100, 1000, DATA[100:1100]),
            (len(DATA) - 5, 1000, DATA[-5:]),
        ],
        ids=str,
    )
    async def test_a_part(self, loop, connect, file, offset, count, expected):
        transport, _, peer = await connect()
        assert await loop.sendfile(transport, file, offset, count) == len(expected)
        assert file.tell() == offset + len(expected)
        assert await peer.receive(len(expected)) == expected

    async def test_beyond_the_end_is_nothing(self, loop, connect, file):
        transport, _, peer = await connect()
        assert await loop.sendfile(transport, file, len(DATA) + 7) == 0
        transport.write(b"next")
        assert await peer.receive(4) == b"next"

    async def test_an_empty_file_is_nothing(self, loop, connect):
        transport, _, peer = await connect()
        with tempfile.TemporaryFile() as empty:
            assert await loop.sendfile(transport, empty) == 0
        transport.write(b"next")
        assert await peer.receive(4) == b"next"

    async def test_it_does_not_matter_where_the_file_stood(self, loop, connect, file):
        transport, _, peer = await connect()
        file.seek(77)
        assert await loop.sendfile(transport, file, 10, 20) == 20
        assert file.tell() == 30
        assert await peer.receive(20) == DATA[10:30]

    async def test_a_slow_reader_gets_a_big_file(self, loop, connect, big_file):
        transport, _, peer = await connect(buffer_bytes=SMALL_BUFFER)
        task = await started(loop, loop.sendfile(transport, big_file))
        assert not task.done()
        assert await peer.receive(len(BIG)) == BIG
        assert await task == len(BIG)
        assert big_file.tell() == len(BIG)

    async def test_between_writes(self, loop, connect, file):
        transport, _, peer = await connect()
        transport.write(b"head ")
        transport.write(b"er;")
        assert await loop.sendfile(transport, file) == len(DATA)
        transport.write(b"trailer")
        assert await peer.receive(len(DATA) + 15) == b"head er;" + DATA + b"trailer"

    async def test_after_what_the_kernel_had_no_room_for(self, loop, connect, file):
        transport, protocol, peer = await connect(buffer_bytes=SMALL_BUFFER)
        transport.write(BIG)
        task = await started(loop, loop.sendfile(transport, file))
        assert not task.done()
        assert await peer.receive(len(BIG) + len(DATA)) == BIG + DATA
        assert await task == len(DATA)
        assert "resume_writing" in protocol.calls

    async def test_several_one_after_the_other(self, loop, connect, file):
        transport, _, peer = await connect()
        for offset in range(0, 1000, 100):
            assert await loop.sendfile(transport, file, offset, 100) == 100
        assert await peer.receive(1000) == DATA[:1000]

    async def test_the_loop_turns_meanwhile(self, loop, connect, big_file):
        transport, _, peer = await connect(buffer_bytes=SMALL_BUFFER)
        task = await started(loop, loop.sendfile(transport, big_file))
        await turns(5)
        assert not task.done()
        assert await peer.receive(len(BIG)) == BIG
        await task

    async def test_the_end_of_the_stream_follows(self, loop, connect, file):
        transport, _, peer = await connect()
        await loop.sendfile(transport, file)
        transport.write_eof()
        assert await peer.read_to_end() == DATA


class TestMeanwhile:
    async def test_nothing_is_read(self, loop, connect, big_file):
        transport, protocol, peer = await connect(buffer_bytes=SMALL_BUFFER)
        task = await started(loop, loop.sendfile(transport, big_file))
        assert not transport.is_reading()
        await peer.send(b"question")
        await turns(5)
        assert protocol.received == b""
        assert await peer.receive(len(BIG)) == BIG
        await task
        assert transport.is_reading()
        assert await protocol.has_received(8) == b"question"

    async def test_a_paused_connection_stays_paused(self, loop, connect, file):
        transport, _, peer = await connect()
        transport.pause_reading()
        await loop.sendfile(transport, file)
        assert not transport.is_reading()
        assert await peer.receive(len(DATA)) == DATA

    @pytest.mark.parametrize("queued", [b"", BIG], ids=["sending", "draining"])
    async def test_writes_are_refused(self, loop, connect, big_file, queued):
        transport, _, peer = await connect(buffer_bytes=SMALL_BUFFER)
        transport.write(queued)
        task = await started(loop, loop.sendfile(transport, big_file))
        with pytest.raises(RuntimeError, match="^unable to write; sendfile is in progress$"):
            transport.write(b"x")
        word = "writelines" if sys.version_info >= (3, 12) else "write"
        with pytest.raises(RuntimeError, match=f"^unable to {word}; sendfile is in progress$"):
            transport.writelines([b"x"])
        assert await peer.receive(len(queued) + len(BIG)) == queued + BIG
        assert await task == len(BIG)
        transport.write(b"again")
        assert await peer.receive(5) == b"again"

    @pytest.mark.parametrize("data", [b"", "text"], ids=repr)
    async def test_what_cannot_be_written_anyway_says_so_first(self, loop, connect, big_file, data):
        transport, _, _ = await connect(buffer_bytes=SMALL_BUFFER)
        task = await started(loop, loop.sendfile(transport, big_file))
        expected = TypeError if data else RuntimeError
        with pytest.raises(expected):
            transport.write(data)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_a_file_that_is_cut_off_ends_there(self, loop, connect, big_file):
        transport, _, peer = await connect(buffer_bytes=SMALL_BUFFER)
        task = await started(loop, loop.sendfile(transport, big_file))
        assert not task.done()
        big_file.truncate(1000)
        transport_end = asyncio.ensure_future(peer.read_to_end())
        sent = await task
        transport.close()
        received = await transport_end
        assert len(received) == sent
        # What was cut off while it waited in the kernel may have become zeros.
        assert received[:1000] == BIG[:1000]
        assert big_file.tell() == sent

    async def test_a_file_that_grows_is_sent_with_what_came(self, loop, connect, big_file):
        transport, _, peer = await connect(buffer_bytes=SMALL_BUFFER)
        task = await started(loop, loop.sendfile(transport, big_file))
        big_file.seek(0, io.SEEK_END)
        big_file.write(b"more")
        big_file.flush()
        assert await peer.receive(len(BIG) + 4) == BIG + b"more"
        assert await task == len(BIG) + 4

    async def test_the_peer_resets(self, loop, connect, big_file):
        transport, protocol, peer = await connect(buffer_bytes=SMALL_BUFFER)
        task = await started(loop, loop.sendfile(transport, big_file))
        peer.reset()
        with pytest.raises(ConnectionError):
            await task
        assert 0 < big_file.tell() < len(BIG)
        # The connection itself learns of it when it is used next.
        await protocol.lost

    async def test_the_peer_resets_while_the_queue_drains(self, loop, connect, file, log):
        transport, protocol, peer = await connect(buffer_bytes=SMALL_BUFFER)
        transport.write(BIG)
        task = await started(loop, loop.sendfile(transport, file))
        peer.reset()
        with pytest.raises(ConnectionError):
            await task
        assert isinstance(await protocol.lost, ConnectionError)
        assert file.tell() == 0


class TestCancelling:
    @pytest.mark.only("asyncioxide")
    @pytest.mark.parametrize("queued", [b"", BIG], ids=["sending", "draining"])
    async def test_the_connection_goes_on(self, loop, connect, big_file, queued):
        transport, protocol, peer = await connect(buffer_bytes=SMALL_BUFFER)
        transport.write(queued)
        task = await started(loop, loop.sendfile(transport, big_file))
        assert task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        sent = big_file.tell()
        assert (sent == 0) is bool(queued)
        assert transport.is_reading()
        transport.write(b"the end")
        everything = queued + BIG[:sent] + b"the end"
        assert await peer.receive(len(everything)) == everything
        await peer.send(b"answer")
        assert await protocol.has_received(6) == b"answer"
        assert await loop.sendfile(transport, big_file, 5, 6) == 6
        assert await peer.receive(6) == BIG[5:11]

    async def test_before_it_begins(self, loop, connect, file):
        transport, _, peer = await connect()
        task = loop.create_task(loop.sendfile(transport, file))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        transport.write(b"x")
        assert await peer.receive(1) == b"x"

    @pytest.mark.only("asyncioxide")
    async def test_a_coroutine_that_is_closed_gives_the_connection_back(
        self, loop, connect, big_file
    ):
        transport, _, peer = await connect(buffer_bytes=SMALL_BUFFER)
        coroutine = loop.sendfile(transport, big_file)
        coroutine.send(None)
        coroutine.close()
        sent = big_file.tell()
        transport.write(b"x")
        assert await peer.receive(sent + 1) == BIG[:sent] + b"x"

    @pytest.mark.only("asyncioxide")
    async def test_in_every_turn(self, loop, connect, big_file):
        transport, _, peer = await connect(buffer_bytes=SMALL_BUFFER)
        reading = asyncio.ensure_future(peer.read_to_end())
        expected = b""
        for after in range(12):
            task = loop.create_task(loop.sendfile(transport, big_file, after))
            await turns(after)
            task.cancel()
            big_file.seek(0)
            with pytest.raises(asyncio.CancelledError):
                await task
            expected += BIG[after : max(after, big_file.tell())]
            transport.write(b"|")
            expected += b"|"
        transport.close()
        assert await reading == expected


@pytest.mark.only("asyncioxide")
class TestAConnectionThatEndsMeanwhile:
    """Stock asyncio waits for ever here."""

    @pytest.mark.parametrize("queued", [b"", BIG], ids=["sending", "draining"])
    async def test_by_abort(self, loop, connect, big_file, queued):
        transport, protocol, _ = await connect(buffer_bytes=SMALL_BUFFER)
        transport.write(queued)
        task = await started(loop, loop.sendfile(transport, big_file))
        transport.abort()
        with pytest.raises(ConnectionError, match="^Connection is closed by peer$"):
            await task
        assert await protocol.lost is None

    async def test_by_close(self, loop, connect, big_file):
        transport, protocol, peer = await connect(buffer_bytes=SMALL_BUFFER)
        task = await started(loop, loop.sendfile(transport, big_file))
        transport.close()
        with pytest.raises(ConnectionError, match="^Connection is closed by peer$"):
            await task
        assert await protocol.lost is None
        sent = big_file.tell()
        assert await peer.read_to_end() == BIG[:sent]

    async def test_by_close_while_the_queue_drains(self, loop, connect, file):
        transport, protocol, peer = await connect(buffer_bytes=SMALL_BUFFER)
        transport.write(BIG)
        task = await started(loop, loop.sendfile(transport, file))
        transport.close()
        assert await peer.read_to_end() == BIG
        with pytest.raises(ConnectionError, match="^Connection is closed by peer$"):
            await task
        assert await protocol.lost is None

    async def test_by_an_abort_in_the_turn_in_which_there_is_room(self, loop, connect, file):
        transport, _, _ = await connect()
        coroutine = loop.sendfile(transport, file)
        task = loop.create_task(coroutine)
        loop.call_soon(transport.abort)
        with pytest.raises(ConnectionError, match="^Connection is closed by peer$"):
            await task

    async def test_a_second_sendfile_is_refused(self, loop, connect, big_file, file):
        transport, _, peer = await connect(buffer_bytes=SMALL_BUFFER)
        task = await started(loop, loop.sendfile(transport, big_file))
        with pytest.raises(RuntimeError, match="^Empty waiter is already set$"):
            await loop.sendfile(transport, file)
        assert not transport.is_reading()
        assert await peer.receive(len(BIG)) == BIG
        assert await task == len(BIG)
        assert transport.is_reading()

    async def test_a_file_that_is_closed_sends_nobody_else_s(self, loop, connect):
        transport, _, peer = await connect(buffer_bytes=SMALL_BUFFER)
        big = tempfile.TemporaryFile()  # noqa: SIM115, its end is what is tested
        big.write(BIG)
        task = await started(loop, loop.sendfile(transport, big))
        number = big.fileno()
        big.close()
        with tempfile.TemporaryFile() as other:
            assert other.fileno() == number
            other.write(b"secret" * 100_000)
            other.seek(3)
            reading = asyncio.ensure_future(peer.read_to_end())
            with pytest.raises(OSError, match="Bad file descriptor"):
                await task
            assert other.tell() == 3
        transport.close()
        assert b"secret" not in await reading


@pytest.mark.only("asyncioxide")
@pytest.mark.filterwarnings("ignore:unclosed")
def test_what_a_closed_loop_leaves_behind_is_collected(loop_factory, big_file, log):
    loop = loop_factory()
    near, far = connected_pair(buffer_bytes=SMALL_BUFFER)

    async def main(near):
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
        transport.task = loop.create_task(loop.sendfile(transport, big_file))
        await turns(3)
        return weakref.ref(transport), weakref.ref(transport.task)

    made = loop.run_until_complete(main(near))
    loop.close()
    del near
    gc.collect()
    assert [each() for each in made] == [None, None]
    assert 0 < big_file.tell() < len(BIG)
    far.settimeout(10)
    received = bytearray()
    while chunk := far.recv(1 << 20):
        received += chunk
    far.close()
    assert received == BIG[: big_file.tell()]


class TestByReadingAndWriting:
    async def test_what_is_no_file(self, loop, connect):
        transport, _, peer = await connect()
        file = io.BytesIO(DATA)
        assert await loop.sendfile(transport, file, 3) == len(DATA) - 3
        assert file.tell() == len(DATA)
        assert await peer.receive(len(DATA) - 3) == DATA[3:]

    # Stock asyncio's transport keeps a view of the buffer that the fallback fills next.
    @pytest.mark.only("asyncioxide")
    async def test_a_slow_reader_gets_all_of_it(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL_BUFFER)
        reading = asyncio.ensure_future(peer.receive(len(DATA)))
        assert await loop.sendfile(transport, io.BytesIO(DATA)) == len(DATA)
        assert transport.get_protocol() is protocol
        assert transport.is_reading()
        assert await reading == DATA

    async def test_the_protocol_is_put_back(self, loop, connect):
        transport, protocol, peer = await connect()
        await loop.sendfile(transport, io.BytesIO(b"abc"), 0, 2)
        assert transport.get_protocol() is protocol
        assert await peer.receive(2) == b"ab"
        await peer.send(b"question")
        assert await protocol.has_received(8) == b"question"

    async def test_is_not_done_when_not_wanted(self, loop, connect):
        transport, _, _ = await connect()
        with pytest.raises(asyncio.SendfileNotAvailableError, match="^not a regular file$"):
            await loop.sendfile(transport, io.BytesIO(DATA), fallback=False)

    async def test_a_connection_that_may_not_use_the_kernel(self, loop, connect, file):
        transport, _, peer = await connect()
        modes = asyncio.constants._SendfileMode
        assert transport._sendfile_compatible is modes.TRY_NATIVE
        transport._sendfile_compatible = modes.FALLBACK
        assert await loop.sendfile(transport, file) == len(DATA)
        assert await peer.receive(len(DATA)) == DATA
        text = (
            f"fallback is disabled and native sendfile is not supported for transport {transport!r}"
        )
        with pytest.raises(RuntimeError) as caught:
            await loop.sendfile(transport, file, fallback=False)
        assert str(caught.value) == text

    async def test_the_peer_resets(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL_BUFFER)
        task = await started(loop, loop.sendfile(transport, io.BytesIO(BIG)))
        await peer.receive(10)
        peer.reset()
        with pytest.raises(ConnectionError):
            await task
        assert isinstance(await protocol.lost, ConnectionError)

    async def test_a_pipe(self, loop, connect):
        transport, _, peer = await connect()
        read, write = os.pipe()
        with open(read, "rb", buffering=0) as reading:
            with open(write, "wb") as writing:
                writing.write(b"through a pipe")
            # A pipe's size is 0: the native way takes it for an empty file, as asyncio does.
            assert await loop.sendfile(transport, reading) == 0
            assert reading.read() == b"through a pipe"
        transport.write(b"x")
        assert await peer.receive(1) == b"x"


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ((-1,), "ValueError: offset must be a non-negative integer (got -1)"),
            (("1",), "TypeError: offset must be a non-negative integer (got '1')"),
            ((0, -1), "ValueError: count must be a positive integer (got -1)"),
            ((0, 0), "ValueError: count must be a positive integer (got 0)"),
            ((0, 1.5), "TypeError: count must be a positive integer (got 1.5)"),
            ((2**70,), "OverflowError: "),
        ],
        ids=str,
    )
    async def test_wrong_numbers(self, loop, connect, file, arguments, error):
        transport, _, peer = await connect()
        with pytest.raises((ValueError, TypeError, OverflowError)) as caught:
            await loop.sendfile(transport, file, *arguments)
        assert f"{type(caught.value).__name__}: {caught.value}".startswith(error)
        assert transport.is_reading()
        transport.write(b"x")
        assert await peer.receive(1) == b"x"

    async def test_a_file_of_text(self, loop, connect):
        transport, _, _ = await connect()
        with (
            tempfile.TemporaryFile("w+") as text,
            pytest.raises(ValueError, match="^file should be opened in binary mode$"),
        ):
            await loop.sendfile(transport, text)

    async def test_a_closed_file(self, loop, connect, file):
        transport, _, _ = await connect()
        file.close()
        with pytest.raises(ValueError, match="closed file"):
            await loop.sendfile(transport, file)
        assert transport.is_reading()

    @pytest.mark.parametrize("how", ["close", "abort"])
    async def test_a_connection_that_ends(self, loop, connect, file, how):
        transport, _, _ = await connect()
        getattr(transport, how)()
        with pytest.raises(RuntimeError, match="^Transport is closing$"):
            await loop.sendfile(transport, file)

    async def test_after_the_end_of_the_stream(self, loop, connect, file):
        transport, _, peer = await connect()
        transport.write_eof()
        with pytest.raises(RuntimeError, match=r"^Cannot call write\(\) after write_eof\(\)$"):
            await loop.sendfile(transport, file)
        assert await peer.read_to_end() == b""

    async def test_what_is_no_transport(self, loop, file):
        class Closed:
            def is_closing(self):
                return False

        with pytest.raises(RuntimeError, match="^sendfile is not supported for transport <"):
            await loop.sendfile(Closed(), file)
        with pytest.raises(AttributeError):
            await loop.sendfile(None, file)

    async def test_a_wrong_call(self, loop):
        with pytest.raises(TypeError):
            loop.sendfile()
        with pytest.raises(TypeError):
            loop.sendfile(None, None, 0, None, True)

    async def test_debug_mode_finds_nothing_to_refuse(self, loop, connect, file):
        loop.set_debug(True)
        transport, _, peer = await connect()
        assert await loop.sendfile(transport, file) == len(DATA)
        assert await peer.receive(len(DATA)) == DATA


class TestServers:
    async def test_a_server_sends_a_file(self, loop, file):
        class Sender(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                self.task = loop.create_task(self.send())

            async def send(self):
                await loop.sendfile(self.transport, file, 1, 100)
                self.transport.close()

        made = []
        server = await loop.create_server(lambda: made.append(Sender()) or made[-1], "127.0.0.1")
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            assert await reader.read() == DATA[1:101]
            writer.close()
            await writer.wait_closed()
            await made[0].task
            await made[0].lost

    async def test_a_client_sends_one_to_an_echo(self, loop, file):
        server = await loop.create_server(Echo, "127.0.0.1")
        async with server:
            transport, protocol = await loop.create_connection(
                Recorder, *server.sockets[0].getsockname()
            )
            assert transport.get_extra_info("socket").type == socket.SOCK_STREAM
            assert await loop.sendfile(transport, file) == len(DATA)
            assert await protocol.has_received(len(DATA)) == DATA
            transport.close()
            await protocol.lost
