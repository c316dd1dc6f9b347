"""Protocol methods that raise: reported, and the connection is closed with the error."""

from __future__ import annotations

import asyncio

import pytest
from harness.outcome import shown
from harness.protocols import Recorder


def raising(method, error):
    """A protocol whose one method raises."""

    class Raises(Recorder):
        pass

    def fail(self, *args):
        self._note(method)
        raise error

    setattr(Raises, method, fail)
    return Raises


class BufferedRecorder(asyncio.BufferedProtocol):
    """A buffered protocol that gives what the test says."""

    def __init__(self, buffer=None, error=None):
        self.loop = asyncio.get_running_loop()
        self.lost = self.loop.create_future()
        self.transport = None
        self._buffer = bytearray(100) if buffer is None else buffer
        self._error = error

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, sizehint):
        return self._buffer() if callable(self._buffer) else self._buffer

    def buffer_updated(self, count):
        if self._error:
            raise self._error

    def connection_lost(self, exc):
        self.lost.set_result(exc)


@pytest.fixture
def error():
    error = ValueError("on purpose")
    yield error
    error.__traceback__ = None


def check_report(reports, message, error, transport, protocol):
    (report,) = reports
    assert report == {
        "message": message,
        "exception": error,
        "transport": transport,
        "protocol": protocol,
    }


class TestDataReceived:
    async def test_is_reported_and_ends_the_connection(self, loop, connect, reports, error):
        transport, protocol, peer = await connect(raising("data_received", error))
        peer.sock.sendall(b"x")
        assert await protocol.lost is error
        message = "Fatal error: protocol.data_received() call failed."
        check_report(reports, message, error, transport, protocol)
        assert transport.is_closing()
        assert await peer.read_to_end() == b""

    async def test_what_waits_to_be_written_is_dropped(self, loop, connect, reports, error):
        transport, protocol, peer = await connect(
            raising("data_received", error), buffer_bytes=4096
        )
        transport.write(b"x" * 3_000_000)
        peer.sock.sendall(b"x")
        assert await protocol.lost is error
        assert transport.get_write_buffer_size() == 0

    async def test_an_os_error_is_not_reported(self, loop, connect, reports):
        failure = OSError(5, "on purpose")
        _, protocol, peer = await connect(raising("data_received", failure))
        peer.sock.sendall(b"x")
        assert await protocol.lost is failure
        assert reports == []
        failure.__traceback__ = None

    async def test_an_os_error_is_logged_in_debug_mode(self, loop, connect, log):
        loop.set_debug(True)
        failure = OSError(5, "on purpose")
        _, protocol, peer = await connect(raising("data_received", failure))
        peer.sock.sendall(b"x")
        assert await protocol.lost is failure
        text = ": Fatal error: protocol.data_received() call failed."
        assert any(message.endswith(text) for message in log.messages(0))
        failure.__traceback__ = None
        loop.set_debug(False)

    async def test_a_cancelled_error_is_like_any_other(self, loop, connect, reports):
        failure = asyncio.CancelledError()
        _, protocol, peer = await connect(raising("data_received", failure))
        peer.sock.sendall(b"x")
        assert await protocol.lost is failure
        assert len(reports) == 1
        failure.__traceback__ = None

    @pytest.mark.parametrize("kind_of_exit", [KeyboardInterrupt, SystemExit])
    def test_an_exit_leaves_the_loop(self, loop, connect, kind_of_exit):
        transport, _, peer = loop.run_until_complete(
            connect(raising("data_received", kind_of_exit("out")))
        )
        peer.sock.sendall(b"x")
        with pytest.raises(kind_of_exit, match="^out$"):
            loop.run_forever()
        assert not transport.is_closing()
        transport.abort()
        loop.run_until_complete(asyncio.sleep(0))

    async def test_other_connections_go_on(self, loop, connect, reports, error):
        _, bad, bad_peer = await connect(raising("data_received", error))
        _, good, good_peer = await connect()
        bad_peer.sock.sendall(b"x")
        await bad.lost
        good_peer.sock.sendall(b"fine")
        assert await good.has_received(4) == b"fine"


class TestEofReceived:
    async def test_is_reported_and_ends_the_connection(self, loop, connect, reports, error):
        transport, protocol, peer = await connect(raising("eof_received", error))
        peer.finish()
        assert await protocol.lost is error
        message = "Fatal error: protocol.eof_received() call failed."
        check_report(reports, message, error, transport, protocol)


class TestConnectionLost:
    async def test_is_reported_and_the_socket_is_closed(self, loop, connect, reports, error):
        transport, protocol, peer = await connect(raising("connection_lost", error))
        transport.close()
        await protocol.called("connection_lost")
        await asyncio.sleep(0)
        (report,) = reports
        assert report["exception"] is error
        assert report["message"].startswith("Exception in callback ")
        assert transport.get_extra_info("socket").fileno() == -1
        assert await peer.read_to_end() == b""


class TestConnectionMade:
    async def test_of_an_accepted_connection_is_reported(self, loop, reports, error):
        made = loop.create_future()

        class Fails(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                made.set_result(self)
                raise error

        server = await loop.create_server(Fails, "127.0.0.1", 0)
        _, client = await loop.create_connection(Recorder, *server.sockets[0].getsockname())
        protocol = await made
        await asyncio.sleep(0)
        assert [report["exception"] for report in reports] == [error]
        client.transport.write(b"still read")
        assert await protocol.has_received(10) == b"still read"
        client.transport.close()
        await protocol.lost
        server.close()
        await server.wait_closed()


class TestBuffered:
    async def test_get_buffer_raises(self, loop, connect, reports, error):
        def fail():
            raise error

        transport, protocol, peer = await connect(lambda: BufferedRecorder(buffer=fail))
        peer.sock.sendall(b"x")
        assert await protocol.lost is error
        message = "Fatal error: protocol.get_buffer() call failed."
        check_report(reports, message, error, transport, protocol)

    @pytest.mark.parametrize("buffer", [bytearray(), memoryview(bytearray())], ids=shown)
    async def test_get_buffer_gives_an_empty_one(self, loop, connect, reports, buffer):
        _, protocol, peer = await connect(lambda: BufferedRecorder(buffer=lambda: buffer))
        peer.sock.sendall(b"x")
        lost = await protocol.lost
        assert type(lost) is RuntimeError
        assert str(lost) == "get_buffer() returned an empty buffer"
        assert reports[0]["message"] == "Fatal error: protocol.get_buffer() call failed."
        lost.__traceback__ = None

    async def test_get_buffer_gives_none(self, loop, connect, reports):
        _, protocol, peer = await connect(lambda: BufferedRecorder(buffer=lambda: None))
        peer.sock.sendall(b"x")
        lost = await protocol.lost
        assert type(lost) is TypeError
        assert reports[0]["message"] == "Fatal error: protocol.get_buffer() call failed."
        lost.__traceback__ = None

    @pytest.mark.parametrize("buffer", [b"read only", "text", [1, 2]], ids=repr)
    async def test_get_buffer_gives_what_cannot_be_written(self, loop, connect, reports, buffer):
        _, protocol, peer = await connect(lambda: BufferedRecorder(buffer=lambda: buffer))
        peer.sock.sendall(b"x")
        lost = await protocol.lost
        assert type(lost) in (TypeError, BufferError)
        assert reports[0]["message"] == "Fatal read error on socket transport"
        lost.__traceback__ = None

    async def test_buffer_updated_raises(self, loop, connect, reports, error):
        transport, protocol, peer = await connect(lambda: BufferedRecorder(error=error))
        peer.sock.sendall(b"x")
        assert await protocol.lost is error
        message = "Fatal error: protocol.buffer_updated() call failed."
        check_report(reports, message, error, transport, protocol)

    @pytest.mark.parametrize("kind_of_exit", [KeyboardInterrupt, SystemExit])
    def test_an_exit_leaves_the_loop(self, loop, connect, kind_of_exit):
        leaving = kind_of_exit("out")
        transport, protocol, peer = loop.run_until_complete(
            connect(lambda: BufferedRecorder(error=leaving))
        )
        peer.sock.sendall(b"x")
        with pytest.raises(kind_of_exit, match="^out$"):
            loop.run_forever()
        transport.abort()
        loop.run_until_complete(protocol.lost)
