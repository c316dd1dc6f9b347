"""How TLS connections end: well, badly, and at every byte."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct

import pytest
from harness.peers import connected_pair
from harness.protocols import Recorder
from harness.tls import TlsPeer, client_context, server_context

SERVER = server_context()
CLIENT = client_context()
RESET = struct.pack("ii", 1, 0)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def begin(loop, factory=Recorder, **options):
    """A client of the loop's that connects, and the peer."""
    ours, theirs = connected_pair()
    connecting = asyncio.ensure_future(
        loop.create_connection(
            factory, sock=ours, ssl=CLIENT, server_hostname="localhost", **options
        )
    )
    return connecting, TlsPeer(loop, theirs, SERVER, server_side=True)


async def opened(loop, factory=Recorder, **options):
    connecting, peer = begin(loop, factory, **options)
    await peer.handshake()
    transport, protocol = await connecting
    return transport, protocol, peer


async def test_the_peer_says_goodbye(loop):
    transport, protocol, peer = await opened(loop)
    await peer.send(peer.encrypt(b"last words") + peer.goodbye())
    assert await protocol.lost is None
    assert protocol.received == b"last words"
    assert protocol.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]
    # The answer to it.
    await peer.unwrap()
    assert transport.is_closing()
    peer.close()


@pytest.mark.parametrize("paused", [False, True])
async def test_what_crosses_the_goodbye_is_dropped(loop, names, paused):
    if names.is_stock:
        pytest.skip("asyncio says that the connection failed")
    transport, protocol, peer = await opened(loop)
    await peer.write(b"first")
    await protocol.has_received(5)
    if paused:
        transport.pause_reading()
    transport.close()
    # More than one read of the transport brings, and sent before the goodbye is read.
    await peer.write(bytes(300_000))
    await peer.unwrap()
    assert await protocol.lost is None
    assert protocol.received == b"first"
    assert protocol.calls[-2:] == ["eof_received", "connection_lost"]
    peer.close()


async def test_this_side_says_goodbye(loop):
    transport, protocol, peer = await opened(loop)
    transport.write(b"last words")
    transport.close()
    transport.write(b"too late")
    assert await peer.read(100) == b"last words"
    await peer.unwrap()
    assert await protocol.lost is None
    assert protocol.calls == ["connection_made", "eof_received", "connection_lost"]
    peer.close()


async def test_staying_open_after_the_goodbye_is_impossible(loop, log):
    class Stays(Recorder):
        def eof_received(self):
            super().eof_received()
            return True

    _transport, protocol, peer = await opened(loop, Stays)
    await peer.send(peer.goodbye())
    assert await protocol.lost is None
    assert log.messages() == ["returning true from eof_received() has no effect when using ssl"]
    peer.close()


async def test_a_stream_truncated_at_every_byte(loop):
    length = offset = 0
    words = (b"one", b"two", b"three")
    while offset <= length:
        _transport, protocol, peer = await opened(loop)
        records = [peer.encrypt(word) for word in words]
        stream = b"".join(records) + peer.goodbye()
        length = len(stream)
        await peer.send(stream[:offset])
        peer.close()
        assert await protocol.lost is None
        ends = [sum(map(len, records[: count + 1])) for count in range(len(records))]
        whole = [word for word, end in zip(words, ends, strict=True) if end <= offset]
        assert protocol.received == b"".join(whole)
        assert protocol.calls.count("eof_received") == 1
        offset += 1


async def test_a_handshake_truncated_at_every_byte(loop):
    length = offset = 0
    while offset < length or not length:
        connecting, peer = begin(loop)
        with pytest.raises(ssl.SSLWantReadError):
            while True:
                try:
                    peer.object.do_handshake()
                except ssl.SSLWantReadError:
                    if peer.outgoing.pending:
                        raise
                    await peer.feed()
        flight = peer.records()
        # A signature's length is not always the same: the last bytes are left out.
        length = len(flight) - 8
        await peer.send(flight[:offset])
        peer.sock.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError):
            await connecting
        peer.close()
        offset += 1


async def test_a_broken_record(loop, names):
    _transport, protocol, peer = await opened(loop)
    good, bad = peer.encrypt(b"good"), peer.encrypt(b"bad")
    await peer.send(good + bad[:-1] + bytes([bad[-1] ^ 1]))
    assert isinstance(await protocol.lost, ssl.SSLError)
    if not names.is_stock:
        assert protocol.received == b"good"
    assert "eof_received" not in protocol.calls
    peer.close()


async def test_a_reset_during_the_handshake(loop):
    connecting, peer = begin(loop)
    await peer.feed()
    reset(peer.sock)
    with pytest.raises(ConnectionResetError):
        await connecting


async def test_a_reset_while_open(loop):
    _transport, protocol, peer = await opened(loop)
    reset(peer.sock)
    assert isinstance(await protocol.lost, ConnectionResetError)
    assert protocol.calls == ["connection_made", "connection_lost"]


async def test_a_reset_while_closing(loop):
    transport, protocol, peer = await opened(loop)
    transport.close()
    # The goodbye is there, and nobody answers it.
    await peer.feed()
    reset(peer.sock)
    assert isinstance(await protocol.lost, ConnectionResetError)


async def test_a_reset_with_much_to_be_sent(loop):
    transport, protocol, peer = await opened(loop)
    transport.write(bytes(1 << 24))
    await peer.feed()
    reset(peer.sock)
    error = await protocol.lost
    assert isinstance(error, (ConnectionResetError, BrokenPipeError))
    transport.write(b"more")


async def test_many_writes_after_the_end_are_warned_about(loop, log):
    transport, protocol, peer = await opened(loop)
    transport.abort()
    await protocol.lost
    for _ in range(4):
        transport.write(b"more")
        transport.writelines([b"more"])
    assert set(log.messages()) == {"SSL connection is closed"}
    peer.close()


async def test_a_handshake_that_takes_too_long(loop):
    connecting, peer = begin(loop, ssl_handshake_timeout=0.05)
    text = "SSL handshake is taking longer than 0.05 seconds: aborting the connection"
    with pytest.raises(ConnectionAbortedError, match=text):
        await connecting
    assert await loop.sock_recv(peer.sock, 100_000)
    peer.close()


async def test_a_client_that_never_shakes_hands(loop):
    """The server's side: no protocol hears of it, and the connection is closed."""
    made = []
    server = await loop.create_server(
        lambda: made.append(Recorder()) or made[-1],
        "127.0.0.1",
        0,
        ssl=SERVER,
        ssl_handshake_timeout=0.05,
    )
    sock = socket.create_connection(server.sockets[0].getsockname())
    sock.setblocking(False)
    assert await loop.sock_recv(sock, 10) == b""
    assert [protocol.calls for protocol in made] == [[]]
    sock.close()
    server.close()
    await server.wait_closed()


async def test_a_goodbye_that_takes_too_long(loop):
    transport, protocol, peer = await opened(loop, ssl_shutdown_timeout=0.05)
    transport.close()
    error = await protocol.lost
    assert isinstance(error, TimeoutError)
    assert str(error) == "SSL shutdown timed out"
    peer.close()


async def test_the_end_waits_for_a_paused_reader(loop):
    transport, protocol, peer = await opened(loop)
    transport.pause_reading()
    await peer.send(peer.encrypt(b"before the end") + peer.goodbye())
    peer.close()
    transport.write(b"is anybody there?")
    for _ in range(5):
        await asyncio.sleep(0)
    assert protocol.calls == ["connection_made"]
    transport.resume_reading()
    await protocol.lost
    assert protocol.received == b"before the end"


async def test_a_renegotiation_is_refused(loop):
    """TLS 1.3 has none; what looks like one is no record and ends the connection."""
    _transport, protocol, peer = await opened(loop)
    await peer.send(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00")
    assert isinstance(await protocol.lost, ssl.SSLError)
    peer.close()


CALLBACKS = ["connection_made", "data_received", "eof_received", "pause_writing"]


class Ends(Recorder):
    """Ends its connection in one of the callbacks."""

    where = how = ""

    def _note(self, call):
        super()._note(call)
        if call == self.where:
            getattr(self.transport, self.how)()


async def sit_out(peer, words, goodbye):
    """A peer that says something, and then answers until the connection is over."""
    with contextlib.suppress(EOFError, ConnectionError, ssl.SSLError):
        await peer.handshake()
        await peer.send(peer.encrypt(words) + (peer.goodbye() if goodbye else b""))
        while await peer.read(1 << 16):
            pass
        await peer.unwrap()
        while await peer.feed():
            pass
    peer.close()


@pytest.mark.parametrize("how", ["close", "abort"])
@pytest.mark.parametrize("where", CALLBACKS)
async def test_ends_in_a_callback(loop, names, reports, where, how):
    class Here(Ends):
        pass

    Here.where, Here.how = where, how
    connecting, peer = begin(loop, Here)
    peering = asyncio.ensure_future(sit_out(peer, b"hello", where == "eof_received"))
    transport, protocol = await connecting
    if where == "pause_writing":
        transport.set_write_buffer_limits(high=1)
        while not transport.is_closing():
            transport.write(bytes(1 << 20))
    await protocol.lost
    await peering
    assert protocol.calls.count("connection_lost") == 1
    assert where in protocol.calls
    if not names.is_stock:
        assert reports == []


class Fails(Recorder):
    where = ""

    def _note(self, call):
        super()._note(call)
        if call == self.where:
            raise ZeroDivisionError(call)


@pytest.mark.parametrize("where", ["data_received", "eof_received"])
async def test_fails_in_a_callback(loop, reports, where):
    class Here(Fails):
        pass

    Here.where = where
    _transport, protocol, peer = await opened(loop, Here)
    await peer.send(peer.encrypt(b"hello") + peer.goodbye())
    assert isinstance(await protocol.lost, ZeroDivisionError)
    messages = {
        "data_received": "Fatal error on SSL protocol",
        "eof_received": "Error calling eof_received()",
    }
    assert [report["message"] for report in reports] == [messages[where]]
    assert set(reports[0]) == {"message", "exception", "transport", "protocol"}
    peer.close()


async def test_fails_in_connection_made(loop, reports):
    class Here(Fails):
        where = "connection_made"

    connecting, peer = begin(loop, Here)
    peering = asyncio.ensure_future(sit_out(peer, b"hello", False))
    with pytest.raises(ZeroDivisionError):
        await connecting
    await peering
    assert [report["message"] for report in reports] == [
        "Fatal error: protocol.buffer_updated() call failed."
    ]


@pytest.mark.parametrize("turns", range(1, 9))
async def test_connecting_is_cancelled(loop, names, turns):
    made = []

    def factory():
        made.append(Recorder())
        return made[-1]

    connecting, peer = begin(loop, factory)
    for _ in range(turns):
        await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    if names.is_stock and made[0].transport is None:
        # asyncio goes on with a handshake that had not begun when it was to be closed.
        with contextlib.suppress(EOFError):
            await peer.handshake()
            await made[0].made
            made[0].transport._ssl_protocol._transport.abort()
    while await peer.feed():
        pass
    peer.close()
    if not names.is_stock:
        assert made[0].calls == []


async def test_debug_mode_tells(loop, log):
    loop.set_debug(True)
    transport, protocol, peer = await opened(loop)
    transport.close()
    await peer.unwrap()
    peer.close()
    await protocol.lost
    texts = log.messages(10)
    assert any(text.endswith("starts SSL handshake") for text in texts)
    assert any("SSL handshake took" in text and text.endswith(" ms") for text in texts)


async def test_debug_mode_tells_of_failures(loop, reports, log):
    loop.set_debug(True)
    server = await loop.create_server(Recorder, "127.0.0.1", 0, ssl=SERVER)
    sock = socket.create_connection(server.sockets[0].getsockname())
    sock.setblocking(False)
    await loop.sock_sendall(sock, b"GET / HTTP/1.1\r\n\r\n")
    while await loop.sock_recv(sock, 1000):
        pass
    sock.close()
    assert [report["message"] for report in reports] == [
        "Error on transport creation for incoming connection"
    ]
    assert isinstance(reports[0]["exception"], ssl.SSLError)
    assert {"transport", "protocol"} <= set(reports[0])
    assert any("SSL handshake failed" in text for text in log.messages(10))
    server.close()
    await server.wait_closed()
