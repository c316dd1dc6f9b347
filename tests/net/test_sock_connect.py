"""sock_connect: a socket that the caller made and keeps, as aiohttp does it."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys

import pytest
from harness.peers import full_backlog, unused_port


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def sock():
    with socket.socket() as made:
        made.setblocking(False)
        yield made


async def test_connects(loop, listener, sock):
    assert await loop.sock_connect(sock, listener.getsockname()) is None
    accepted, address = listener.accept()
    with accepted:
        assert address == sock.getsockname()
        sock.send(b"hello")
        assert accepted.recv(5) == b"hello"


async def test_leaves_the_socket_free_for_other_uses(loop, listener, sock):
    await loop.sock_connect(sock, listener.getsockname())
    seen = loop.create_future()
    with listener.accept()[0] as accepted:
        loop.add_reader(sock, lambda: seen.done() or seen.set_result(sock.recv(10)))
        accepted.sendall(b"data")
        assert await seen == b"data"
        assert loop.remove_reader(sock) is True


async def test_a_refusal_names_the_address(loop, sock):
    address = ("127.0.0.1", unused_port())
    with pytest.raises(ConnectionRefusedError) as caught:
        await loop.sock_connect(sock, address)
    assert str(caught.value) == f"[Errno 111] Connect call failed {address}"


async def test_a_name_is_looked_up(loop, listener, sock, monkeypatch):
    address = listener.getsockname()
    infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: infos)
    await loop.sock_connect(sock, ("invented.example", address[1]))
    listener.accept()[0].close()


async def test_a_blocking_socket_is_refused_in_debug_mode(loop, listener, sock):
    loop.set_debug(True)
    sock.setblocking(True)
    with pytest.raises(ValueError, match="^the socket must be non-blocking$"):
        await loop.sock_connect(sock, listener.getsockname())
    loop.set_debug(False)


async def test_can_be_cancelled(loop, sock):
    with full_backlog() as address:
        task = loop.create_task(loop.sock_connect(sock, address))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert loop.remove_writer(sock) is False


async def test_a_unix_socket(loop, tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as sock:
        listener.bind(path)
        listener.listen()
        sock.setblocking(False)
        await loop.sock_connect(sock, path)
        listener.accept()[0].close()


async def test_many_at_once(loop, listener):
    socks = [socket.socket() for _ in range(50)]
    for each in socks:
        each.setblocking(False)
    address = listener.getsockname()
    await asyncio.gather(*(loop.sock_connect(each, address) for each in socks))
    for each in socks:
        listener.accept()[0].close()
        each.close()


async def test_leaves_no_memory_behind(loop):
    """Nor does what it shares with create_connection, the resolving of a literal address."""

    async def connect_often(count):
        for _ in range(count):
            with socket.socket() as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, address)

    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listener:
        address = listener.getsockname()
        await connect_often(50)
        gc.collect()
        before = sys.getallocatedblocks()
        await connect_often(400)
        gc.collect()
        assert sys.getallocatedblocks() - before < 200
