"""loop.sendfile on what is no TCP connection: TLS, Unix sockets, pipes."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import tempfile
from collections.abc import Iterator
from typing import IO

import pytest
from harness.peers import connected_pair
from harness.protocols import Recorder
from harness.tls import TlsPeer, client_context, server_context

DATA = bytes(range(251)) * 16_000


@pytest.fixture
def file() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as opened:
        opened.write(DATA)
        opened.seek(0)
        yield opened


class TestTls:
    @pytest.fixture
    def secured(self, loop):
        """Makes a TLS connection: (transport, protocol, peer)."""
        peers = []

        async def make(buffer_bytes=None):
            near, far = connected_pair(buffer_bytes=buffer_bytes)
            peer = TlsPeer(loop, far, server_context(), server_side=True)
            peers.append(peer)
            connecting = loop.create_connection(
                Recorder, sock=near, ssl=client_context(), server_hostname="localhost"
            )
            (transport, protocol), _ = await asyncio.gather(connecting, peer.handshake())
            return transport, protocol, peer

        yield make
        for peer in peers:
            peer.close()
        peers.clear()

    async def finish(self, transport, protocol):
        transport.abort()
        await protocol.lost

    async def test_a_whole_file(self, loop, secured, file):
        transport, protocol, peer = await secured()
        count, received = await asyncio.gather(loop.sendfile(transport, file), peer.read(len(DATA)))
        assert count == len(DATA)
        assert received == DATA
        assert file.tell() == len(DATA)
        assert transport.get_protocol() is protocol
        assert transport.is_reading()
        await self.finish(transport, protocol)

    async def test_a_part_to_a_slow_reader(self, loop, secured, file):
        transport, protocol, peer = await secured(4096)
        transport.set_write_buffer_limits(high=1000)
        transport.write(b"head")
        sending = loop.create_task(loop.sendfile(transport, file, 100, 300_000))
        assert await peer.read(4) == b"head"
        assert await peer.read(300_000) == DATA[100:300_100]
        assert await sending == 300_000
        assert file.tell() == 300_100
        await peer.write(b"answer")
        assert await protocol.has_received(6) == b"answer"
        await self.finish(transport, protocol)

    async def test_what_is_no_file(self, loop, secured):
        transport, protocol, peer = await secured()
        sending = loop.create_task(loop.sendfile(transport, io.BytesIO(DATA[:100])))
        assert await peer.read(100) == DATA[:100]
        assert await sending == 100
        await self.finish(transport, protocol)

    async def test_is_refused_without_the_fallback(self, loop, secured, file):
        transport, protocol, _ = await secured()
        with pytest.raises(
            RuntimeError, match="^fallback is disabled and native sendfile is not supported for"
        ):
            await loop.sendfile(transport, file, fallback=False)
        assert file.tell() == 0
        await self.finish(transport, protocol)

    async def test_the_peer_leaves_in_the_middle(self, loop, secured, file, log):
        transport, protocol, peer = await secured(4096)
        sending = loop.create_task(loop.sendfile(transport, file))
        await peer.read(10)
        peer.close()
        # A TLS transport does not say that it is closing when its peer has left; then asyncio
        # throws the rest away, with a warning for each write.
        with contextlib.suppress(ConnectionError):
            await sending
        await protocol.lost
        assert file.tell() > 0

    async def test_cancelling_gives_the_connection_back(self, loop, secured, file):
        transport, protocol, peer = await secured(4096)
        sending = loop.create_task(loop.sendfile(transport, file))
        await peer.read(100_000)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert transport.get_protocol() is protocol
        assert transport.is_reading()
        await peer.write(b"still here")
        assert await protocol.has_received(10) == b"still here"
        await self.finish(transport, protocol)


async def test_a_unix_socket(loop, file):
    near, far = socket.socketpair()
    far.setblocking(False)
    with far:
        transport, protocol = await loop.create_unix_connection(Recorder, sock=near)
        sending = loop.create_task(loop.sendfile(transport, file, 7))
        received = bytearray()
        while len(received) < len(DATA) - 7:
            received += await loop.sock_recv(far, 1 << 20)
        assert await sending == len(DATA) - 7
        assert received == DATA[7:]
        transport.close()
        await protocol.lost


async def test_pipes_are_refused(loop, file):
    read, write = os.pipe()
    with open(read, "rb") as reading:
        transport, protocol = await loop.connect_write_pipe(Recorder, os.fdopen(write, "wb", 0))
        with pytest.raises(RuntimeError) as caught:
            await loop.sendfile(transport, file)
        assert str(caught.value) == f"sendfile is not supported for transport {transport!r}"
        assert os.get_blocking(reading.fileno())
        transport.abort()
        await protocol.lost
