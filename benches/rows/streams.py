"""TCP echo by streams."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from harness.loadgen import Load
from harness.row import Row
from harness.served import Served

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back what comes, chunk by chunk."""
    while data := await reader.read(64 * 1024):
        writer.write(data)
        await writer.drain()
    writer.close()


async def echo_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back what comes, line by line."""
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def serve(handler: Handler) -> AsyncIterator[int]:
    """Serves the handler and gives the port."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


ROWS: tuple[Row, ...] = (
    Served(
        name="streams_echo_10",
        what="read, write, drain, 1 KiB, connections: 10; limit: bare epoll server",
        unit="request",
        count=15_000,
        batch=10,
        serve=lambda: serve(echo_chunks),
        load=Load(10),
    ),
    Served(
        name="streams_readline_10",
        what="readline, write, drain, 1 KiB, connections: 10; limit: bare epoll server",
        unit="request",
        count=12_000,
        batch=10,
        serve=lambda: serve(echo_lines),
        load=Load(10),
    ),
)
