"""Peers that reset, vanish, stall or never stop: each costs its own connection only."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from harness.peers import PATIENCE_S, Peer, dialled
from harness.protocols import Echo

COUNT = 20


@pytest.fixture
def server(loop, reports):
    """An echo server; nothing that peers do may reach the exception handler."""
    server = loop.run_until_complete(loop.create_server(Echo, "127.0.0.1", 0))
    yield server
    server.close()
    loop.run_until_complete(server.wait_closed())
    assert reports == []


@pytest.fixture
def still_serves(loop, server):
    """Talks to the server as a well-behaved client does."""

    async def check():
        reader, writer = await asyncio.open_connection(*address_of(server))
        for _ in range(3):
            writer.write(b"there?" * 1000)
            assert await reader.readexactly(6000) == b"there?" * 1000
        writer.close()
        await writer.wait_closed()

    return check


def address_of(server):
    return server.sockets[0].getsockname()


async def test_resets_right_after_connecting(loop, server, still_serves):
    def attack():
        for _ in range(COUNT):
            with dialled(address_of(server)) as peer:
                peer.reset()

    await asyncio.gather(asyncio.to_thread(attack), still_serves())
    await still_serves()


async def test_resets_in_the_middle_of_a_message(loop, server, still_serves):
    def attack():
        for _ in range(COUNT):
            with dialled(address_of(server)) as peer:
                peer.sock.sendall(b"half a mess" * 5000)
                peer._receive(10)
                peer.reset()

    await asyncio.gather(asyncio.to_thread(attack), still_serves())
    await still_serves()


async def test_vanishes_without_reading_the_answer(loop, server, still_serves):
    def attack():
        for _ in range(COUNT):
            with dialled(address_of(server)) as peer:
                peer.sock.sendall(b"a question" * 1000)

    await asyncio.gather(asyncio.to_thread(attack), still_serves())
    await still_serves()


async def test_connects_and_says_nothing(loop, server, still_serves):
    silent = [socket.create_connection(address_of(server)) for _ in range(COUNT)]
    await still_serves()
    for sock in silent:
        sock.close()
    await still_serves()


async def test_half_closes_at_once(loop, server, still_serves):
    for _ in range(COUNT):
        with dialled(address_of(server)) as peer:
            peer.finish()
            assert await peer.read_to_end() == b""
    await still_serves()


async def test_never_reads(loop, server, still_serves):
    """The server's answers pile up until its protocol stops reading; others go on."""
    stalled = []
    for _ in range(3):
        sock = socket.create_connection(address_of(server))
        sock.setblocking(False)
        stalled.append(sock)
    for _ in range(200):
        for sock in stalled:
            try:
                while True:
                    sock.send(b"x" * 65536)
            except BlockingIOError:
                pass
        await asyncio.sleep(0)
    await still_serves()
    for sock in stalled:
        Peer(sock).reset()
    await still_serves()


async def test_sends_for_ever(loop, server, still_serves):
    stop = threading.Event()
    ready = threading.Barrier(4)

    def attack():
        with dialled(address_of(server)) as peer:
            peer.sock.settimeout(0.01)
            ready.wait()
            while not stop.is_set():
                try:
                    peer.sock.send(b"x" * 65536)
                    peer.sock.recv(1 << 20)
                except TimeoutError:
                    continue

    threads = [threading.Thread(target=attack) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        await asyncio.to_thread(ready.wait)
        for _ in range(5):
            await still_serves()
    finally:
        stop.set()
        for thread in threads:
            await asyncio.to_thread(thread.join)


async def test_sends_urgent_data(loop, server, still_serves):
    with dialled(address_of(server)) as peer:
        peer.sock.sendall(b"ab")
        peer.sock.send(b"!", socket.MSG_OOB)
        peer.sock.sendall(b"cd")
        found = await peer.receive(4)
        assert found.replace(b"!", b"") == b"abcd"
    await still_serves()


async def test_a_client_of_a_server_that_resets(loop):
    """The other way round: the loop's own client meets a bad server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_S)

        def attack():
            for _ in range(COUNT):
                peer = Peer(listener.accept()[0])
                peer._receive(5)
                peer.reset()

        thread = threading.Thread(target=attack)
        thread.start()
        for _ in range(COUNT):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"hello")
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
            writer.close()
            with pytest.raises(ConnectionResetError):
                await writer.wait_closed()
        thread.join()
