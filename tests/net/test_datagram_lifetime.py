"""Datagram transports: how they end, and what they are as objects."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import gc
import socket
import weakref

import pytest
from harness.peers import sockname
from harness.protocols import DatagramRecorder


class TestClosing:
    async def test_close(self, loop, endpoint):
        transport, protocol = await endpoint()
        sock = transport.get_extra_info("socket")
        assert not transport.is_closing()
        transport.close()
        transport.close()
        assert transport.is_closing()
        assert protocol.calls == ["connection_made"]
        assert await protocol.lost is None
        await asyncio.sleep(0)
        assert sock.fileno() == -1
        assert protocol.calls == ["connection_made", "connection_lost"]
        assert transport.get_protocol() is None
        assert not transport.is_reading()

    async def test_abort(self, loop, endpoint):
        transport, protocol = await endpoint()
        transport.abort()
        transport.abort()
        assert transport.is_closing()
        assert await protocol.lost is None
        assert protocol.calls == ["connection_made", "connection_lost"]

    async def test_nothing_is_received_after_close(self, loop, endpoint):
        receiver, protocol = await endpoint()
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        sender.sendto(b"too late")
        receiver.close()
        await protocol.lost
        assert protocol.received == []

    async def test_sending_after_close_with_an_address_of_its_own(self, loop, endpoint, log):
        receiver, other = await endpoint()
        transport, protocol = await endpoint(remote_addr=sockname(receiver))
        transport.close()
        for _ in range(4):
            transport.sendto(b"x")
        assert log.messages() == []
        transport.sendto(b"x")
        assert log.messages() == ["socket.send() raised exception."]
        await protocol.lost
        transport.sendto(b"x")
        assert log.messages() == ["socket.send() raised exception."] * 2
        assert other.received == []

    async def test_sending_between_close_and_the_end(self, loop, endpoint):
        receiver, other = await endpoint()
        transport, protocol = await endpoint()
        transport.close()
        transport.sendto(b"last", sockname(receiver))
        await protocol.lost
        assert await other.has_received(1) == [b"last"]

    @pytest.mark.only("asyncioxide")
    async def test_sending_when_it_is_closed_warns(self, loop, endpoint, log):
        # In asyncio it is an AttributeError: there is no loop to report to any more.
        receiver, other = await endpoint()
        transport, protocol = await endpoint()
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        for _ in range(4):
            transport.sendto(b"x", sockname(receiver))
        assert log.messages() == []
        transport.sendto(b"x", sockname(receiver))
        assert log.messages() == ["socket.send() raised exception."]
        assert other.received == []

    async def test_a_socket_closed_behind_its_back(self, loop, endpoint):
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        to = sock.getsockname()
        transport, protocol = await endpoint(sock=sock)
        sock.close()
        transport.sendto(b"x", to)
        (error,) = protocol.errors
        assert error.errno == errno.EBADF
        transport.close()
        assert await protocol.lost is None

    async def test_close_from_datagram_received(self, loop, endpoint):
        class Once(DatagramRecorder):
            def datagram_received(self, data, addr):
                super().datagram_received(data, addr)
                self.transport.close()

        receiver, protocol = await endpoint(Once)
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        sender.sendto(b"1")
        sender.sendto(b"2")
        await protocol.lost
        assert protocol.received == [(b"1", sockname(sender))]

    def test_an_unclosed_transport_warns(self, loop):
        async def make():
            transport, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, ("127.0.0.1", 0)
            )
            transport.pause_reading()

        with pytest.warns(ResourceWarning, match="^unclosed transport <.*DatagramTransport fd="):
            loop.run_until_complete(make())
            gc.collect()

    def test_the_loop_keeps_one_that_is_read_from(self, loop):
        async def make():
            transport, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, ("127.0.0.1", 0)
            )
            return weakref.ref(transport)

        reference = loop.run_until_complete(make())
        gc.collect()
        assert reference() is not None
        reference().close()
        loop.run_until_complete(asyncio.sleep(0))

    def test_closing_the_loop_first(self, loop):
        async def make():
            return await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))

        transport, _ = loop.run_until_complete(make())
        loop.close()
        with pytest.raises(RuntimeError, match="^Event loop is closed$"):
            transport.close()
        assert "fd=" in repr(transport)
        with pytest.warns(ResourceWarning, match="unclosed transport"):
            del transport
            gc.collect()


class TestTheObject:
    async def test_extra_info(self, loop, endpoint):
        receiver, _ = await endpoint()
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        assert sender.get_extra_info("peername") == sockname(receiver)
        assert receiver.get_extra_info("peername", 5) is None
        assert receiver.get_extra_info("nothing") is None
        assert receiver.get_extra_info("nothing", 5) == 5
        assert receiver.get_extra_info("socket").type == socket.SOCK_DGRAM

    async def test_class(self, loop, endpoint):
        transport, _ = await endpoint()
        assert isinstance(transport, asyncio.Transport)
        # Since Python 3.12.
        stock = asyncio.selector_events._SelectorDatagramTransport
        expected = issubclass(stock, asyncio.DatagramTransport)
        assert isinstance(transport, asyncio.DatagramTransport) is expected

    async def test_repr(self, loop, endpoint):
        transport, protocol = await endpoint()
        name = repr(transport).split()[0]
        assert name.endswith("DatagramTransport")
        fd = transport.get_extra_info("socket").fileno()
        waiting = f"fd={fd} read=polling write=<idle, bufsize=0>>"
        assert repr(transport) == f"{name} {waiting}"
        transport.pause_reading()
        assert repr(transport) == f"{name} {waiting}".replace("polling", "idle")
        transport.close()
        assert repr(transport) == f"{name} closing {waiting}".replace("polling", "idle")
        await protocol.lost
        await asyncio.sleep(0)
        assert repr(transport) == f"{name} closed fd={fd}>"

    async def test_private_names(self, loop, endpoint):
        receiver, _ = await endpoint()
        transport, protocol = await endpoint(remote_addr=sockname(receiver))
        assert transport._loop is loop
        assert transport._protocol is protocol
        assert transport._address == sockname(receiver)
        assert transport._sock_fd == transport._sock.fileno()
        assert transport._conn_lost == 0
        assert not transport._closing
        assert not transport._protocol_paused
        transport._extra["more"] = 5
        assert transport.get_extra_info("more") == 5
        assert receiver._address is None

    async def test_attributes_and_weak_references(self, loop, endpoint):
        transport, _ = await endpoint()
        transport.mine = 5
        assert transport.mine == 5
        assert weakref.ref(transport)() is transport

    async def test_debug_mode_logs_pauses(self, loop, endpoint, log):
        loop.set_debug(True)
        transport, _ = await endpoint()
        shown = repr(transport)
        transport.pause_reading()
        assert any(text.endswith("pauses reading") for text in log.messages(0))
        transport.resume_reading()
        assert f"{shown} resumes reading" in log.messages(0)
        loop.set_debug(False)

    async def test_contextvars(self, loop, endpoint):
        variable = contextvars.ContextVar("variable")
        seen = []

        class Looks(DatagramRecorder):
            def datagram_received(self, data, addr):
                seen.append(variable.get())
                super().datagram_received(data, addr)

        variable.set("creator")
        receiver, protocol = await endpoint(Looks)
        variable.set("sender")
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        sender.sendto(b"x")
        await protocol.has_received(1)
        assert seen == ["creator"]
