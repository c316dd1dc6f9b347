"""get_extra_info, and what classes transports belong to."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref

import pytest
from harness.peers import connected_pair, dialled
from harness.protocols import Recorder


async def test_of_a_client(loop):
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    transport, _ = await loop.create_connection(asyncio.Protocol, *address)
    assert transport.get_extra_info("peername") == address
    host, port = transport.get_extra_info("sockname")
    assert host == "127.0.0.1"
    assert port > 0
    sock = transport.get_extra_info("socket")
    assert sock.getpeername() == address
    assert sock.getsockname() == (host, port)
    transport.abort()
    server.close()
    await server.wait_closed()


async def test_of_an_accepted_connection(loop):
    made = loop.create_future()

    class Accepts(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            made.set_result(self)

    server = await loop.create_server(Accepts, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    with dialled(address) as peer:
        protocol = await made
        transport = protocol.transport
        assert transport.get_extra_info("peername") == peer.sock.getsockname()
        assert transport.get_extra_info("sockname") == address
        transport.close()
        await protocol.lost
    server.close()
    await server.wait_closed()


async def test_over_ipv6(loop):
    server = await loop.create_server(asyncio.Protocol, "::1", 0)
    address = server.sockets[0].getsockname()
    transport, _ = await loop.create_connection(asyncio.Protocol, *address[:2])
    assert transport.get_extra_info("peername") == address
    assert transport.get_extra_info("socket").family == socket.AF_INET6
    transport.abort()
    server.close()
    await server.wait_closed()


async def test_what_is_not_known_is_none_or_the_default(loop, connect):
    transport, _, _ = await connect()
    assert transport.get_extra_info("nothing") is None
    assert transport.get_extra_info("nothing", 5) == 5
    assert transport.get_extra_info("nothing", default=6) == 6
    assert transport.get_extra_info("sslcontext") is None
    assert transport.get_extra_info("peername", 7) != 7


async def test_names_survive_the_connection(loop, connect):
    transport, protocol, _ = await connect()
    names = [transport.get_extra_info(key) for key in ("peername", "sockname")]
    transport.close()
    await protocol.lost
    await asyncio.sleep(0)
    assert [transport.get_extra_info(key) for key in ("peername", "sockname")] == names


async def test_over_a_unix_pair_names_are_empty(loop):
    left, right = socket.socketpair()
    transport, protocol = await loop.create_connection(Recorder, sock=left)
    assert transport.get_extra_info("sockname") == ""
    assert transport.get_extra_info("peername") == ""
    right.sendall(b"works")
    assert await protocol.has_received(5) == b"works"
    transport.close()
    await protocol.lost
    right.close()


class TestSocket:
    async def test_is_a_transport_socket(self, loop, connect):
        transport, _, _ = await connect()
        sock = transport.get_extra_info("socket")
        assert isinstance(sock, asyncio.trsock.TransportSocket)
        assert sock.family == socket.AF_INET
        assert sock.type == socket.SOCK_STREAM
        assert isinstance(sock.fileno(), int)
        assert transport.get_extra_info("socket").fileno() == sock.fileno()

    async def test_is_non_blocking_and_without_delay(self, loop):
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        transport, _ = await loop.create_connection(asyncio.Protocol, *address)
        sock = transport.get_extra_info("socket")
        assert sock.gettimeout() == 0
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        transport.abort()
        server.close()
        await server.wait_closed()

    async def test_accepted_ones_are_too(self, loop):
        made = loop.create_future()

        class Accepts(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                made.set_result(self)

        server = await loop.create_server(Accepts, "127.0.0.1", 0)
        with dialled(server.sockets[0].getsockname()):
            protocol = await made
            sock = protocol.transport.get_extra_info("socket")
            assert sock.gettimeout() == 0
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            protocol.transport.close()
            await protocol.lost
        server.close()
        await server.wait_closed()

    async def test_options_can_be_set(self, loop, connect):
        transport, _, _ = await connect()
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1

    async def test_watching_it_is_refused_while_the_transport_lives(self, loop, connect):
        transport, protocol, _ = await connect()
        sock = transport.get_extra_info("socket")
        for watch in (
            lambda: loop.add_reader(sock, print),
            lambda: loop.add_writer(sock.fileno(), print),
            lambda: loop.remove_reader(sock),
            lambda: loop.remove_writer(sock),
        ):
            with pytest.raises(RuntimeError) as caught:
                watch()
            text = str(caught.value)
            assert text.startswith("File descriptor ")
            assert f" is used by transport {transport!r}" in text
        transport.close()
        assert loop.remove_reader(sock) is False
        await protocol.lost


class TestClasses:
    async def test_is_every_kind_of_stream_transport(self, loop, connect):
        transport, _, _ = await connect()
        for cls in (
            asyncio.BaseTransport,
            asyncio.ReadTransport,
            asyncio.WriteTransport,
            asyncio.Transport,
        ):
            assert isinstance(transport, cls)
        assert not isinstance(transport, asyncio.DatagramTransport)
        assert not isinstance(transport, asyncio.SubprocessTransport)

    async def test_has_every_public_method(self, loop, connect):
        transport, _, _ = await connect()
        wanted = {name for name in dir(asyncio.Transport) if not name.startswith("_")}
        assert wanted <= set(dir(transport))

    async def test_can_be_referred_to_weakly_and_hashed(self, loop, connect):
        transport, _, _ = await connect()
        assert weakref.ref(transport)() is transport
        assert {transport: 1}[transport] == 1

    async def test_repr_tells_the_state(self, loop, connect):
        transport, protocol, _ = await connect()
        number = transport.get_extra_info("socket").fileno()
        assert f"fd={number}" in repr(transport)
        assert "closing" not in repr(transport)
        transport.close()
        assert "closing" in repr(transport)
        await protocol.lost
        await asyncio.sleep(0)
        assert "closed" in repr(transport)

    async def test_a_cycle_with_its_protocol_is_collected_after_the_end(self, loop):
        ours, theirs = connected_pair()
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        transport.backwards = [protocol, transport]
        alive = weakref.ref(transport)
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        del transport, protocol, ours
        gc.collect()
        assert alive() is None
        theirs.close()
