"""Reference cycles through a TLS connection are found by the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref

import pytest
from harness.tls import TlsPeer, client_context, server_context

pytestmark = pytest.mark.only("asyncioxide")


class Proto(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport


async def connected(loop):
    """A transport, its protocol, and the peer."""
    ours, theirs = socket.socketpair()
    peer = TlsPeer(loop, theirs, server_context(), server_side=True)
    connecting = asyncio.ensure_future(
        loop.create_connection(Proto, sock=ours, ssl=client_context(), server_hostname="localhost")
    )
    await peer.handshake()
    return *await connecting, peer


def unclosed_at_collection():
    # A warning holds what it is about, until the list of warnings goes.
    with pytest.warns(ResourceWarning) as warned:
        gc.collect()
    return sorted(str(warning.message).split(" ")[1] for warning in warned)


def watched(transport, protocol):
    return [weakref.ref(thing) for thing in (transport, protocol, transport._ssl_protocol)]


async def test_one_that_is_forgotten(loop):
    transport, protocol, peer = await connected(loop)
    # What is read from, the loop keeps.
    transport._ssl_protocol._transport.pause_reading()
    alive = watched(transport, protocol)
    del transport, protocol
    # The step that got the pair from an await holds it.
    await asyncio.sleep(0)
    assert unclosed_at_collection() == ["<socket.socket", "transport", "transport"]
    gc.collect()
    assert [ref() for ref in alive] == [None, None, None]
    peer.close()


async def test_one_that_is_closed(loop):
    transport, protocol, peer = await connected(loop)
    transport.own = transport
    transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    alive = watched(transport, protocol)
    del transport, protocol
    await asyncio.sleep(0)
    gc.collect()
    assert [ref() for ref in alive] == [None, None, None]
    peer.close()
