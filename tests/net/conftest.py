"""Connections between a transport of the loop and a plain socket, and datagram endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from harness.peers import Peer, connected_pair
from harness.protocols import DatagramRecorder, Recorder

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


@pytest.fixture
def endpoint(loop: Any) -> AsyncIterator[Callable[..., Awaitable[tuple[Any, Any]]]]:
    """Makes datagram endpoints: (transport, protocol); all are closed at the end."""
    opened: list[Any] = []

    async def make(
        factory: Callable[[], Any] = DatagramRecorder, *arguments: Any, **options: Any
    ) -> tuple[Any, Any]:
        if not arguments and not options:
            arguments = (("127.0.0.1", 0),)
        made = await loop.create_datagram_endpoint(factory, *arguments, **options)
        opened.append(made[0])
        return made

    yield make

    async def end() -> None:
        for transport in opened:
            if not transport.is_closing():
                transport.abort()
        await asyncio.sleep(0)

    if not loop.is_closed():
        loop.run_until_complete(end())
    opened.clear()
