"""close and abort, and what a transport still does afterwards."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import warnings

import pytest
from harness.protocols import Recorder

SMALL = 4096
MUCH = 3_000_000


class TestClose:
    async def test_tells_the_protocol_in_a_later_turn(self, loop, connect):
        transport, protocol, peer = await connect()
        assert not transport.is_closing()
        assert transport.close() is None
        assert transport.is_closing()
        assert not protocol.lost.done()
        assert await protocol.lost is None
        assert await peer.read_to_end() == b""

    async def test_sends_what_waits_first(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        transport.write(b"x" * MUCH)
        transport.close()
        assert transport.is_closing()
        await asyncio.sleep(0)
        assert not protocol.lost.done()
        assert len(await peer.read_to_end()) == MUCH
        assert await protocol.lost is None

    async def test_of_small_writes_in_the_same_turn_none_is_lost(self, loop, connect):
        transport, protocol, peer = await connect()
        for number in range(100):
            transport.write(b"%02d" % number)
        transport.close()
        assert await peer.read_to_end() == b"".join(b"%02d" % n for n in range(100))
        assert await protocol.lost is None

    async def test_stops_reading_at_once(self, loop, connect):
        transport, protocol, peer = await connect()
        peer.sock.sendall(b"unread")
        transport.close()
        await protocol.lost
        assert "data_received" not in protocol.calls

    async def test_again_and_again_is_once(self, loop, connect):
        transport, protocol, _ = await connect()
        for _ in range(3):
            transport.close()
        await protocol.lost
        transport.close()
        transport.abort()
        await asyncio.sleep(0)
        assert protocol.calls.count("connection_lost") == 1

    async def test_in_connection_made(self, loop, connect):
        class Closes(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                transport.close()

        _, protocol, peer = await connect(Closes)
        assert await protocol.lost is None
        assert await peer.read_to_end() == b""
        assert protocol.calls == ["connection_made", "connection_lost"]

    async def test_in_data_received(self, loop, connect):
        class Closes(Recorder):
            def data_received(self, data):
                super().data_received(data)
                self.transport.write(b"bye")
                self.transport.close()

        _, protocol, peer = await connect(Closes)
        peer.sock.sendall(b"hello")
        assert await peer.read_to_end() == b"bye"
        assert await protocol.lost is None
        assert protocol.calls == ["connection_made", "data_received", "connection_lost"]

    async def test_in_connection_lost(self, loop, connect):
        class Closes(Recorder):
            def connection_lost(self, exc):
                self.transport.close()
                self.transport.abort()
                super().connection_lost(exc)

        _, protocol, peer = await connect(Closes)
        peer.close()
        await protocol.lost
        await asyncio.sleep(0)
        assert protocol.calls.count("connection_lost") == 1

    async def test_the_socket_is_closed_when_the_protocol_has_been_told(self, loop, connect):
        transport, protocol, _ = await connect()
        sock = transport.get_extra_info("socket")
        assert sock.fileno() >= 0
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        assert sock.fileno() == -1

    def test_before_the_loop_is_closed_leaves_nothing(self, loop, connect):
        transport, protocol, _ = loop.run_until_complete(connect())
        transport.close()
        loop.run_until_complete(protocol.lost)
        loop.close()


class TestAbort:
    async def test_tells_the_protocol_in_a_later_turn(self, loop, connect):
        transport, protocol, _ = await connect()
        assert transport.abort() is None
        assert transport.is_closing()
        assert not protocol.lost.done()
        assert await protocol.lost is None

    async def test_drops_what_waits(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        transport.write(b"x" * MUCH)
        transport.abort()
        assert transport.get_write_buffer_size() == 0
        assert await protocol.lost is None
        try:
            found = await peer.read_to_end()
        except ConnectionResetError:
            found = b""
        assert len(found) < MUCH

    async def test_after_close_does_not_wait_for_the_rest(self, loop, connect):
        transport, protocol, _ = await connect(buffer_bytes=SMALL)
        transport.write(b"x" * MUCH)
        transport.close()
        transport.abort()
        assert await protocol.lost is None
        assert protocol.calls.count("connection_lost") == 1

    async def test_again_and_again_is_once(self, loop, connect):
        transport, protocol, _ = await connect()
        for _ in range(3):
            transport.abort()
        await protocol.lost
        await asyncio.sleep(0)
        assert protocol.calls.count("connection_lost") == 1

    async def test_in_data_received(self, loop, connect):
        class Aborts(Recorder):
            def data_received(self, data):
                super().data_received(data)
                self.transport.abort()

        _, protocol, peer = await connect(Aborts)
        peer.sock.sendall(b"hello")
        assert await protocol.lost is None
        assert protocol.calls == ["connection_made", "data_received", "connection_lost"]


class TestAfterwards:
    async def test_writes_are_dropped_and_from_the_fifth_on_complained_of(self, loop, connect, log):
        transport, protocol, _ = await connect()
        transport.close()
        await protocol.lost
        for _ in range(4):
            transport.write(b"x")
        assert log.messages() == []
        transport.write(b"x")
        transport.write(b"x")
        assert log.messages() == ["socket.send() raised exception."] * 2

    async def test_writes_between_close_and_its_end_are_dropped(self, loop, connect):
        transport, protocol, peer = await connect()
        transport.close()
        transport.write(b"too late")
        assert await peer.read_to_end() == b""
        assert await protocol.lost is None

    async def test_empty_writes_are_not_counted(self, loop, connect):
        transport, protocol, _ = await connect()
        transport.close()
        await protocol.lost
        for _ in range(20):
            transport.write(b"")

    async def test_bad_types_are_still_refused(self, loop, connect):
        transport, protocol, _ = await connect()
        transport.close()
        await protocol.lost
        with pytest.raises(TypeError):
            transport.write("text")

    async def test_the_rest_is_harmless(self, loop, connect):
        transport, protocol, _ = await connect()
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        assert transport.is_closing() is True
        assert transport.is_reading() is False
        assert transport.get_write_buffer_size() == 0
        transport.pause_reading()
        transport.resume_reading()
        transport.write_eof()
        transport.close()
        transport.abort()
        assert transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
        assert transport.get_extra_info("peername") is not None
        assert repr(transport).startswith("<")

    async def test_lets_go_of_the_protocol(self, loop, connect):
        import weakref

        transport, protocol, _ = await connect()
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        alive = weakref.ref(protocol)
        del protocol
        gc.collect()
        assert alive() is None


class TestDropped:
    def test_a_transport_never_closed_warns(self, loop):
        ours, theirs = socket.socketpair()
        transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=ours))
        transport.pause_reading()
        del ours
        with warnings.catch_warnings(record=True) as seen:
            # The socket warns too when the collector takes it first.
            warnings.simplefilter("always")
            del transport
            gc.collect()
        theirs.close()
        assert any(str(warning.message).startswith("unclosed transport <") for warning in seen)
        assert {warning.category for warning in seen} == {ResourceWarning}

    def test_a_closed_one_does_not_warn(self, loop, connect):
        transport, protocol, _ = loop.run_until_complete(connect())
        transport.close()
        loop.run_until_complete(protocol.lost)
        del transport, protocol
        gc.collect()


class TestErrors:
    async def test_a_reset_by_the_peer_reaches_connection_lost(self, loop, connect):
        transport, protocol, peer = await connect()
        peer.reset()
        error = await protocol.lost
        assert isinstance(error, ConnectionResetError)
        assert error.errno == errno.ECONNRESET
        assert transport.is_closing()
        assert "eof_received" not in protocol.calls

    async def test_a_reset_while_writing_reaches_connection_lost(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        transport.pause_reading()
        transport.write(b"x" * MUCH)
        peer.reset()
        assert isinstance(await protocol.lost, (ConnectionResetError, BrokenPipeError))

    async def test_writing_to_a_peer_that_is_gone(self, loop, connect):
        class Insists(Recorder):
            def eof_received(self):
                super().eof_received()
                return True

        transport, protocol, peer = await connect(Insists)
        peer.close()
        await protocol.called("eof_received")
        while not transport.is_closing():
            transport.write(b"x")
            await asyncio.sleep(0)
        assert isinstance(await protocol.lost, (ConnectionResetError, BrokenPipeError))

    async def test_connection_errors_are_not_reported(self, loop, connect, reports):
        _, protocol, peer = await connect()
        peer.reset()
        await protocol.lost
        assert reports == []
