"""What the server and the proxy share: listen, say where, run until a signal, close in order."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable

BACKLOG = 4096  # 676 connections arrive at once; a dropped one would be tried again a second later
GRACE_S = 1.0  # for what is still to be sent when the end comes


class Connections:
    """The open connections, and the most there ever were."""

    def __init__(self) -> None:
        self.total = 0
        self.peak = 0
        self._open: set[asyncio.Transport] = set()
        self._none_left = asyncio.Event()
        self._none_left.set()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, transport: asyncio.Transport) -> None:
        """Count a connection that was made."""
        self._open.add(transport)
        self.total += 1
        self.peak = max(self.peak, len(self._open))
        self._none_left.clear()

    def remove(self, transport: asyncio.Transport) -> None:
        """Count a connection that was lost."""
        self._open.discard(transport)
        if not self._open:
            self._none_left.set()

    async def close(self) -> None:
        """Close all; break those that do not take what is still to be sent."""
        for transport in tuple(self._open):
            transport.close()
        try:
            await asyncio.wait_for(self._none_left.wait(), GRACE_S)
        except TimeoutError:
            for transport in tuple(self._open):
                transport.abort()
            await self._none_left.wait()


async def serve(
    protocol_factory: Callable[[], asyncio.Protocol],
    connections: Connections,
    host: str,
    port: int,
) -> None:
    """Listen, print the address as a URL, and serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    try:
        server = await loop.create_server(protocol_factory, host, port, backlog=BACKLOG)
    except OSError as error:
        sys.exit(f"cannot listen on {host}, port {port}: {error.strerror or error}")
    bound_host, bound_port = server.sockets[0].getsockname()[:2]
    print(f"http://{bound_host}:{bound_port}", flush=True)
    await ended.wait()
    server.close()
    await connections.close()
    await server.wait_closed()
