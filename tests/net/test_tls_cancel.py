"""Every method that awaits TLS, cancelled at every step: nothing stays open."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import pytest
from harness.peers import connected_pair
from harness.protocols import Recorder
from harness.tls import TlsPeer, client_context, server_context

pytestmark = pytest.mark.only("asyncioxide")

SERVER = server_context()
CLIENT = client_context()
MOST_STEPS = 40


def accepted(loop, factory, ours):
    return loop.connect_accepted_socket(factory, ours, ssl=SERVER)


def connected(loop, factory, ours):
    return loop.create_connection(factory, sock=ours, ssl=CLIENT, server_hostname="localhost")


async def upgraded(loop, factory, ours, **options):
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    try:
        secure = await loop.start_tls(transport, factory(), **options)
    finally:
        if not transport.is_closing() and asyncio.current_task().cancelling():
            transport.abort()
    return secure, None


def upgraded_client(loop, factory, ours):
    return upgraded(loop, factory, ours, sslcontext=CLIENT, server_hostname="localhost")


def upgraded_server(loop, factory, ours):
    return upgraded(loop, factory, ours, sslcontext=SERVER, server_side=True)


WAYS = [accepted, connected, upgraded_client, upgraded_server]


async def answer(peer, peering):
    """Says goodbye too, if it comes to that, and waits for the end of the stream."""
    with contextlib.suppress(EOFError, ConnectionError, ssl.SSLError):
        await peering
        assert await peer.read(1) == b""
        await peer.unwrap()
        while await peer.feed():
            pass
    peer.close()


@pytest.mark.parametrize("way", WAYS)
async def test_at_every_step(loop, way):
    """The peer shakes hands meanwhile; the later the step, the nearer to the end."""
    is_server = way in (accepted, upgraded_server)
    for steps in range(1, MOST_STEPS):
        made = []

        def factory(made=made):
            made.append(Recorder())
            return made[-1]

        ours, theirs = connected_pair()
        peer = TlsPeer(loop, theirs, CLIENT if is_server else SERVER, server_side=not is_server)
        beginning = asyncio.ensure_future(way(loop, factory, ours))
        peering = asyncio.ensure_future(peer.handshake())
        for _ in range(steps):
            await asyncio.sleep(0)
        if beginning.done():
            transport, _ = beginning.result()
            transport.abort()
            await made[0].lost
            await answer(peer, peering)
            break
        beginning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beginning
        await answer(peer, peering)
        assert ours.fileno() == -1
    else:
        pytest.fail("the handshake never ended")
    assert steps > 3


async def test_drain(loop):
    ours, theirs = connected_pair(buffer_bytes=8192)
    peer = TlsPeer(loop, theirs, SERVER, server_side=True)
    opening = asyncio.ensure_future(
        asyncio.open_connection(sock=ours, ssl=CLIENT, server_hostname="localhost")
    )
    await peer.handshake()
    _reader, writer = await opening
    while not writer.transport._protocol_paused:
        writer.write(bytes(65536))
    draining = asyncio.ensure_future(writer.drain())
    await asyncio.sleep(0)
    draining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await draining
    writer.transport.abort()
    await writer.wait_closed()
    peer.close()


async def test_wait_closed(loop):
    ours, theirs = connected_pair()
    peer = TlsPeer(loop, theirs, SERVER, server_side=True)
    opening = asyncio.ensure_future(
        asyncio.open_connection(sock=ours, ssl=CLIENT, server_hostname="localhost")
    )
    await peer.handshake()
    _reader, writer = await opening
    writer.close()
    closing = asyncio.ensure_future(writer.wait_closed())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await peer.unwrap()
    while await peer.feed():
        pass
    peer.close()
    assert ours.fileno() == -1
