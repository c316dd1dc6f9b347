"""The service's interface, read from ``tally.thrift``, and connections to a service.

thriftpy2 makes the classes of an interface at run time. Its own sockets connect in a thread; the
one here connects on the loop, since the monitor forks, which a process with threads should not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import thriftpy2
from thriftpy2.contrib.aio.client import TAsyncClient
from thriftpy2.contrib.aio.protocol.binary import TAsyncBinaryProtocol
from thriftpy2.contrib.aio.socket import TAsyncSocket
from thriftpy2.contrib.aio.transport.buffered import TAsyncBufferedTransport

tally: Any = thriftpy2.load(
    str(Path(__file__).with_name("tally.thrift")), module_name="tally_thrift"
)

# These have no types.
Client: Any = TAsyncClient
Protocol: Any = TAsyncBinaryProtocol
Transport: Any = TAsyncBufferedTransport


class Socket(TAsyncSocket):
    """A Unix socket that is connected without a thread."""

    async def open(self) -> None:
        """Connect."""
        self.reader, self.writer = await asyncio.open_unix_connection(self.unix_socket)

    def close(self) -> None:
        """Close what was opened."""
        self.writer.close()


@asynccontextmanager
async def connected(path: Path, patience_s: float) -> AsyncIterator[Any]:
    """Connect to a service: gives its client, whose calls take so long at the most."""
    socket: Any = Socket(unix_socket=str(path), socket_timeout=max(1, round(patience_s * 1000)))
    transport = Transport(socket)
    await transport.open()
    try:
        yield Client(tally.Tally, Protocol(transport))
    finally:
        transport.close()
        with suppress(OSError):  # the service may be gone
            await socket.writer.wait_closed()
