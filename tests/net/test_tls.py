"""TLS from the first byte: create_connection and create_server with an SSLContext."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
import sys
from typing import ClassVar

import pytest
from harness.peers import connected_pair
from harness.protocols import BufferedEcho, Echo, Recorder
from harness.tls import AUTHORITY, CERTIFICATES, TlsPeer, client_context, server_context

# It slices what get_buffer() gave; a slice of a bytearray is a copy.
LOSES_BYTES = "asyncio loses what does not come first in a bytearray"

BIG = bytes(range(256)) * 4096 * 2


@contextlib.asynccontextmanager
async def serving(loop, factory, context=None, **options):
    server = await loop.create_server(
        factory, "127.0.0.1", 0, ssl=context or server_context(), **options
    )
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        await server.wait_closed()


async def connected(loop, address, context=None, factory=Recorder, **options):
    options.setdefault("server_hostname", "localhost")
    return await loop.create_connection(
        factory, *address, ssl=context or client_context(), **options
    )


async def close(transport, protocol):
    transport.close()
    assert await protocol.lost is None


@pytest.mark.parametrize("echo", [Echo, BufferedEcho])
async def test_echo(loop, echo):
    async with serving(loop, echo) as address:
        transport, protocol = await connected(loop, address)
        for word in (b"one", b"two", b"three"):
            transport.write(word)
            await protocol.has_received(len(protocol.received) + len(word))
        assert protocol.received == b"onetwothree"
        await close(transport, protocol)
        assert protocol.calls[0] == "connection_made"
        assert protocol.calls[-1] == "connection_lost"


@pytest.mark.parametrize("echo", [Echo, BufferedEcho])
async def test_much_there_and_back(loop, names, echo):
    if names.is_stock and echo is BufferedEcho:
        pytest.skip(LOSES_BYTES)
    async with serving(loop, echo) as address:
        transport, protocol = await connected(loop, address)
        transport.write(BIG)
        assert await protocol.has_received(len(BIG)) == BIG
        await close(transport, protocol)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_writes_any_bytes(loop, kind):
    async with serving(loop, Echo) as address:
        transport, protocol = await connected(loop, address)
        transport.write(kind(b"data"))
        transport.write(kind(b""))
        transport.writelines([kind(b"more"), b"", kind(b" of it")])
        assert await protocol.has_received(14) == b"datamore of it"
        await close(transport, protocol)


async def test_a_buffer_that_changes_after_the_write(loop):
    async with serving(loop, Echo) as address:
        transport, protocol = await connected(loop, address)
        data = bytearray(b"before")
        transport.write(data)
        data[:] = b"after!"
        assert await protocol.has_received(6) == b"before"
        await close(transport, protocol)


@pytest.mark.parametrize("data", ["text", 1, None])
async def test_refuses_what_is_no_bytes(loop, data):
    async with serving(loop, Echo) as address:
        transport, protocol = await connected(loop, address)
        text = f"data: expecting a bytes-like instance, got {type(data).__name__}"
        with pytest.raises(TypeError, match=text):
            transport.write(data)
        await close(transport, protocol)


async def test_streams(loop):
    async def upper(reader, writer):
        async for line in reader:
            writer.write(line.upper())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(upper, "127.0.0.1", 0, ssl=server_context())
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("localhost", port, ssl=client_context())
        for number in range(100):
            writer.write(b"line %d\n" % number)
            await writer.drain()
            assert await reader.readline() == b"LINE %d\n" % number
        writer.close()
        await writer.wait_closed()


class LendsLittle(asyncio.BufferedProtocol):
    """Has room for a few bytes at a time, in memory of its own."""

    def __init__(self, loop, make):
        self.buffer = make(7)
        self.received = bytearray()
        self.lost = loop.create_future()
        self.hints = []

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, sizehint):
        self.hints.append(sizehint)
        return self.buffer

    def buffer_updated(self, count):
        self.received += bytes(self.buffer[:count])

    def connection_lost(self, exc):
        self.lost.set_result(exc)


@pytest.mark.parametrize(
    "make", [bytearray, lambda size: memoryview(bytearray(size))], ids=["bytearray", "memoryview"]
)
async def test_a_small_lent_buffer(loop, names, make):
    if names.is_stock and make is bytearray:
        pytest.skip(LOSES_BYTES)
    ours, theirs = connected_pair()
    peer = TlsPeer(loop, theirs, server_context(), server_side=True)
    connecting = asyncio.ensure_future(
        loop.create_connection(
            lambda: LendsLittle(loop, make),
            sock=ours,
            ssl=client_context(),
            server_hostname="localhost",
        )
    )
    await peer.handshake()
    _transport, protocol = await connecting
    # Two records at once, of which the first leaves room in the buffer.
    await peer.send(peer.encrypt(b"abcd") + peer.encrypt(b"efghijklmnop") + peer.goodbye())
    assert await protocol.lost is None
    assert protocol.received == b"abcdefghijklmnop"
    assert protocol.hints
    peer.close()


async def test_extra_info(loop):
    async with serving(loop, Echo) as address:
        context = client_context()
        transport, protocol = await connected(loop, address, context)
        info = transport.get_extra_info
        assert info("sslcontext") is context
        assert isinstance(info("ssl_object"), ssl.SSLObject)
        assert ("DNS", "localhost") in info("peercert")["subjectAltName"]
        assert info("cipher") == info("ssl_object").cipher()
        assert info("compression") is None
        assert info("peername") == address
        assert info("socket").family == info("socket").family
        assert info("nothing") is None
        assert info("nothing", 5) == 5
        await close(transport, protocol)
        assert info("sslcontext") is context
        assert info("peername") is None


async def test_is_a_transport(loop):
    async with serving(loop, Echo) as address:
        transport, protocol = await connected(loop, address)
        assert isinstance(transport, asyncio.Transport)
        assert transport.get_protocol() is protocol
        assert not transport.can_write_eof()
        with pytest.raises(NotImplementedError):
            transport.write_eof()
        assert transport.is_reading()
        assert not transport.is_closing()
        await close(transport, protocol)
        assert transport.is_closing()
        assert transport.get_protocol() is None


async def test_another_protocol(loop):
    async with serving(loop, Echo) as address:
        transport, first = await connected(loop, address)
        second = Recorder()
        transport.set_protocol(second)
        assert transport.get_protocol() is second
        transport.write(b"for the second")
        await second.has_received(14)
        assert not first.received
        transport.set_protocol(first)
        await close(transport, first)


async def test_a_paused_protocol_gets_nothing(loop):
    ours, theirs = connected_pair()
    peer = TlsPeer(loop, theirs, server_context(), server_side=True)
    connecting = asyncio.ensure_future(
        loop.create_connection(
            Recorder, sock=ours, ssl=client_context(), server_hostname="localhost"
        )
    )
    await peer.handshake()
    transport, protocol = await connecting
    transport.pause_reading()
    transport.pause_reading()
    assert not transport.is_reading()
    await peer.write(b"wait")
    transport.write(b"from here")
    assert await peer.read(9) == b"from here"
    assert not protocol.received
    transport.resume_reading()
    transport.resume_reading()
    assert await protocol.has_received(4) == b"wait"
    transport.close()
    await peer.unwrap()
    assert await protocol.lost is None
    peer.close()


async def test_buffer_limits(loop):
    async with serving(loop, Echo) as address:
        transport, protocol = await connected(loop, address)
        assert transport.get_write_buffer_limits() == (128 * 1024, 512 * 1024)
        assert transport.get_read_buffer_limits() == (64 * 1024, 256 * 1024)
        transport.set_write_buffer_limits(high=100)
        assert transport.get_write_buffer_limits() == (25, 100)
        transport.set_write_buffer_limits(low=100)
        assert transport.get_write_buffer_limits() == (100, 400)
        transport.set_read_buffer_limits(high=1000, low=10)
        assert transport.get_read_buffer_limits() == (10, 1000)
        for method in (transport.set_write_buffer_limits, transport.set_read_buffer_limits):
            with pytest.raises(ValueError, match=r"high \(1\) must be >= low \(2\) must be >= 0"):
                method(high=1, low=2)
        assert transport.get_write_buffer_size() == 0
        assert transport.get_read_buffer_size() == 0
        await close(transport, protocol)


async def test_a_slow_reader_pauses_the_writer(loop):
    ours, theirs = connected_pair(buffer_bytes=8192)
    peer = TlsPeer(loop, theirs, server_context(), server_side=True)
    connecting = asyncio.ensure_future(
        loop.create_connection(
            Recorder, sock=ours, ssl=client_context(), server_hostname="localhost"
        )
    )
    await peer.handshake()
    transport, protocol = await connecting
    written = 0
    while "pause_writing" not in protocol.calls:
        transport.write(bytes(65536))
        written += 65536
        assert written < 1 << 24
    assert transport.get_write_buffer_size() >= 512 * 1024
    assert await peer.read(written) == bytes(written)
    await protocol.called("resume_writing")
    assert transport.get_write_buffer_size() <= 128 * 1024
    transport.close()
    await peer.unwrap()
    assert await protocol.lost is None
    peer.close()


async def test_a_wrong_host_name(loop):
    async with serving(loop, Echo) as address:
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            await connected(loop, address, server_hostname="example.org")


async def test_a_name_that_is_not_asked_for(loop):
    context = client_context()
    context.check_hostname = False
    async with serving(loop, Echo) as address:
        transport, protocol = await connected(loop, address, context, server_hostname="example.org")
        await close(transport, protocol)


async def test_an_authority_that_is_not_trusted(loop):
    async with serving(loop, Echo) as address:
        with pytest.raises(ssl.SSLCertVerificationError):
            await connected(loop, address, client_context("stranger"))


@pytest.mark.parametrize("hostname", ["", None])
async def test_a_name_check_is_never_skipped(loop, names, hostname):
    if names.is_stock and hostname == "" and sys.version_info < (3, 15):
        pytest.skip("asyncio skips it")
    ours, theirs = connected_pair()
    text = "check_hostname requires server_hostname"
    if hostname is None:
        text = "You must set server_hostname when using ssl without a host"
    with pytest.raises(ValueError, match=text):
        await loop.create_connection(
            Recorder, sock=ours, ssl=client_context(), server_hostname=hostname
        )
    ours.close()
    theirs.close()


async def test_the_host_is_the_name(loop):
    async with serving(loop, Echo) as address:
        transport, protocol = await loop.create_connection(
            Recorder, "127.0.0.1", address[1], ssl=client_context()
        )
        assert transport.get_extra_info("ssl_object").server_hostname == "127.0.0.1"
        await close(transport, protocol)


async def test_the_default_context_trusts_no_test(loop):
    async with serving(loop, Echo) as address:
        with pytest.raises(ssl.SSLCertVerificationError):
            await loop.create_connection(Recorder, "127.0.0.1", address[1], ssl=True)


async def test_a_client_with_a_certificate(loop):
    asking = server_context()
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(AUTHORITY)
    seen = loop.create_future()

    class Looks(Echo):
        def connection_made(self, transport):
            super().connection_made(transport)
            seen.set_result(transport.get_extra_info("peercert"))

    context = client_context()
    context.load_cert_chain(CERTIFICATES / "client.pem")
    async with serving(loop, Looks, asking) as address:
        transport, protocol = await connected(loop, address, context)
        certificate = await seen
        assert ("email", "client@example.org") in certificate["subjectAltName"]
        await close(transport, protocol)


async def test_a_client_without_the_certificate_it_needs(loop):
    asking = server_context()
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.maximum_version = ssl.TLSVersion.TLSv1_2
    asking.load_verify_locations(AUTHORITY)
    async with serving(loop, Echo, asking) as address:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await connected(loop, address)


async def test_the_server_picks_by_name(loop):
    first, second = server_context(), server_context("example")
    asked = []

    def pick(ssl_object, name, context):
        asked.append((name, type(ssl_object), context is first))
        if name == "example.org":
            ssl_object.context = second

    first.sni_callback = pick
    async with serving(loop, Echo, first) as address:
        for name in ("localhost", "example.org"):
            transport, protocol = await connected(loop, address, server_hostname=name)
            names = transport.get_extra_info("peercert")["subjectAltName"]
            assert ("DNS", name) in names
            await close(transport, protocol)
    assert asked == [("localhost", ssl.SSLObject, True), ("example.org", ssl.SSLObject, True)]


async def test_a_protocol_is_agreed_on(loop):
    server, client = server_context(), client_context()
    server.set_alpn_protocols(["h2", "http/1.1"])
    client.set_alpn_protocols(["http/1.1", "h2"])
    async with serving(loop, Echo, server) as address:
        transport, protocol = await connected(loop, address, client)
        assert transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        await close(transport, protocol)


class Counted(ssl.SSLObject):
    """A class of the user's, which sees every call."""

    calls: ClassVar[list[str]] = []

    def read(self, *args):
        self.calls.append("read")
        return super().read(*args)

    def write(self, data):
        self.calls.append("write")
        return super().write(data)


async def test_a_class_of_the_users_own(loop):
    class Mine(Counted):
        calls: ClassVar[list[str]] = []

    context = client_context()
    context.sslobject_class = Mine
    async with serving(loop, Echo) as address:
        transport, protocol = await connected(loop, address, context)
        assert type(transport.get_extra_info("ssl_object")) is Mine
        transport.write(BIG)
        assert await protocol.has_received(len(BIG)) == BIG
        await close(transport, protocol)
    assert {"read", "write"} <= set(Mine.calls)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions(loop, version):
    context = client_context()
    context.minimum_version = context.maximum_version = version
    async with serving(loop, Echo) as address:
        transport, protocol = await connected(loop, address, context)
        assert transport.get_extra_info("ssl_object").version() == version.name.replace("_", ".")
        transport.write(b"hello")
        assert await protocol.has_received(5) == b"hello"
        await close(transport, protocol)


@pytest.mark.parametrize("name", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
@pytest.mark.parametrize("timeout", [0, -1.5])
async def test_timeouts_are_positive(loop, name, timeout):
    ours, theirs = connected_pair()
    text = f"{name} should be a positive number, got {timeout}"
    with pytest.raises(ValueError, match=text):
        await loop.create_connection(
            Recorder,
            sock=ours,
            ssl=client_context(),
            server_hostname="localhost",
            **{name: timeout},
        )
    ours.close()
    theirs.close()


async def test_over_a_socket_accepted_elsewhere(loop):
    ours, theirs = connected_pair()
    accepting = asyncio.ensure_future(
        loop.connect_accepted_socket(Echo, ours, ssl=server_context())
    )
    transport, protocol = await loop.create_connection(
        Recorder, sock=theirs, ssl=client_context(), server_hostname="localhost"
    )
    await accepting
    transport.write(b"hello")
    assert await protocol.has_received(5) == b"hello"
    await close(transport, protocol)


async def test_over_a_unix_socket(loop, tmp_path):
    path = tmp_path / "socket"
    server = await loop.create_unix_server(Echo, path, ssl=server_context())
    transport, protocol = await loop.create_unix_connection(
        Recorder, path, ssl=client_context(), server_hostname="localhost"
    )
    transport.write(b"hello")
    assert await protocol.has_received(5) == b"hello"
    await close(transport, protocol)
    server.close()
    await server.wait_closed()


async def test_an_unclosed_transport_is_reported(loop):
    ours, theirs = connected_pair()
    peer = TlsPeer(loop, theirs, server_context(), server_side=True)
    connecting = asyncio.ensure_future(
        loop.create_connection(
            asyncio.Protocol, sock=ours, ssl=client_context(), server_hostname="localhost"
        )
    )
    await peer.handshake()
    transport, _protocol = await connecting
    transport.get_extra_info("socket")
    # What the loop reads it keeps alive.
    transport._ssl_protocol._transport.pause_reading()
    del transport, _protocol, connecting
    # Our loop keeps the value of an await until the step is over.
    await asyncio.sleep(0)
    with pytest.warns(ResourceWarning) as warned:
        gc.collect()
    texts = {str(warning.message) for warning in warned}
    assert "unclosed transport <asyncio._SSLProtocolTransport object>" in texts
    peer.close()
