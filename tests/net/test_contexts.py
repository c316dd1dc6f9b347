"""Which context variables a protocol's methods see: since 3.15 each connection has one context."""

from __future__ import annotations

import asyncio
import contextvars
import socket
import sys

from harness.peers import dialled
from harness.protocols import Recorder
from harness.versions import since

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

# Before 3.15 a callback saw what was set where reading or writing was asked for.
ONE_CONTEXT = sys.version_info >= (3, 15)


class Watcher(Recorder):
    """Notes the variable in each method, and sets it to the method's name."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []

    def _note(self, call: str) -> None:
        self.seen.append((call, variable.get()))
        variable.set(call)
        super()._note(call)


async def served(loop, factory, *, start_serving=True):
    """A server that was made with the variable set to "server"; its protocols go into the list."""
    protocols = []

    def make():
        protocols.append(factory())
        return protocols[-1]

    variable.set("server")
    server = await loop.create_server(make, "127.0.0.1", 0, start_serving=start_serving)
    variable.set("later")
    return server, protocols


async def test_what_a_servers_protocol_sees(loop):
    server, protocols = await served(loop, Watcher)
    with dialled(server.sockets[0].getsockname()) as peer:
        await peer.send(b"x")
        while not protocols:
            await asyncio.sleep(0)
        (protocol,) = protocols
        await protocol.called("data_received")
        peer.finish()
        await protocol.lost
    server.close()
    await server.wait_closed()
    received = "connection_made" if ONE_CONTEXT else "server"
    ended = "data_received"
    assert protocol.seen == [
        ("connection_made", "server"),
        ("data_received", received),
        ("eof_received", ended),
        ("connection_lost", "eof_received"),
    ]
    assert variable.get() == "later"


@since(3, 15)
async def test_a_server_keeps_the_context_in_which_it_was_made(loop):
    server, protocols = await served(loop, Watcher, start_serving=False)
    await server.start_serving()
    for _ in range(2):
        with dialled(server.sockets[0].getsockname()) as peer:
            peer.finish()
            while not protocols:
                await asyncio.sleep(0)
            protocol = protocols.pop()
            await protocol.lost
            assert protocol.seen[0] == ("connection_made", "server")
    server.close()
    await server.wait_closed()


@since(3, 15)
async def test_resuming_does_not_change_the_context(loop, connect):
    variable.set("made")
    transport, protocol, peer = await connect(Watcher)
    transport.pause_reading()
    variable.set("resumed")
    transport.resume_reading()
    await peer.send(b"x")
    await protocol.called("data_received")
    peer.close()
    await protocol.lost
    assert protocol.seen[:2] == [
        ("connection_made", "made"),
        ("data_received", "connection_made"),
    ]


@since(3, 15)
async def test_aborting_does_not_change_the_context(loop, connect):
    variable.set("made")
    transport, protocol, _ = await connect(Watcher)
    variable.set("aborted")
    transport.abort()
    await protocol.lost
    assert protocol.seen[-1] == ("connection_lost", "connection_made")


@since(3, 15)
async def test_what_a_protocol_sets_is_kept_from_the_caller(loop):
    ours, theirs = socket.socketpair()
    variable.set("caller")
    transport, protocol = await loop.create_connection(Watcher, sock=ours)
    assert variable.get() == "caller"
    assert protocol.seen == [("connection_made", "caller")]
    theirs.close()
    await protocol.lost
    assert not transport.is_reading()
    assert variable.get() == "caller"
