"""What TLS weighs: under much traffic, and after many connections."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from harness.peers import connected_pair
from harness.protocols import Recorder
from harness.tls import TlsPeer, client_context, server_context

SERVER = server_context()
CLIENT = client_context()
# What one side sends while the other reads slowly, and how much memory that may take.
MUCH_BYTES = 48 << 20
CEILING_BYTES = 24 << 20
PIECE = bytes(range(256)) * 256


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as numbers:
        return int(numbers.read().split()[1]) * resource.getpagesize()


class Pump(asyncio.Protocol):
    """Sends as much as it is let, counts what comes, and lets the sender wait now and then."""

    def __init__(self, loop):
        self.loop = loop
        self.left = MUCH_BYTES
        self.come = 0
        self.wrong = 0
        self.peak = 0
        self.done = loop.create_future()
        self.lost = loop.create_future()
        self.goes = True

    def connection_made(self, transport):
        self.transport = transport
        loop = self.loop
        loop.call_soon(self.pump)

    def pump(self):
        while self.goes and self.left:
            self.transport.write(PIECE)
            self.left -= len(PIECE)

    def pause_writing(self):
        self.goes = False

    def resume_writing(self):
        self.goes = True
        self.loop.call_soon(self.pump)

    def data_received(self, data):
        start = self.come % 256
        expected = PIECE[start : start + 256] + PIECE[:start]
        if data[:256] != expected[: len(data[:256])]:
            self.wrong += 1
        before, self.come = self.come, self.come + len(data)
        if before >> 20 != self.come >> 20:
            self.peak = max(self.peak, resident_bytes())
            self.transport.pause_reading()
            self.loop.call_soon(self.loop.call_soon, self.transport.resume_reading)
        if self.come == MUCH_BYTES:
            self.done.set_result(None)

    def connection_lost(self, exc):
        self.lost.set_result(exc)


async def test_much_both_ways_in_little_memory(loop):
    one, two = connected_pair()
    gc.collect()
    before = resident_bytes()
    accepting = asyncio.ensure_future(
        loop.connect_accepted_socket(lambda: Pump(loop), one, ssl=SERVER)
    )
    transport, client = await loop.create_connection(
        lambda: Pump(loop), sock=two, ssl=CLIENT, server_hostname="localhost"
    )
    _, server = await accepting
    await asyncio.gather(client.done, server.done)
    assert client.wrong == server.wrong == 0
    assert max(client.peak, server.peak) - before < CEILING_BYTES
    transport.close()
    await asyncio.gather(client.lost, server.lost)


async def test_streams_that_wait_for_each_other(loop):
    """With `drain()`: each side writes more than the other has read, and nobody hangs."""

    async def talk(reader, writer):
        got = 0
        for _ in range(64):
            writer.write(PIECE)
            await writer.drain()
            got += len(await reader.readexactly(len(PIECE)))
        assert got == 64 * len(PIECE)
        writer.close()
        await writer.wait_closed()

    done = loop.create_future()

    async def serve(reader, writer):
        await talk(reader, writer)
        done.set_result(None)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=SERVER)
    async with server:
        address = server.sockets[0].getsockname()
        streams = await asyncio.open_connection(*address, ssl=CLIENT, server_hostname="localhost")
        await talk(*streams)
        await done


async def test_an_abandoned_peer_costs_nothing(loop):
    """A peer that never reads: what is written waits until the marks say stop, and goes with it."""
    ours, theirs = connected_pair(buffer_bytes=8192)
    peer = TlsPeer(loop, theirs, SERVER, server_side=True)
    connecting = asyncio.ensure_future(
        loop.create_connection(Recorder, sock=ours, ssl=CLIENT, server_hostname="localhost")
    )
    await peer.handshake()
    transport, protocol = await connecting
    while "pause_writing" not in protocol.calls:
        transport.write(PIECE)
    assert transport.get_write_buffer_size() < 1 << 20
    transport.abort()
    assert await protocol.lost is None
    peer.close()


async def churn(loop, count):
    """Opens that many connections, a few at a time, says a word, and closes them."""

    class Answer(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.transport.write(data)
            self.transport.close()

    class Ask(asyncio.Protocol):
        def __init__(self):
            self.lost = loop.create_future()
            self.got = b""

        def connection_made(self, transport):
            transport.write(b"word")

        def data_received(self, data):
            self.got += data

        def connection_lost(self, exc):
            self.lost.set_result(exc)

    server = await loop.create_server(Answer, "127.0.0.1", 0, ssl=SERVER)
    port = server.sockets[0].getsockname()[1]
    numbers = iter(range(count))

    async def connect():
        for _ in numbers:
            sock = socket.socket()
            sock.setblocking(False)
            # A port that waits after its connection would soon be missed.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            await loop.sock_connect(sock, ("127.0.0.1", port))
            _, ask = await loop.create_connection(
                Ask, sock=sock, ssl=CLIENT, server_hostname="localhost"
            )
            assert await ask.lost is None
            assert ask.got == b"word"

    await asyncio.gather(*(connect() for _ in range(16)))
    server.close()
    await server.wait_closed()


async def test_a_thousand_connections(loop):
    await churn(loop, 1000)


@pytest.mark.soak
@pytest.mark.only("asyncioxide")
@pytest.mark.timeout(3000)
async def test_many_connections_leave_the_memory_flat(loop):
    """SOAK_TLS_CONNECTIONS says how many; the size after the first tenth is the measure."""
    count = int(os.environ.get("SOAK_TLS_CONNECTIONS", "50000"))
    await churn(loop, count // 10)
    gc.collect()
    before = resident_bytes()
    await churn(loop, count - count // 10)
    gc.collect()
    grown = resident_bytes() - before
    print(f"{count} connections: grown by {grown / 1024:.0f} KiB after the first tenth")
    assert grown < 1 << 20


@pytest.mark.only("asyncioxide")
def test_idle_connections_share_their_buffers(loop_kind):
    """Each costs little beside what OpenSSL needs: no buffer of its own on either side."""
    weigh = Path(__file__).parents[2] / "benches" / "tls_memory.py"

    def weighed(kind):
        command = [sys.executable, str(weigh), "--connections", "300", "--only", kind]
        return float(subprocess.run(command, check=True, capture_output=True).stdout)

    assert weighed(loop_kind) - weighed("bare") < 16 * 1024
