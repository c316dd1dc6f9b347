"""TLS with small buffers, with pauses, ended before it began: nothing is lost, nothing hangs."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import ClassVar

import pytest
from harness.peers import connected_pair
from harness.protocols import Recorder, _Notes
from harness.tls import TlsPeer, client_context, server_context

SERVER = server_context()
CLIENT = client_context()


async def opened(loop, factory, context=CLIENT, buffer_bytes=None):
    ours, theirs = connected_pair(buffer_bytes=buffer_bytes)
    connecting = asyncio.ensure_future(
        loop.create_connection(factory, sock=ours, ssl=context, server_hostname="localhost")
    )
    peer = TlsPeer(loop, theirs, SERVER, server_side=True)
    await peer.handshake()
    transport, protocol = await connecting
    return transport, protocol, peer


class Small(_Notes, asyncio.BufferedProtocol):
    """Lends a buffer that holds much less than a record."""

    def __init__(self):
        super().__init__()
        self.memory = bytearray(1024)
        self.received = bytearray()
        self.before_lending = None

    def get_buffer(self, sizehint):
        if self.before_lending is not None:
            self.before_lending()
        return memoryview(self.memory)

    def buffer_updated(self, nbytes):
        self.received += self.memory[:nbytes]
        self._note("buffer_updated")

    def eof_received(self):
        self._note("eof_received")


class PausesOften(Small):
    """Reads one buffer, and the next one in another turn."""

    def buffer_updated(self, nbytes):
        super().buffer_updated(nbytes)
        self.transport.pause_reading()
        self.loop.call_soon(self.loop.call_soon, self.transport.resume_reading)


@pytest.mark.parametrize("goodbye", [True, False])
@pytest.mark.parametrize("factory", [Small, PausesOften])
async def test_all_is_read_before_the_end(loop, names, factory, goodbye):
    if names.is_stock:
        pytest.skip("asyncio reads one buffer after the end of the input")
    _transport, protocol, peer = await opened(loop, factory)
    data = os.urandom(200_000)
    await peer.send(peer.encrypt(data) + (peer.goodbye() if goodbye else b""))
    peer.sock.shutdown(socket.SHUT_WR)
    assert await protocol.lost is None
    assert protocol.received == data
    assert protocol.calls.count("eof_received") == 1
    peer.close()


async def test_all_is_read_after_a_pause_over_the_end(loop, names):
    if names.is_stock:
        pytest.skip("asyncio reads one buffer after the end of the input")
    transport, protocol, peer = await opened(loop, Small)
    transport.pause_reading()
    data = os.urandom(100_000)
    await peer.send(peer.encrypt(data) + peer.goodbye())
    peer.sock.shutdown(socket.SHUT_WR)
    while transport._ssl_protocol._state.name == "WRAPPED":
        await asyncio.sleep(0)
    # Not the input's business any more.
    transport.set_read_buffer_limits(1)
    transport.resume_reading()
    assert await protocol.lost is None
    assert protocol.received == data
    assert protocol.calls.count("eof_received") == 1
    peer.close()


async def test_closing_waits_for_no_more_to_read(loop):
    """Whoever closes himself wants no more."""
    transport, protocol, peer = await opened(loop, Small)
    await peer.send(peer.encrypt(bytes(100_000)))
    await protocol.called("buffer_updated")
    transport.close()
    peer.close()
    await protocol.lost
    assert len(protocol.received) < 100_000


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_closing_after_the_end_came_in_a_pause(loop, names, how):
    if names.is_stock and how == "close":
        pytest.skip("asyncio never closes")
    transport, protocol, peer = await opened(loop, Recorder)
    transport.pause_reading()
    await peer.send(peer.encrypt(b"unwanted") + peer.goodbye())
    peer.close()
    while transport._ssl_protocol._state.name == "WRAPPED":
        await asyncio.sleep(0)
    getattr(transport, how)()
    getattr(transport, how)()
    assert await protocol.lost is None
    assert protocol.received == b""


async def test_a_stream_that_is_closed_when_the_end_came_in_a_pause(loop, names):
    if names.is_stock:
        pytest.skip("asyncio never closes")
    ours, theirs = connected_pair()
    opening = asyncio.ensure_future(
        asyncio.open_connection(sock=ours, ssl=CLIENT, server_hostname="localhost", limit=1000)
    )
    peer = TlsPeer(loop, theirs, SERVER, server_side=True)
    await peer.handshake()
    _reader, writer = await opening
    await peer.write(bytes(10_000))
    while not writer.transport._ssl_protocol._app_reading_paused:
        await asyncio.sleep(0)
    await peer.send(peer.goodbye())
    peer.close()
    while writer.transport._ssl_protocol._state.name == "WRAPPED":
        await asyncio.sleep(0)
    writer.close()
    await writer.wait_closed()


async def test_another_protocol_comes_in_get_buffer(loop):
    transport, protocol, peer = await opened(loop, Small)
    other = Small()
    protocol.before_lending = lambda: transport.set_protocol(other)
    # The buffer is the old one's, as with every transport.
    other.memory = protocol.memory
    await peer.write(b"first")
    await other.called("buffer_updated")
    await peer.write(b"second")
    await other.called("buffer_updated", 2)
    assert other.received == b"firstsecond"
    assert protocol.received == b""
    transport.abort()
    await other.lost
    peer.close()


async def test_a_protocol_of_another_kind_comes_in_get_buffer(loop):
    transport, protocol, peer = await opened(loop, Small)
    other = Recorder()
    protocol.before_lending = lambda: transport.set_protocol(other)
    await peer.write(bytes(2000))
    assert await other.has_received(2000 - 1024) == bytes(2000 - 1024)
    assert protocol.received == bytes(1024)
    transport.abort()
    await other.lost
    peer.close()


class PausesAtOnce(Recorder):
    def connection_made(self, transport):
        transport.pause_reading()
        super().connection_made(transport)


async def test_a_pause_in_connection_made_keeps_no_handshake_back(loop, names):
    if names.is_stock:
        pytest.skip("asyncio keeps the end of the handshake back")
    transport, protocol, peer = await opened(loop, PausesAtOnce)
    transport.write(b"hello")
    assert await peer.read(5) == b"hello"
    await peer.write(b"answer")
    transport.resume_reading()
    assert await protocol.has_received(6) == b"answer"
    transport.abort()
    await protocol.lost
    peer.close()


class Breaks(ssl.SSLObject):
    """Encrypts no more when it is told so."""

    broken: ClassVar[list[bool]] = []

    def write(self, data):
        if self.broken:
            raise ssl.SSLError(1, "broken")
        return super().write(data)


async def test_encrypting_fails_when_writing_is_resumed(loop, names, reports):
    if names.is_stock:
        pytest.skip("asyncio reports it, and the connection hangs")
    context = client_context()
    context.sslobject_class = Breaks
    transport, protocol, peer = await opened(loop, Recorder, context, buffer_bytes=8192)
    transport.write(bytes(2_000_000))
    transport.write(bytes(100_000))
    Breaks.broken.append(True)
    try:
        while await peer.feed():
            peer.incoming.read()
    except ConnectionError:
        pass
    assert isinstance(await protocol.lost, ssl.SSLError)
    Breaks.broken.clear()
    assert reports == []
    peer.close()


class ReadsMore(ssl.SSLObject):
    """Gives more than it was asked for."""

    def read(self, len=1024, buffer=None):
        assert buffer is None
        return super().read(len) * 20


async def test_a_class_that_reads_more_than_it_was_asked_for(loop):
    context = client_context()
    context.sslobject_class = ReadsMore
    transport, protocol, peer = await opened(loop, Recorder, context)
    data = os.urandom(16_000)
    await peer.write(data)
    assert await protocol.has_received(20 * len(data)) == data * 20
    transport.abort()
    await protocol.lost
    peer.close()


@pytest.mark.parametrize("direction", ["read", "write"])
async def test_marks_of_nothing(loop, names, direction):
    if names.is_stock:
        pytest.skip("asyncio pauses where nothing is there, and does not resume")
    transport, protocol, peer = await opened(loop, Recorder)
    getattr(transport, f"set_{direction}_buffer_limits")(0)
    for word in (b"one", b"two"):
        await peer.write(word)
        transport.write(word)
        assert await peer.read(3) == word
    assert await protocol.has_received(6) == b"onetwo"
    assert protocol.calls.count("pause_writing") == protocol.calls.count("resume_writing")
    transport.abort()
    await protocol.lost
    peer.close()


async def end_of(loop, sock):
    sock.setblocking(False)
    while await loop.sock_recv(sock, 1 << 16):
        pass
    sock.close()


@pytest.mark.parametrize("turns", [0, 1])
async def test_a_connect_that_is_closed_in_its_first_turns(loop, names, reports, turns):
    if names.is_stock:
        pytest.skip("asyncio goes on with the handshake")
    ours, theirs = connected_pair()
    made = []

    def factory():
        made.append(Recorder())
        return made[-1]

    connecting = loop.create_connection(factory, sock=ours, ssl=CLIENT, server_hostname="localhost")
    connecting.send(None)
    for _ in range(turns):
        await asyncio.sleep(0)
    connecting.close()
    await end_of(loop, theirs)
    assert [protocol.calls for protocol in made] == [[]]
    assert reports == []


async def test_start_tls_is_closed_before_it_begins(loop, names, reports):
    if names.is_stock:
        pytest.skip("asyncio goes on with the handshake")
    ours, theirs = connected_pair()
    transport, protocol = await loop.create_connection(Recorder, sock=ours)
    starting = asyncio.ensure_future(
        loop.start_tls(transport, protocol, CLIENT, server_hostname="localhost")
    )
    while isinstance(transport.get_protocol(), Recorder):
        await asyncio.sleep(0)
    transport.get_protocol()._app_transport.close()
    text = "the connection was closed before its SSL handshake began"
    with pytest.raises(ConnectionAbortedError, match=text):
        await starting
    await end_of(loop, theirs)
    await protocol.lost
    assert reports == []


@pytest.mark.parametrize("how", ["socket", "address", "start_tls", "stream"])
async def test_a_name_check_without_a_name_leaves_nothing_open(loop, names, how):
    if names.is_stock:
        pytest.skip("asyncio skips the check before 3.15, and leaves the socket open")
    text = "^check_hostname requires server_hostname$"
    options = {"ssl": CLIENT, "server_hostname": ""}
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    address = listener.getsockname()
    if how == "socket":
        sock = socket.create_connection(address)
        sock.setblocking(False)
        with pytest.raises(ValueError, match=text):
            await loop.create_connection(Recorder, sock=sock, **options)
        sock.close()
    elif how == "address":
        with pytest.raises(ValueError, match=text):
            await loop.create_connection(Recorder, *address, **options)
    elif how == "stream":
        with pytest.raises(ValueError, match=text):
            await asyncio.open_connection(*address, **options)
    else:
        transport, protocol = await loop.create_connection(Recorder, *address)
        with pytest.raises(ValueError, match=text):
            await loop.start_tls(transport, protocol, CLIENT, server_hostname="")
        # It is still without TLS, and the user's.
        assert transport.get_protocol() is protocol
        transport.close()
        await protocol.lost
    accepted, _ = listener.accept()
    listener.close()
    await end_of(loop, accepted)
