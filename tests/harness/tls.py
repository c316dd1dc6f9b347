"""TLS for tests: contexts around certificates made for them, and a peer that can do everything."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
from pathlib import Path
from typing import Any

CERTIFICATES = Path(__file__).parent.parent / "certificates"
AUTHORITY = CERTIFICATES / "authority.pem"

_READ_BYTES = 1 << 16


def server_context(certificate: str = "localhost") -> ssl.SSLContext:
    """A server's context with one of the certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{certificate}.pem")
    # A ticket is two records that no test asked for.
    context.num_tickets = 0
    return context


def client_context(authority: str = "authority") -> ssl.SSLContext:
    """A client's context that trusts one of the authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CERTIFICATES / f"{authority}.pem")
    return context


class TlsPeer:
    """The other end of a TLS connection, over a socket that does not block.

    What it encrypts can be had as records, to be sent in any pieces or never.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        context: ssl.SSLContext,
        *,
        server_side: bool,
    ) -> None:
        sock.setblocking(False)
        if sock.family == socket.AF_INET:
            # Small pieces are sent one by one.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.loop = loop
        self.sock = sock
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.object = context.wrap_bio(
            self.incoming,
            self.outgoing,
            server_side=server_side,
            server_hostname=None if server_side else "localhost",
        )

    def records(self) -> bytes:
        """What is to be sent, which is then up to the caller."""
        return self.outgoing.read()

    def encrypt(self, data: bytes) -> bytes:
        self.object.write(data)
        return self.records()

    def goodbye(self) -> bytes:
        """The records of a close_notify."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.object.unwrap()
        return self.records()

    async def send(self, records: bytes) -> None:
        await self.loop.sock_sendall(self.sock, records)

    async def feed(self) -> bool:
        """Reads once; whether there was something."""
        data = await self.loop.sock_recv(self.sock, _READ_BYTES)
        self.incoming.write(data)
        return bool(data)

    async def _until_done(self, step: Any) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                if self.outgoing.pending:
                    await self.send(self.records())
                if not await self.feed():
                    raise EOFError from None

    async def handshake(self) -> None:
        await self._until_done(self.object.do_handshake)
        await self.send(self.records())

    async def write(self, data: bytes) -> None:
        await self.send(self.encrypt(data))

    async def read(self, count: int) -> bytes:
        """Reads exactly that many bytes, or fewer when the peer says goodbye before."""
        found = bytearray()
        while len(found) < count:
            step = functools.partial(self.object.read, count - len(found))
            data = await self._until_done(step)
            if not data:
                break
            found += data
        return bytes(found)

    async def unwrap(self) -> None:
        """Says goodbye, and waits for the other side to."""
        await self._until_done(self.object.unwrap)
        await self.send(self.records())

    def close(self) -> None:
        self.sock.close()
