"""A proxy that passes everything on, requests after a delay, answers at once.

It knows nothing of HTTP: each piece that comes from a client is held for ``--delay`` seconds in
``call_later`` and then sent to the origin, so a request arrives there that much later, and pieces
of different clients wait together. When it ends, it prints its counts as a line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from typing import cast

import arguments
import loops
import serving

HELD_LIMIT_BYTES = 65536  # of one client; beyond, its input is left to wait

BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 14\r\nConnection: close\r\n\r\n"
    b"no origin here"
)


@dataclass(slots=True)
class Route:
    """Where to, how late, and what has gone through."""

    origin_host: str
    origin_port: int
    delay_s: float
    connections: serving.Connections = field(default_factory=serving.Connections)
    held: int = 0
    peak_held: int = 0
    unreachable: int = 0


@dataclass(slots=True, eq=False)
class Piece:
    """Input of a client; without a timer it may go on. No data is the end of the input."""

    data: bytes
    timer: asyncio.TimerHandle | None = None


class ClientSide(asyncio.Protocol):
    """The connection from a client: the delay lies here."""

    _transport: asyncio.Transport

    def __init__(self, route: Route) -> None:
        self._route = route
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[Piece] = deque()
        self._held_bytes = 0
        self._origin: OriginSide | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._origin_writable = True
        self._reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and connect to the origin meanwhile."""
        self._transport = cast(asyncio.Transport, transport)
        self._route.connections.add(self._transport)
        self._connecting = self._loop.create_task(self._connect())

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what is held, and leave the origin."""
        if self._connecting is not None:
            self._connecting.cancel()
        for piece in self._pieces:
            if piece.timer is not None:
                piece.timer.cancel()
                self._route.held -= 1
        self._pieces.clear()
        if self._origin is not None:
            self._origin.transport.abort()
        self._route.connections.remove(self._transport)

    def data_received(self, data: bytes) -> None:
        """Hold a piece back."""
        self._hold(data)

    def eof_received(self) -> bool:
        """Hold the end back too, in its place; the answers may still come."""
        self._hold(b"")
        return True

    def pause_writing(self) -> None:
        """Stop the origin while the client does not take its answers."""
        if self._origin is not None:
            self._origin.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the origin go on."""
        if self._origin is not None:
            self._origin.transport.resume_reading()

    def origin_writable(self, writable: bool) -> None:
        """Let the client go on, or wait, with the origin."""
        self._origin_writable = writable
        self._choose_reading()

    def origin_sent(self, data: bytes) -> None:
        """Pass an answer on."""
        self._transport.write(data)

    def origin_left(self) -> None:
        """Close after the last answer."""
        self._transport.close()

    async def _connect(self) -> None:
        route = self._route
        try:
            _, self._origin = await self._loop.create_connection(
                lambda: OriginSide(self), route.origin_host, route.origin_port
            )
        except OSError:
            route.unreachable += 1
            self._transport.write(BAD_GATEWAY)
            self._transport.close()
        else:
            self._pass_on()

    def _hold(self, data: bytes) -> None:
        piece = Piece(data)
        piece.timer = self._loop.call_later(self._route.delay_s, self._due, piece)
        self._pieces.append(piece)
        self._held_bytes += len(data)
        self._route.held += 1
        self._route.peak_held = max(self._route.peak_held, self._route.held)
        self._choose_reading()

    def _due(self, piece: Piece) -> None:
        piece.timer = None
        self._route.held -= 1
        self._pass_on()

    def _pass_on(self) -> None:
        """Send to the origin what is due and first in line."""
        if self._origin is None or self._origin.transport.is_closing():
            return
        while self._pieces and self._pieces[0].timer is None:
            data = self._pieces.popleft().data
            self._held_bytes -= len(data)
            if data:
                self._origin.transport.write(data)
            else:
                self._origin.transport.write_eof()
        self._choose_reading()

    def _choose_reading(self) -> None:
        wanted = self._origin_writable and self._held_bytes < HELD_LIMIT_BYTES
        if wanted and not self._reading:
            self._transport.resume_reading()
        elif not wanted and self._reading:
            self._transport.pause_reading()
        self._reading = wanted


class OriginSide(asyncio.Protocol):
    """The connection to the origin."""

    transport: asyncio.Transport

    def __init__(self, client: ClientSide) -> None:
        self._client = client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the client's side too."""
        self._client.origin_left()

    def data_received(self, data: bytes) -> None:
        """Pass an answer on."""
        self._client.origin_sent(data)

    def pause_writing(self) -> None:
        """Stop the client while the origin does not take its requests."""
        self._client.origin_writable(False)

    def resume_writing(self) -> None:
        """Let the client go on."""
        self._client.origin_writable(True)


async def serve(host: str, port: int, route: Route) -> None:
    """Pass on until a signal ends the program, then print the counts."""
    await serving.serve(lambda: ClientSide(route), route.connections, host, port)
    counts = {
        "connections": route.connections.total,
        "peak_connections": route.connections.peak,
        "peak_held": route.peak_held,
        "unreachable": route.unreachable,
    }
    print(json.dumps(counts), flush=True)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        description="Pass connections on to an origin, what the clients send after a delay."
    )
    arguments.add_serving_options(parser)
    parser.add_argument("--origin-host", default=arguments.DEFAULT_HOST, help="(%(default)s)")
    parser.add_argument("--origin-port", type=arguments.port_number, required=True)
    options = parser.parse_args()
    loops.allow_open_files()
    route = Route(options.origin_host, options.origin_port, options.delay)
    with asyncio.Runner(loop_factory=loops.loop_factory(options.loop)) as runner:
        runner.run(serve(options.host, options.port, route))


if __name__ == "__main__":
    main()
