"""connect_read_pipe: pipes, sockets, terminals, FIFOs, and what is none of them."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import weakref

import pytest
from harness.protocols import Recorder


async def turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)


async def connect(loop, ends, fd, factory=Recorder):
    return await loop.connect_read_pipe(factory, ends.file(fd, "rb"))


async def end(transport, protocol):
    transport.close()
    return await protocol.lost


class TestReading:
    async def test_bytes_in_order(self, loop, ends, any_pair):
        read, write = any_pair
        transport, protocol = await connect(loop, ends, read)
        for number in range(100):
            os.write(write, b"%03d" % number)
        data = await protocol.has_received(300)
        assert data == b"".join(b"%03d" % number for number in range(100))
        await end(transport, protocol)

    async def test_what_was_there_before_comes(self, loop, ends):
        read, write = ends.pipe()
        os.write(write, b"before")
        _, protocol = await connect(loop, ends, read)
        assert await protocol.has_received(6) == b"before"
        ends.close(write)
        await protocol.lost

    async def test_much_comes_whole(self, loop, ends):
        read, write = ends.pipe()
        _, protocol = await connect(loop, ends, read)
        sent = os.urandom(3_000_000)
        file = ends.file(write, "wb")

        def write_all():
            with file:
                view = memoryview(sent)
                while view:
                    view = view[file.write(view) :]

        await asyncio.to_thread(write_all)
        assert await protocol.lost is None
        assert protocol.received == sent

    async def test_the_end_is_told_before_the_loss(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, read)
        os.write(write, b"last")
        ends.close(write)
        assert await protocol.lost is None
        assert protocol.calls == [
            "connection_made",
            "data_received",
            "eof_received",
            "connection_lost",
        ]
        assert transport.is_closing() is True

    async def test_the_other_side_of_a_terminal_closes_without_a_report(
        self, loop, ends, reports, names
    ):
        master, slave = ends.terminal()
        _, protocol = await connect(loop, ends, master)
        os.write(slave, b"bye")
        assert await protocol.has_received(3) == b"bye"
        ends.close(slave)
        exception = await protocol.lost
        assert isinstance(exception, OSError)
        assert exception.errno == 5
        assert reports == []

    async def test_a_named_fifo(self, loop, ends, tmp_path):
        path = tmp_path / "fifo"
        os.mkfifo(path)
        read = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        write = ends.own(os.open(path, os.O_WRONLY))
        transport, protocol = await connect(loop, ends, ends.own(read))
        os.write(write, b"named")
        assert await protocol.has_received(5) == b"named"
        ends.close(write)
        await protocol.lost
        assert transport.is_closing()

    async def test_a_stream_reader(self, loop, ends):
        read, write = ends.pipe()
        reader = asyncio.StreamReader()
        _, protocol = await connect(loop, ends, read, lambda: asyncio.StreamReaderProtocol(reader))
        os.write(write, b"line\nrest")
        assert await reader.readline() == b"line\n"
        ends.close(write)
        assert await reader.read() == b"rest"
        del protocol

    async def test_a_socket_object(self, loop):
        near, far = socket.socketpair()
        with far:
            transport, protocol = await loop.connect_read_pipe(Recorder, near)
            far.sendall(b"socket")
            assert await protocol.has_received(6) == b"socket"
            assert transport.get_extra_info("pipe") is near
            await end(transport, protocol)
            assert near.fileno() == -1


class TestPausing:
    async def test_what_comes_meanwhile_waits(self, loop, ends, any_pair):
        read, write = any_pair
        transport, protocol = await connect(loop, ends, read)
        assert transport.is_reading() is True
        transport.pause_reading()
        transport.pause_reading()
        assert transport.is_reading() is False
        os.write(write, b"waits")
        await turns()
        assert protocol.received == b""
        transport.resume_reading()
        transport.resume_reading()
        assert await protocol.has_received(5) == b"waits"
        await end(transport, protocol)

    async def test_in_connection_made_holds_from_the_beginning(self, loop, ends):
        class Pauses(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                transport.pause_reading()

        read, write = ends.pipe()
        os.write(write, b"early")
        transport, protocol = await connect(loop, ends, read, Pauses)
        await turns()
        assert protocol.calls == ["connection_made"]
        transport.resume_reading()
        assert await protocol.has_received(5) == b"early"
        await end(transport, protocol)

    async def test_after_close_does_nothing(self, loop, ends):
        read, _ = ends.pipe()
        transport, protocol = await connect(loop, ends, read)
        transport.close()
        transport.pause_reading()
        transport.resume_reading()
        assert transport.is_reading() is False
        await protocol.lost


class TestClosing:
    async def test_twice_is_once_and_closes_the_file(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, read)
        file = transport.get_extra_info("pipe")
        transport.close()
        transport.close()
        assert transport.is_closing() is True
        assert file.closed is False
        assert await protocol.lost is None
        await turns()
        assert file.closed is True
        with pytest.raises(BrokenPipeError):
            os.write(write, b"x")

    async def test_in_data_received_nothing_more_comes(self, loop, ends):
        class Closes(Recorder):
            def data_received(self, data):
                super().data_received(data)
                self.transport.close()

        read, write = ends.pipe()
        _, protocol = await connect(loop, ends, read, Closes)
        os.write(write, b"first")
        await protocol.lost
        assert protocol.calls.count("data_received") == 1

    async def test_a_file_closed_behind_its_back_is_an_error_and_nothing_else(
        self, loop, ends, reports, names
    ):
        if names.is_stock:
            pytest.skip("asyncio goes on with the old number")
        read, _ = ends.pipe()
        transport, protocol = await connect(loop, ends, read)
        transport.pause_reading()
        transport.get_extra_info("pipe").close()
        other_read, other_write = ends.pipe()
        os.write(other_write, b"somebody else's")
        transport.resume_reading()
        exception = await protocol.lost
        assert isinstance(exception, OSError)
        assert os.read(other_read, 100) == b"somebody else's"
        assert [report["message"] for report in reports] == ["Fatal read error on pipe transport"]

    async def test_dropped_it_warns_and_closes_the_file(self, loop, ends):
        read, _ = ends.pipe()
        transport, protocol = await connect(loop, ends, read)
        transport.pause_reading()
        file = transport.get_extra_info("pipe")
        protocol.transport = None
        with pytest.warns(ResourceWarning, match="unclosed transport <.*ReadPipeTransport"):
            del transport
            gc.collect()
        assert file.closed

    async def test_a_file_that_was_taken_over_is_free_for_another(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, read)
        for _ in range(3):
            transport.pause_reading()
            file, transport._pipe = transport._pipe, None
            protocol.transport = None
            gone = weakref.ref(transport)
            del transport
            gc.collect()
            assert gone() is None
            assert not file.closed
            # What waits for a descriptor by its number is told of one that a transport has.
            loop.add_reader(read, int)
            assert loop.remove_reader(read)
            transport, protocol = await loop.connect_read_pipe(Recorder, file)
            os.write(write, b"again")
            assert await protocol.has_received(5) == b"again"
        await end(transport, protocol)

    async def test_the_loop_keeps_one_that_reads(self, loop, ends):
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, read)
        protocol.transport = None
        del transport
        gc.collect()
        os.write(write, b"kept")
        assert await protocol.has_received(4) == b"kept"
        ends.close(write)
        await protocol.lost


class TestRaisingProtocols:
    async def test_data_received_is_reported_and_reading_goes_on(self, loop, ends, reports):
        class Raises(Recorder):
            def data_received(self, data):
                super().data_received(data)
                raise ZeroDivisionError

        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, read, Raises)
        os.write(write, b"one")
        await protocol.has_received(3)
        os.write(write, b"two")
        await protocol.has_received(6)
        await turns(2)
        assert [type(report["exception"]) for report in reports] == [ZeroDivisionError] * 2
        await end(transport, protocol)

    async def test_connection_lost_is_reported_and_the_file_closed(self, loop, ends, reports):
        class Raises(Recorder):
            def connection_lost(self, exc):
                super().connection_lost(exc)
                raise ZeroDivisionError

        read, _ = ends.pipe()
        transport, protocol = await connect(loop, ends, read, Raises)
        file = transport.get_extra_info("pipe")
        await end(transport, protocol)
        await turns(2)
        assert file.closed
        assert [type(report["exception"]) for report in reports] == [ZeroDivisionError]


class TestBadInput:
    async def test_a_regular_file(self, loop, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"text")
        with open(path, "rb", buffering=0) as file:
            with pytest.raises(ValueError, match=r"^Pipe transport is for pipes/sockets only\.$"):
                await loop.connect_read_pipe(Recorder, file)
            assert file.read() == b"text"

    async def test_a_closed_file(self, loop, ends, names):
        if names.is_stock:
            pytest.skip("asyncio's unfinished transport fails in its __del__")
        read, _ = ends.pipe()
        file = ends.file(read, "rb")
        file.close()
        with pytest.raises(ValueError, match="closed file"):
            await loop.connect_read_pipe(Recorder, file)

    async def test_no_file_at_all(self, loop):
        with pytest.raises(AttributeError, match="fileno"):
            await loop.connect_read_pipe(Recorder, None)

    async def test_a_factory_that_raises_leaves_the_file_alone(self, loop, ends):
        read, _ = ends.pipe()
        with ends.file(read, "rb") as file:
            with pytest.raises(ZeroDivisionError):
                await loop.connect_read_pipe(lambda: 1 / 0, file)
            assert not file.closed

    async def test_a_device_that_cannot_be_waited_for_is_reported(self, loop, ends, reports):
        file = ends.file(os.open("/dev/null", os.O_RDONLY), "rb")
        transport, protocol = await loop.connect_read_pipe(Recorder, file)
        assert [type(report["exception"]) for report in reports] == [PermissionError]
        await end(transport, protocol)


class TestObject:
    async def test_what_it_is(self, loop, ends, names):
        read, _ = ends.pipe()
        transport, protocol = await connect(loop, ends, read)
        assert isinstance(transport, asyncio.ReadTransport)
        assert not isinstance(transport, asyncio.WriteTransport)
        assert transport.get_protocol() is protocol
        assert transport.get_extra_info("pipe").fileno() == read
        assert transport.get_extra_info("nothing") is None
        assert transport.get_extra_info("nothing", 1) == 1
        assert repr(transport).endswith(f"ReadPipeTransport fd={read} polling>")
        transport.pause_reading()
        assert repr(transport).endswith(f"ReadPipeTransport fd={read} idle>")
        transport.close()
        assert f"ReadPipeTransport closing fd={read}" in repr(transport)
        await protocol.lost
        await turns(2)
        assert f"ReadPipeTransport closed fd={read} closed>" in repr(transport)
        assert transport.get_protocol() is None

    async def test_another_protocol(self, loop, ends):
        read, write = ends.pipe()
        transport, _ = await connect(loop, ends, read)
        second = Recorder()
        assert transport.set_protocol(second) is None
        os.write(write, b"for the second")
        assert await second.has_received(14) == b"for the second"
        await end(transport, second)

    async def test_debug_mode_logs_it(self, loop, ends, log):
        loop.set_debug(True)
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, read)
        transport.pause_reading()
        transport.resume_reading()
        ends.close(write)
        await protocol.lost
        texts = log.messages(10)
        assert any(text.startswith(f"Read pipe {read} connected: (<") for text in texts)
        assert any(text.endswith("pauses reading") for text in texts)
        assert any(text.endswith("resumes reading") for text in texts)
        assert any(text.endswith("was closed by peer") for text in log.messages(20))

    async def test_cancelled_it_closes_the_file(self, loop, ends):
        read, _ = ends.pipe()
        file = ends.file(read, "rb")
        protocols = []

        def factory():
            protocols.append(Recorder())
            return protocols[0]

        task = loop.create_task(loop.connect_read_pipe(factory, file))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await protocols[0].lost
        await turns(2)
        assert file.closed


class TestWatchedBefore:
    async def test_a_reader_of_the_user_is_replaced(self, loop, ends):
        read, write = ends.pipe()
        os.set_blocking(read, False)
        stolen = []
        loop.add_reader(read, lambda: stolen.append(os.read(read, 3)))
        transport, protocol = await connect(loop, ends, read)
        os.write(write, b"abcdefghij")
        assert await protocol.has_received(10) == b"abcdefghij"
        assert stolen == []
        await end(transport, protocol)

    async def test_a_writer_of_the_user_stays(self, loop, ends):
        near, far = ends.socketpair()
        os.set_blocking(near, False)
        writable = asyncio.Event()
        loop.add_writer(near, writable.set)
        transport, protocol = await connect(loop, ends, near)
        os.write(far, b"abc")
        assert await protocol.has_received(3) == b"abc"
        writable.clear()
        await writable.wait()
        loop.remove_writer(near)
        await end(transport, protocol)

    @pytest.mark.only("asyncioxide")
    @pytest.mark.parametrize("method", ["add_reader", "add_writer"])
    async def test_watching_the_descriptor_of_a_transport_is_refused(self, loop, ends, method):
        # asyncio lets the callback take the transport's place.
        read, write = ends.pipe()
        transport, protocol = await connect(loop, ends, read)
        with pytest.raises(RuntimeError, match=f"File descriptor {read} is used by transport"):
            getattr(loop, method)(read, print)
        with pytest.raises(RuntimeError, match=f"File descriptor {read} is used by transport"):
            getattr(loop, method.replace("add", "remove"))(read)
        os.write(write, b"abc")
        assert await protocol.has_received(3) == b"abc"
        await end(transport, protocol)
