"""connect_write_pipe: writing at once, queues and flow control, a reader that goes."""

from __future__ import annotations

import asyncio
import errno
import gc
import io
import os
import socket

import pytest
from harness.protocols import Recorder

CAPACITY = 65536


async def turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)


async def connect(loop, ends, fd, factory=Recorder):
    return await loop.connect_write_pipe(factory, ends.file(fd, "wb"))


async def end(transport, protocol):
    transport.close()
    return await protocol.lost


def read_exactly(fd, count):
    """Reads so many bytes. A terminal passes on in pieces, some time later, what was written."""
    found = b""
    while len(found) < count:
        found += os.read(fd, count - len(found))
    return found


def read_all(fd):
    found = bytearray()
    while data := os.read(fd, 1 << 20):
        found += data
    return bytes(found)


class TestWriting:
    async def test_at_once(self, loop, ends, any_pair):
        write, read = any_pair if os.isatty(any_pair[0]) else any_pair[::-1]
        transport, protocol = await connect(loop, ends, write)
        transport.write(b"now")
        assert read_exactly(read, 3) == b"now"
        assert transport.get_write_buffer_size() == 0
        transport.write(bytearray(b"array"))
        transport.write(memoryview(b"view"))
        transport.writelines([b"a", b"b"])
        assert read_exactly(read, 11) == b"arrayviewab"
        await end(transport, protocol)

    async def test_nothing_can_be_read(self, loop, ends):
        _, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        for method in ("is_reading", "pause_reading", "resume_reading"):
            with pytest.raises(NotImplementedError):
                getattr(transport, method)()
        await end(transport, protocol)

    async def test_much_arrives_whole_and_close_waits_for_it(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        chunks = [os.urandom(size) for size in (10, 100_000, 1, 300_000, 65536)]
        for chunk in chunks:
            transport.write(chunk)
        assert transport.get_write_buffer_size() > 0
        transport.close()
        assert transport.is_closing()
        received = await asyncio.to_thread(read_all, read)
        assert received == b"".join(chunks)
        assert await protocol.lost is None

    async def test_a_mutable_buffer_is_copied(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        data = bytearray(b"x" * 200_000)
        transport.write(data)
        data[:] = b"y" * 200_000
        transport.close()
        assert await asyncio.to_thread(read_all, read) == b"x" * 200_000
        await protocol.lost

    async def test_nothing_is_nothing(self, loop, ends):
        _, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        transport.write(b"")
        transport.writelines([])
        assert transport.get_write_buffer_size() == 0
        await end(transport, protocol)

    async def test_what_is_no_bytes(self, loop, ends):
        _, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        for wrong in ("text", 1, None, [b"x"]):
            with pytest.raises(AssertionError) as caught:
                transport.write(wrong)
            assert str(caught.value) == repr(wrong)
        await end(transport, protocol)

    async def test_write_eof_closes(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        assert transport.can_write_eof() is True
        transport.write(b"all")
        transport.write_eof()
        transport.write_eof()
        assert await protocol.lost is None
        assert read_all(read) == b"all"

    async def test_a_device_takes_everything(self, loop, ends):
        device = os.open("/dev/null", os.O_WRONLY)
        transport, protocol = await connect(loop, ends, device)
        transport.write(b"x" * 1_000_000)
        assert transport.get_write_buffer_size() == 0
        await end(transport, protocol)


class TestFlowControl:
    async def test_pauses_above_high_and_resumes_when_all_is_written(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        assert transport.get_write_buffer_limits() == (16384, 65536)
        transport.set_write_buffer_limits(high=1000)
        assert transport.get_write_buffer_limits() == (250, 1000)
        transport.write(b"x" * CAPACITY)
        assert protocol.calls == ["connection_made"]
        transport.write(b"x" * 1000)
        assert protocol.calls == ["connection_made"]
        transport.write(b"x")
        assert protocol.calls == ["connection_made", "pause_writing"]
        assert transport.get_write_buffer_size() == 1001
        os.read(read, CAPACITY)
        await protocol.called("resume_writing")
        assert transport.get_write_buffer_size() == 0
        await end(transport, protocol)

    async def test_bad_limits(self, loop, ends):
        _, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        with pytest.raises(ValueError, match=r"high \(1\) must be >= low \(2\) must be >= 0"):
            transport.set_write_buffer_limits(high=1, low=2)
        await end(transport, protocol)

    async def test_writing_and_closing_in_resume_writing_loses_nothing(self, loop, ends, names):
        if names.is_stock:
            pytest.skip("asyncio closes the pipe before that is written")

        class Answers(Recorder):
            def resume_writing(self):
                super().resume_writing()
                self.transport.write(b"z" * CAPACITY * 2)
                self.transport.close()

        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write, Answers)
        transport.write(b"x" * CAPACITY * 3)
        received = await asyncio.to_thread(read_all, read)
        assert received == b"x" * CAPACITY * 3 + b"z" * CAPACITY * 2
        await protocol.lost

    async def test_a_stream_writer_drains(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write, asyncio.streams.FlowControlMixin)
        writer = asyncio.StreamWriter(transport, protocol, None, loop)
        writer.write(b"x" * CAPACITY * 4)
        reading = loop.create_task(asyncio.to_thread(read_all, read))
        await writer.drain()
        writer.close()
        assert await reading == b"x" * CAPACITY * 4


class TestReaderGone:
    @pytest.mark.parametrize("kind", ["pipe", "socketpair"])
    async def test_is_told_without_a_write(self, loop, ends, kind):
        read, write = getattr(ends, kind)()
        transport, protocol = await connect(loop, ends, write)
        ends.close(read)
        assert await protocol.lost is None
        assert transport.is_closing()

    async def test_with_bytes_queued_is_a_broken_pipe(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        transport.write(b"x" * CAPACITY * 2)
        ends.close(read)
        exception = await protocol.lost
        assert type(exception) is BrokenPipeError
        assert transport.get_write_buffer_size() == 0

    async def test_a_write_fails_and_later_ones_are_counted(self, loop, ends, log):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        ends.close(read)
        transport.write(b"x")
        for _ in range(5):
            transport.write(b"x")
        exception = await protocol.lost
        assert exception.errno == errno.EPIPE
        # One failed, so the fifth after it is the first that is warned about.
        text = "pipe closed by peer or os.write(pipe, data) raised exception."
        assert log.messages() == [text]

    async def test_writes_after_close_warn_from_the_sixth_on(self, loop, ends, log):
        _, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        transport.close()
        for _ in range(7):
            transport.write(b"x")
        await protocol.lost
        assert len(log.messages()) == 2

    async def test_a_socket_that_sends_counts_as_gone(self, loop, ends):
        far, near = ends.socketpair()
        _, protocol = await connect(loop, ends, near)
        os.write(far, b"talks back")
        assert await protocol.lost is None


class TestEnding:
    async def test_abort_gives_up_what_is_queued(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        transport.write(b"x" * CAPACITY * 2)
        transport.abort()
        assert transport.get_write_buffer_size() == 0
        assert await protocol.lost is None
        assert len(read_all(read)) == CAPACITY

    async def test_abort_after_close_with_bytes_queued(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        transport.write(b"x" * CAPACITY * 2)
        transport.close()
        transport.abort()
        assert await protocol.lost is None
        assert len(read_all(read)) == CAPACITY

    async def test_abort_twice_tells_once(self, loop, ends, names, reports):
        if names.is_stock:
            pytest.skip("asyncio calls connection_lost twice, the second time of nobody")
        _, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        transport.abort()
        transport.abort()
        transport.close()
        await protocol.lost
        await turns()
        assert protocol.calls == ["connection_made", "connection_lost"]
        assert reports == []

    async def test_dropped_it_warns_and_closes_the_file(self, loop, ends):
        master, slave = ends.terminal()
        transport, protocol = await connect(loop, ends, master)
        file = transport.get_extra_info("pipe")
        protocol.transport = None
        with pytest.warns(ResourceWarning, match="unclosed transport <.*WritePipeTransport"):
            del transport
            gc.collect()
        assert file.closed
        del slave

    async def test_a_file_closed_behind_its_back_touches_nobody_else(self, loop, ends, names, log):
        if names.is_stock:
            pytest.skip("asyncio goes on with the old number")
        _, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        transport.get_extra_info("pipe").close()
        read, _ = ends.pipe()
        os.set_blocking(read, False)
        transport.write(b"must not arrive")
        exception = await protocol.lost
        assert exception.errno == errno.EBADF
        with pytest.raises(BlockingIOError):
            os.read(read, 100)


class TestObject:
    async def test_what_it_is(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, write)
        assert isinstance(transport, asyncio.WriteTransport)
        # asyncio's derives from Transport, for its flow control.
        assert isinstance(transport, asyncio.Transport)
        assert transport.get_protocol() is protocol
        assert transport.get_extra_info("pipe").fileno() == write
        assert repr(transport).endswith(f"WritePipeTransport fd={write} idle bufsize=0>")
        transport.write(b"x" * (CAPACITY + 7))
        assert repr(transport).endswith(f"WritePipeTransport fd={write} polling bufsize=7>")
        transport.close()
        assert f"WritePipeTransport closing fd={write} polling bufsize=7>" in repr(transport)
        os.read(read, CAPACITY)
        await protocol.lost
        await turns(2)
        assert f"WritePipeTransport closed fd={write} closed>" in repr(transport)

    async def test_a_regular_file_is_refused(self, loop, tmp_path):
        text = r"^Pipe transport is only for pipes, sockets and character devices$"
        with open(tmp_path / "file", "wb", buffering=0) as file:
            with pytest.raises(ValueError, match=text):
                await loop.connect_write_pipe(Recorder, file)
            assert not file.closed

    async def test_a_socket_object(self, loop):
        near, far = socket.socketpair()
        with far:
            transport, protocol = await loop.connect_write_pipe(Recorder, near)
            transport.write(b"socket")
            assert far.recv(100) == b"socket"
            await end(transport, protocol)
            assert near.fileno() == -1

    async def test_debug_mode_logs_it(self, loop, ends, log):
        loop.set_debug(True)
        read, write = ends.pipe()
        _, protocol = await connect(loop, ends, write)
        ends.close(read)
        await protocol.lost
        texts = log.messages(10)
        assert any(text.startswith(f"Write pipe {write} connected: (<") for text in texts)
        assert any(text.endswith("was closed by peer") for text in texts)

    async def test_both_directions_of_one_terminal(self, loop, ends):
        master, slave = ends.terminal()
        reading = ends.file(master, "rb")
        writing = io.FileIO(master, "wb", closefd=False)
        read_transport, reader = await loop.connect_read_pipe(Recorder, reading)
        write_transport, writer = await loop.connect_write_pipe(Recorder, writing)
        os.write(slave, b"up")
        assert await reader.has_received(2) == b"up"
        write_transport.write(b"down")
        assert read_exactly(slave, 4) == b"down"
        filler = b"x" * 1_000_000
        write_transport.write(filler)
        assert write_transport.get_write_buffer_size() > 0
        got = 0
        while got < len(filler):
            got += len(await asyncio.to_thread(os.read, slave, 1 << 16))
        os.write(slave, b"again")
        assert await reader.has_received(7) == b"upagain"
        await end(write_transport, writer)
        await end(read_transport, reader)
