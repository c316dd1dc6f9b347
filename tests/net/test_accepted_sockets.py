"""connect_accepted_socket: a connection that somebody else has accepted."""

from __future__ import annotations

import asyncio
import socket

import pytest
from harness.outcome import same_as_asyncio
from harness.peers import Peer, connected_pair
from harness.protocols import Echo, Recorder
from harness.versions import since, until


def pairs():
    return {"tcp": connected_pair, "unix": socket.socketpair}


@pytest.mark.parametrize("make", pairs().values(), ids=pairs())
async def test_bytes_go_both_ways(loop, make):
    theirs, ours = make()
    ours.setblocking(True)
    transport, protocol = await loop.connect_accepted_socket(Recorder, ours)
    assert protocol.calls == ["connection_made"]
    assert ours.gettimeout() == 0
    peer = Peer(theirs)
    await peer.send(b"hello")
    assert await protocol.has_received(5) == b"hello"
    transport.write(b"bye")
    transport.close()
    assert await peer.read_to_end() == b"bye"
    assert await protocol.lost is None
    assert ours.fileno() == -1
    peer.close()


async def test_what_was_sent_before_is_there(loop):
    theirs, ours = connected_pair()
    theirs.sendall(b"early")
    transport, protocol = await loop.connect_accepted_socket(Recorder, sock=ours)
    assert await protocol.has_received(5) == b"early"
    transport.abort()
    await protocol.lost
    theirs.close()


async def test_extra_info(loop):
    theirs, ours = connected_pair()
    transport, protocol = await loop.connect_accepted_socket(Recorder, ours)
    assert transport.get_extra_info("socket").fileno() == ours.fileno()
    assert transport.get_extra_info("sockname") == ours.getsockname()
    assert transport.get_extra_info("peername") == theirs.getsockname()
    transport.abort()
    await protocol.lost
    theirs.close()


async def test_from_a_listening_socket_of_the_callers(loop):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        client, served = await asyncio.gather(
            loop.create_connection(Recorder, *listener.getsockname()),
            accept(loop, listener),
        )
    (transport, protocol), (server, _) = client, served
    transport.write(b"hello")
    assert await protocol.has_received(5) == b"hello"
    transport.close()
    await protocol.lost
    server.close()
    await asyncio.sleep(0)


async def accept(loop, listener):
    sock, _ = await loop.sock_accept(listener)
    return await loop.connect_accepted_socket(Echo, sock)


async def test_debug_mode_logs_it(loop, log):
    theirs, ours = connected_pair()
    loop.set_debug(True)
    transport, protocol = await loop.connect_accepted_socket(Recorder, ours)
    sock = transport.get_extra_info("socket")
    assert f"{sock!r} handled: ({transport!r}, {protocol!r})" in log.messages(0)
    loop.set_debug(False)
    transport.abort()
    await protocol.lost
    theirs.close()


def failing():
    raise ValueError("no protocol")


@until(3, 14)
async def test_the_socket_stays_the_callers_when_there_is_no_protocol(loop):
    theirs, ours = connected_pair()
    with theirs, ours:
        with pytest.raises(ValueError, match="^no protocol$"):
            await loop.connect_accepted_socket(failing, ours)
        assert ours.fileno() != -1


@since(3, 14)
async def test_the_socket_is_closed_when_there_is_no_protocol(loop):
    theirs, ours = connected_pair()
    with theirs:
        with pytest.raises(ValueError, match="^no protocol$"):
            await loop.connect_accepted_socket(failing, ours)
        assert ours.fileno() == -1


async def test_cancelled_while_the_protocol_is_told(loop):
    theirs, ours = connected_pair()
    made = []

    def factory():
        made.append(Recorder())
        return made[-1]

    task = asyncio.create_task(loop.connect_accepted_socket(factory, ours))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await made[0].lost is None
    assert ours.fileno() == -1
    made.clear()
    theirs.close()


def closed():
    sock = socket.socket()
    sock.close()
    return sock


BAD = {
    "None": lambda: None,
    "number": lambda: 5,
    "udp": lambda: socket.socket(type=socket.SOCK_DGRAM),
    "closed": closed,
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_bad_sockets_fail_as_in_asyncio(loop, make):
    async def call(loop):
        sock = make()
        try:
            await loop.connect_accepted_socket(Recorder, sock)
        finally:
            if isinstance(sock, socket.socket):
                sock.close()

    assert same_as_asyncio(loop, call).raised


async def test_one_that_listens_ends_with_an_error(loop):
    sock = socket.create_server(("127.0.0.1", 0))
    _, protocol = await loop.connect_accepted_socket(Recorder, sock)
    # Linux answers ENOTCONN to a read, and so does the transport, once there is something to read.
    with socket.create_connection(sock.getsockname()):
        assert isinstance(await protocol.lost, OSError)
