"""Bytes go there and back unchanged, in every style of writing a server."""

from __future__ import annotations

import asyncio
import random

import pytest
from harness.peers import Peer, dialled
from harness.protocols import BufferedEcho, Echo, Recorder

SIZES = [1, 2, 1000, 65_536, 65_537, 262_144, 262_145, 1_000_000, 5_000_000]


def payload(count: int) -> bytes:
    return random.Random(count).randbytes(count)


async def streams_echo(reader, writer):
    while data := await reader.read(70_000):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


@pytest.fixture(params=["protocol", "buffered", "streams"])
def serve(request, loop):
    """Starts an echo server of one style; gives the server and its address."""

    async def start():
        if request.param == "streams":
            server = await asyncio.start_server(streams_echo, "127.0.0.1", 0)
        else:
            factory = {"protocol": Echo, "buffered": BufferedEcho}[request.param]
            server = await loop.create_server(factory, "127.0.0.1", 0)
        return server, server.sockets[0].getsockname()

    return start


async def end(server):
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("size", SIZES)
async def test_one_message(loop, serve, size):
    server, address = await serve()
    data = payload(size)
    with dialled(address) as peer:
        sending = loop.create_task(peer.send(data))
        assert await peer.receive(size) == data
        await sending
        peer.finish()
        assert await peer.read_to_end() == b""
    await end(server)


async def test_no_message_at_all(loop, serve):
    server, address = await serve()
    with dialled(address) as peer:
        peer.finish()
        assert await peer.read_to_end() == b""
    await end(server)


async def test_many_small_messages(loop, serve):
    server, address = await serve()
    with dialled(address) as peer:

        def talk():
            for number in range(500):
                message = b"%06d" % number
                peer.sock.sendall(message)
                assert peer._receive(len(message)) == message

        await asyncio.to_thread(talk)
        peer.finish()
        await peer.read_to_end()
    await end(server)


async def test_one_byte_at_a_time(loop, serve):
    server, address = await serve()
    data = payload(300)
    with dialled(address) as peer:

        def trickle():
            for byte in data:
                peer.sock.sendall(bytes([byte]))
            peer.finish()
            return peer._receive(None)

        assert await asyncio.to_thread(trickle) == data
    await end(server)


async def test_many_connections_at_once(loop, serve):
    server, address = await serve()

    async def client(number):
        reader, writer = await asyncio.open_connection(*address)
        for turn in range(10):
            data = payload(number * 10 + turn + 1)
            writer.write(data)
            assert await reader.readexactly(len(data)) == data
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(client(number) for number in range(60)))
    await end(server)


async def test_large_messages_in_both_directions_at_once(loop, serve):
    server, address = await serve()
    data = payload(4_000_000)
    transport, protocol = await loop.create_connection(Recorder, *address)
    transport.write(data)
    assert await protocol.has_received(len(data)) == data
    transport.close()
    assert await protocol.lost is None
    await end(server)


async def test_connections_one_after_another(loop, serve):
    server, address = await serve()
    for number in range(50):
        with dialled(address) as peer:
            data = payload(number + 1)
            peer.sock.sendall(data)
            assert await peer.receive(len(data)) == data
            peer.finish()
            await peer.read_to_end()
    await end(server)


@pytest.mark.parametrize("count", [1, 63, 4096])
async def test_a_buffered_protocol_with_a_small_buffer(loop, count):
    class Small(BufferedEcho):
        def __init__(self):
            self._buffer = bytearray(count)

    server = await loop.create_server(Small, "127.0.0.1", 0)
    data = payload(3000)
    with dialled(server.sockets[0].getsockname()) as peer:
        peer.sock.sendall(data)
        peer.finish()
        assert await peer.read_to_end() == data
    await end(server)


async def test_a_client_that_reads_late_gets_everything(loop, serve):
    server, address = await serve()
    data = payload(3_000_000)
    with dialled(address) as peer:
        sending = loop.create_task(peer.send(data))
        other = await asyncio.to_thread(_small_talk, address)
        assert other == b"meanwhile"
        assert await peer.receive(len(data)) == data
        await sending
        peer.finish()
        await peer.read_to_end()
    await end(server)


def _small_talk(address):
    with dialled(address) as peer:
        assert isinstance(peer, Peer)
        peer.sock.sendall(b"meanwhile")
        found = peer._receive(9)
        peer.finish()
        peer._receive(None)
        return found
