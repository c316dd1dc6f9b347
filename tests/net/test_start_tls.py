"""Connections that go on with TLS: loop.start_tls and StreamWriter.start_tls."""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio import sslproto

import pytest
from harness.peers import connected_pair
from harness.protocols import Recorder
from harness.tls import TlsPeer, client_context, server_context

TAKES_OVER = "_stream_reader" in asyncio.BaseEventLoop.start_tls.__code__.co_consts


class Plain(asyncio.Protocol):
    """Waits for the word that asks for TLS."""

    def __init__(self, loop):
        self.received = bytearray()
        self.asked = loop.create_future()
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        if self.received.endswith(b"STARTTLS\n"):
            self.asked.set_result(None)


async def upgraded(loop, **options):
    """A server of the loop's and its client's peer, both with TLS; all that is needed to go on."""
    ours, theirs = connected_pair()
    theirs.setblocking(False)
    transport, plain = await loop.create_connection(lambda: Plain(loop), sock=ours)
    await loop.sock_sendall(theirs, b"STARTTLS\n")
    await plain.asked
    peer = TlsPeer(loop, theirs, client_context(), server_side=False)
    protocol = Recorder()
    upgrading = asyncio.ensure_future(
        loop.start_tls(transport, protocol, server_context(), server_side=True, **options)
    )
    await peer.handshake()
    return await upgrading, protocol, peer


async def test_a_server(loop):
    transport, protocol, peer = await upgraded(loop)
    # The protocol was there before: only the transport is new.
    assert protocol.calls == []
    await peer.write(b"hello")
    assert await protocol.has_received(5) == b"hello"
    transport.write(b"answer")
    assert await peer.read(6) == b"answer"
    transport.close()
    await peer.unwrap()
    assert await protocol.lost is None
    peer.close()


async def test_a_client(loop):
    ours, theirs = connected_pair()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    peer = TlsPeer(loop, theirs, server_context(), server_side=True)
    protocol = Recorder()
    upgrading = asyncio.ensure_future(
        loop.start_tls(transport, protocol, client_context(), server_hostname="localhost")
    )
    await peer.handshake()
    secure = await upgrading
    assert secure is not transport
    assert secure.get_extra_info("socket") is transport.get_extra_info("socket")
    secure.write(b"hello")
    assert await peer.read(5) == b"hello"
    secure.close()
    await peer.unwrap()
    assert await protocol.lost is None
    peer.close()


SERVER = server_context()


async def test_the_hello_split_at_every_byte(loop):
    length = None
    offset = 0
    while length is None or offset <= length:
        ours, theirs = connected_pair()
        theirs.setblocking(False)
        transport, plain = await loop.create_connection(lambda: Plain(loop), sock=ours)
        peer = TlsPeer(loop, theirs, client_context(), server_side=False)
        with pytest.raises(ssl.SSLWantReadError):
            peer.object.do_handshake()
        hello = peer.records()
        length = len(hello)
        await peer.send(b"STARTTLS\n")
        await plain.asked
        protocol = Recorder()
        upgrading = asyncio.ensure_future(
            loop.start_tls(transport, protocol, SERVER, server_side=True)
        )
        await peer.send(hello[:offset])
        for _ in range(3):
            await asyncio.sleep(0)
        await peer.send(hello[offset:])
        await peer.handshake()
        secure = await upgrading
        await peer.write(b"whole")
        assert await protocol.has_received(5) == b"whole"
        secure.abort()
        await protocol.lost
        peer.close()
        offset += 1


@pytest.mark.skipif(not TAKES_OVER, reason="leaves what follows with the reader")
async def test_what_follows_the_word_in_one_stream_split_at_every_byte(loop):
    """A client that does not wait for an answer: its hello follows in the same segment."""

    async def answer(reader, writer):
        assert await reader.readline() == b"STARTTLS\n"
        await writer.start_tls(SERVER)
        writer.write((await reader.readexactly(5)).upper())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        for offset in range(600):
            sock = socket.create_connection(address)
            peer = TlsPeer(loop, sock, client_context(), server_side=False)
            with pytest.raises(ssl.SSLWantReadError):
                peer.object.do_handshake()
            stream = b"STARTTLS\n" + peer.records()
            if offset > len(stream):
                peer.close()
                break
            await peer.send(stream[:offset])
            for _ in range(3):
                await asyncio.sleep(0)
            await peer.send(stream[offset:])
            await peer.handshake()
            await peer.write(b"hello")
            assert await peer.read(5) == b"HELLO"
            await peer.unwrap()
            peer.close()


async def test_streams_both_ways(loop):
    async def answer(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        await writer.start_tls(server_context())
        async for line in reader:
            writer.write(line.upper())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"STARTTLS\n"
        await writer.start_tls(client_context(), server_hostname="localhost")
        assert writer.get_extra_info("ssl_object") is not None
        for number in range(50):
            writer.write(b"line %d\n" % number)
            assert await reader.readline() == b"LINE %d\n" % number
        writer.close()
        await writer.wait_closed()


async def test_tls_in_tls(loop):
    """The peer's outer TLS carries its inner one."""
    transport, _outer, peer = await upgraded(loop)
    inner = TlsPeer(loop, peer.sock, client_context(), server_side=False)
    protocol = Recorder()
    upgrading = asyncio.ensure_future(
        loop.start_tls(transport, protocol, server_context("localhost"), server_side=True)
    )
    with pytest.raises(ssl.SSLWantReadError):
        inner.object.do_handshake()
    await peer.write(inner.records())
    while True:
        try:
            inner.object.do_handshake()
            break
        except ssl.SSLWantReadError:
            inner.incoming.write(await peer.read(1))
    await peer.write(inner.records())
    secure = await upgrading
    assert secure.get_extra_info("ssl_object") is not transport.get_extra_info("ssl_object")
    await peer.write(inner.encrypt(b"deep"))
    assert await protocol.has_received(4) == b"deep"
    big = bytes(range(256)) * 1000
    await peer.write(inner.encrypt(big))
    await protocol.has_received(4 + len(big))
    assert protocol.received[4:] == big
    secure.abort()
    assert await protocol.lost is None
    peer.close()


async def test_tls_in_tls_between_two_of_the_loop(loop):
    async def answer(reader, writer):
        await writer.start_tls(server_context("example"))
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_context())
    async with server:
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(), ssl=client_context(), server_hostname="localhost"
        )
        await writer.start_tls(client_context(), server_hostname="example.org")
        writer.write(b"deep\n")
        assert await reader.readline() == b"DEEP\n"
        writer.close()
        await writer.wait_closed()


class Foreign(asyncio.Transport):
    """A transport that is not the loop's, over one that is."""

    _start_tls_compatible = True

    def __init__(self, below):
        super().__init__()
        self.below = below
        self.protocol = None

    def set_protocol(self, protocol):
        self.protocol = protocol

    def get_protocol(self):
        return self.protocol

    def pause_reading(self):
        self.below.pause_reading()

    def resume_reading(self):
        self.below.resume_reading()

    def write(self, data):
        self.below.write(bytes(data))

    def close(self):
        self.below.close()

    def abort(self):
        self.below.abort()

    def _force_close(self, exc):
        self.below.abort()

    def is_closing(self):
        return self.below.is_closing()

    def get_extra_info(self, name, default=None):
        return "foreign" if name == "kind" else default


class Relay(asyncio.Protocol):
    """Fills the buffer of the protocol above the foreign transport, a few bytes at a time."""

    def connection_made(self, transport):
        self.foreign = Foreign(transport)

    def data_received(self, data):
        above = self.foreign.protocol
        assert isinstance(above, asyncio.BufferedProtocol)
        while data:
            buffer = memoryview(above.get_buffer(-1))
            count = min(len(buffer), len(data), 100)
            buffer[:count] = data[:count]
            data = data[count:]
            above.buffer_updated(count)

    def eof_received(self):
        return self.foreign.protocol.eof_received()

    def connection_lost(self, exc):
        self.foreign.protocol.connection_lost(exc)


async def test_over_a_foreign_transport(loop):
    ours, theirs = connected_pair()
    _, relay = await loop.create_connection(Relay, sock=ours)
    peer = TlsPeer(loop, theirs, server_context(), server_side=True)
    protocol = Recorder()
    upgrading = asyncio.ensure_future(
        loop.start_tls(relay.foreign, protocol, client_context(), server_hostname="localhost")
    )
    await peer.handshake()
    transport = await upgrading
    assert transport.get_extra_info("kind") == "foreign"
    data = bytes(range(256)) * 300
    await peer.write(data)
    assert await protocol.has_received(len(data)) == data
    transport.write(b"answer")
    assert await peer.read(6) == b"answer"
    transport.close()
    await peer.unwrap()
    assert await protocol.lost is None
    peer.close()


async def test_over_stock_tls(loop):
    """Asyncio's own SSLProtocol goes on working over the loop's transports."""
    ours, theirs = connected_pair()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    peer = TlsPeer(loop, theirs, server_context(), server_side=True)
    protocol = Recorder()
    waiter = loop.create_future()
    stock = sslproto.SSLProtocol(
        loop, protocol, client_context(), waiter, server_hostname="localhost"
    )
    transport.set_protocol(stock)
    stock.connection_made(transport)
    await peer.handshake()
    await waiter
    await peer.write(b"hello")
    assert await protocol.has_received(5) == b"hello"
    protocol.transport.abort()
    assert await protocol.lost is None
    peer.close()


async def test_refuses_what_it_cannot_use(loop):
    ours, theirs = connected_pair()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    with pytest.raises(TypeError, match="sslcontext is expected to be an instance of ssl"):
        await loop.start_tls(transport, Recorder(), None)
    with pytest.raises(TypeError, match=r"transport .* is not supported by start_tls\(\)"):
        await loop.start_tls(object(), Recorder(), client_context())
    with pytest.raises(ValueError, match="ssl_handshake_timeout should be a positive number"):
        await loop.start_tls(transport, Recorder(), server_context(), ssl_handshake_timeout=0)
    assert not transport.is_closing()
    transport.abort()
    theirs.close()


async def test_a_peer_that_speaks_no_tls(loop):
    ours, theirs = connected_pair()
    theirs.setblocking(False)
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    protocol = Recorder()
    upgrading = asyncio.ensure_future(
        loop.start_tls(transport, protocol, client_context(), server_hostname="localhost")
    )
    await loop.sock_sendall(theirs, b"500 what?\n" * 10)
    with pytest.raises(ssl.SSLError):
        await upgrading
    assert transport.is_closing()
    # It knew of the connection before.
    assert isinstance(await protocol.lost, ssl.SSLError)
    assert protocol.calls == ["connection_lost"]
    theirs.close()


@pytest.mark.parametrize("turns", range(1, 7))
async def test_cancelled(loop, turns):
    ours, theirs = connected_pair()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    protocol = Recorder()
    upgrading = asyncio.ensure_future(
        loop.start_tls(transport, protocol, client_context(), server_hostname="localhost")
    )
    for _ in range(turns):
        await asyncio.sleep(0)
    upgrading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upgrading
    assert transport.is_closing()
    theirs.setblocking(False)
    # The end of the stream, after what was sent of the handshake.
    while await loop.sock_recv(theirs, 1000):
        pass
    theirs.close()
    assert "connection_made" not in protocol.calls
