"""TCP echo by protocols."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from harness.loadgen import Load
from harness.row import Row
from harness.served import Served


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        # Not `assert isinstance`: uvloop's and rloop's transports are not asyncio's to look at.
        self.transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        """Writes the data."""
        self.transport.write(data)


class BufferedEcho(asyncio.BufferedProtocol):
    """Sends back what it gets in a buffer of its own."""

    def __init__(self) -> None:
        """Makes the buffer."""
        self.buffer = memoryview(bytearray(64 * 1024))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self.transport = cast(asyncio.WriteTransport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Gives the whole buffer."""
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Writes a copy, since the buffer is filled again before all may have been sent."""
        self.transport.write(bytes(self.buffer[:nbytes]))


@asynccontextmanager
async def serve(protocol: type[asyncio.BaseProtocol]) -> AsyncIterator[int]:
    """Serves the protocol and gives the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def by_protocol(connections: int) -> Row:
    """The row of `Protocol` at that many connections."""
    return Served(
        name=f"protocol_echo_{connections}",
        what=f"Protocol, 1 KiB, connections: {connections}; limit: bare epoll server",
        unit="request",
        count=8_000 if connections == 1 else 20_000,
        batch=connections,
        serve=lambda: serve(Echo),
        load=Load(connections),
    )


ROWS: tuple[Row, ...] = (
    by_protocol(1),
    by_protocol(10),
    by_protocol(100),
    Served(
        name="buffered_protocol_echo_10",
        what="BufferedProtocol, 1 KiB, connections: 10; limit: bare epoll server",
        unit="request",
        count=25_000,
        batch=10,
        serve=lambda: serve(BufferedEcho),
        load=Load(10),
    ),
)
