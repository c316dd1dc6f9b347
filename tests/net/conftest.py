"""Connections between a transport of the loop and a plain socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from harness.peers import Peer, connected_pair
from harness.protocols import Recorder

Connect = Callable[..., Awaitable[tuple[Any, Any, Peer]]]


@pytest.fixture
def connect(loop: Any) -> AsyncIterator[Connect]:
    """Makes connections: (transport, protocol, peer); all are closed at the end."""
    opened: list[tuple[Any, Peer]] = []

    async def make(
        factory: Callable[[], Any] = Recorder, *, buffer_bytes: int | None = None
    ) -> tuple[Any, Any, Peer]:
        ours, theirs = connected_pair(buffer_bytes=buffer_bytes)
        transport, protocol = await loop.create_connection(factory, sock=ours)
        opened.append((transport, Peer(theirs)))
        return transport, protocol, opened[-1][1]

    yield make
    for transport, peer in opened:
        # Not a second time: before 3.14.10 asyncio does not bear it once the connection is lost.
        if not transport.is_closing() and not loop.is_closed():
            transport.abort()
        peer.close()
    opened.clear()
