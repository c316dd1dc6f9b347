"""Streams over real connections: TCP, Unix sockets, TLS."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random

import pytest
from harness import tls

MEGABYTE = bytes(range(256)) * 4096


@pytest.fixture(params=["tcp", "unix", "tls"])
def connect(request, loop, streams, tmp_path):
    """Opens a connection whose other end is handed to a callback."""

    @contextlib.asynccontextmanager
    async def make(callback, **options):
        ended = asyncio.Event()

        async def served(reader, writer):
            with contextlib.suppress(ConnectionError):
                await callback(reader, writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            ended.set()

        server, opening = await START[request.param](streams, served, tmp_path, options)
        reader, writer = await opening
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            await ended.wait()
            server.close()
            await server.wait_closed()

    return make


async def start_tcp(streams, served, tmp_path, options):
    server = await streams.start_server(served, "127.0.0.1", 0, **options)
    address = server.sockets[0].getsockname()
    return server, streams.open_connection(*address, **options)


async def start_unix(streams, served, tmp_path, options):
    path = str(tmp_path / "socket")
    server = await streams.start_unix_server(served, path, **options)
    return server, streams.open_unix_connection(path, **options)


async def start_tls(streams, served, tmp_path, options):
    server = await streams.start_server(served, "127.0.0.1", 0, ssl=tls.server_context(), **options)
    address = server.sockets[0].getsockname()
    opening = streams.open_connection(
        *address, ssl=tls.client_context(), server_hostname="localhost", **options
    )
    return server, opening


START = {"tcp": start_tcp, "unix": start_unix, "tls": start_tls}


async def echo(reader, writer):
    while data := await reader.read(10_000):
        writer.write(data)
        await writer.drain()


async def test_an_echo(loop, connect):
    async with connect(echo) as (reader, writer):
        for size in (1, 1000, 100_000):
            data = MEGABYTE[:size]
            writer.write(data)
            await writer.drain()
            assert await reader.readexactly(size) == data


@pytest.mark.parametrize("limit", [1, 1000, 2**16, 2**20])
@pytest.mark.parametrize("size", [100, 4096, 2**16, 2**18, -1])
async def test_bulk_in_any_size(loop, connect, limit, size):
    """Nothing is lost or exchanged, however large the reads and whoever is paused."""
    sent = MEGABYTE * 3

    async def send(reader, writer):
        writer.write(sent)
        await writer.drain()

    digest = hashlib.sha256()
    async with connect(send, limit=limit) as (reader, _):
        while data := await reader.read(size):
            assert size < 0 or len(data) <= size
            digest.update(data)
    assert digest.digest() == hashlib.sha256(sent).digest()


async def test_a_slow_reader_stops_the_sender(loop, connect, turns):
    sent = 0

    async def send(reader, writer):
        nonlocal sent
        while True:
            writer.write(MEGABYTE)
            sent += len(MEGABYTE)
            await writer.drain()

    async with connect(send, limit=1000) as (reader, writer):
        await reader.read(1)
        before = -1
        while sent != before:
            before = sent
            await turns(50)
        writer.transport.abort()


async def test_every_way_of_reading_at_once(loop, connect):
    rng = random.Random(7)
    lines = [bytes(rng.choices(b"abc", k=rng.randrange(2000))) + b"\n" for _ in range(300)]

    async def send(reader, writer):
        data = b"".join(lines)
        while data:
            size = rng.randrange(1, 5000)
            writer.write(data[:size])
            data = data[size:]
            await writer.drain()
            await asyncio.sleep(0)

    async with connect(send) as (reader, _):
        for line in lines:
            match rng.randrange(4):
                case 0:
                    assert await reader.readline() == line
                case 1:
                    assert await reader.readuntil(b"\n") == line
                case 2:
                    assert await reader.readexactly(len(line)) == line
                case 3:
                    assert await anext(reader) == line
        assert await reader.read() == b""


async def test_a_connection_that_is_reset(loop, connect):
    async def reset(reader, writer):
        await reader.read(1)
        writer.transport.abort()

    async with connect(reset) as (reader, writer):
        writer.write(b"x" * 1000)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""


class TestOpening:
    async def test_nobody_there(self, loop, streams, tmp_path):
        with pytest.raises(OSError):
            await streams.open_unix_connection(str(tmp_path / "nothing"))

    async def test_a_limit_of_nothing(self, loop, streams):
        with pytest.raises(ValueError, match="Limit cannot be <= 0"):
            await streams.open_connection("127.0.0.1", 1, limit=0)

    async def test_an_unknown_argument(self, loop, streams):
        with pytest.raises(TypeError):
            await streams.open_connection("127.0.0.1", 1, unknown=True)

    def test_outside_of_a_loop(self, streams):
        opening = streams.open_connection("127.0.0.1", 1)
        with pytest.raises(RuntimeError, match="no running event loop"):
            opening.send(None)


class TestStartTls:
    @pytest.mark.parametrize("ahead", [b"", b"early"])
    async def test_after_a_word_in_the_clear(self, loop, streams, ahead):
        async def served(reader, writer):
            assert await reader.readline() == b"STARTTLS\n"
            writer.write(b"OK\n")
            await writer.start_tls(tls.server_context())
            assert writer.get_extra_info("sslcontext") is not None
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        server = await streams.start_server(served, "127.0.0.1", 0)
        reader, writer = await streams.open_connection(*server.sockets[0].getsockname())
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"OK\n"
        await writer.start_tls(tls.client_context(), server_hostname="localhost")
        writer.write(ahead + b"hello\n")
        assert await reader.readline() == ahead + b"hello\n"
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
