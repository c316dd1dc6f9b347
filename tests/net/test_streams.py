"""The stock streams on the loop's transports."""

from __future__ import annotations

import asyncio

import pytest
from harness.peers import dialled


@pytest.fixture
def serve(loop):
    """Starts stream servers that are closed at the end."""
    servers = []

    async def start(handle, **options):
        servers.append(await asyncio.start_server(handle, "127.0.0.1", 0, **options))
        return servers[-1].sockets[0].getsockname()

    yield start

    async def end():
        for server in servers:
            server.close()
            await server.wait_closed()

    loop.run_until_complete(end())


async def finish(writer):
    writer.close()
    await writer.wait_closed()


class TestReading:
    @pytest.fixture
    def says(self, serve):
        """Opens a connection on whose other end these pieces are written."""

        async def make(*pieces, **options):
            async def handle(reader, writer):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                await finish(writer)

            return await asyncio.open_connection(*await serve(handle), **options)

        return make

    async def test_to_the_end(self, loop, says):
        reader, writer = await says(b"all ", b"of ", b"it")
        assert await reader.read() == b"all of it"
        assert reader.at_eof()
        assert await reader.read() == b""
        await finish(writer)

    async def test_some(self, loop, says):
        reader, writer = await says(b"0123456789")
        assert await reader.read(4) == b"0123"
        assert await reader.read(100) == b"456789"
        await finish(writer)

    async def test_exactly(self, loop, says):
        reader, writer = await says(b"01", b"23456", b"789")
        assert await reader.readexactly(6) == b"012345"
        assert await reader.readexactly(4) == b"6789"
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await reader.readexactly(1)
        assert (caught.value.partial, caught.value.expected) == (b"", 1)
        await finish(writer)

    async def test_lines(self, loop, says):
        reader, writer = await says(b"one\ntw", b"o\n\nlast")
        lines = [await reader.readline() for _ in range(5)]
        assert lines == [b"one\n", b"two\n", b"\n", b"last", b""]
        await finish(writer)

    async def test_as_an_iterator(self, loop, says):
        reader, writer = await says(b"one\ntwo\nthree")
        assert [line async for line in reader] == [b"one\n", b"two\n", b"three"]
        await finish(writer)

    async def test_up_to_a_separator(self, loop, says):
        reader, writer = await says(b"head\r", b"\n\r\nbody")
        assert await reader.readuntil(b"\r\n\r\n") == b"head\r\n\r\n"
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await reader.readuntil(b"\r\n")
        assert caught.value.partial == b"body"
        await finish(writer)

    async def test_a_line_over_the_limit(self, loop, says):
        reader, writer = await says(b"x" * 1000 + b"\n", limit=100)
        with pytest.raises(ValueError, match="Separator is found, but chunk is longer|exceed"):
            await reader.readline()
        await finish(writer)

    async def test_a_chunk_over_the_limit(self, loop, says):
        reader, writer = await says(b"x" * 1000 + b"!", limit=100)
        with pytest.raises(asyncio.LimitOverrunError):
            await reader.readuntil(b"!")
        assert await reader.readexactly(1001) == b"x" * 1000 + b"!"
        await finish(writer)

    async def test_ten_thousand_lines(self, loop, says):
        lines = [b"line %d\n" % number for number in range(10_000)]
        reader, writer = await says(b"".join(lines))
        assert [line async for line in reader] == lines
        await finish(writer)

    async def test_a_slow_reader_holds_the_transport_back(self, loop, serve):
        async def handle(reader, writer):
            writer.write(b"x" * 5_000_000)
            await finish(writer)

        reader, writer = await asyncio.open_connection(*await serve(handle), limit=1000)
        while writer.transport.is_reading():
            await asyncio.sleep(0)
        assert len(await reader.read()) == 5_000_000
        await finish(writer)

    async def test_two_readers_at_once_are_refused(self, loop, serve):
        async def handle(reader, writer):
            await reader.read()
            await finish(writer)

        reader, writer = await asyncio.open_connection(*await serve(handle))
        with pytest.raises(RuntimeError, match="while another coroutine is already waiting"):
            await asyncio.gather(reader.readexactly(1), reader.readexactly(1))
        await finish(writer)
        await asyncio.sleep(0)

    async def test_a_waiting_read_can_be_cancelled(self, loop, serve):
        async def handle(reader, writer):
            await reader.read()
            await finish(writer)

        reader, writer = await asyncio.open_connection(*await serve(handle))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.001)
        await finish(writer)


class TestWriting:
    @pytest.fixture
    def hears(self, serve):
        """Opens a connection; gives the writer, and a future of what the other end got."""

        async def make():
            found = asyncio.get_running_loop().create_future()

            async def handle(reader, writer):
                found.set_result(await reader.read())
                await finish(writer)

            _, writer = await asyncio.open_connection(*await serve(handle))
            return writer, found

        return make

    async def test_pieces_arrive_in_order(self, loop, hears):
        writer, found = await hears()
        for number in range(100):
            writer.write(b"%d," % number)
        writer.writelines([b"a", b"b"])
        await writer.drain()
        await finish(writer)
        assert await found == b"".join(b"%d," % n for n in range(100)) + b"ab"

    async def test_eof(self, loop, hears):
        writer, found = await hears()
        assert writer.can_write_eof()
        writer.write(b"all")
        writer.write_eof()
        assert await found == b"all"
        await finish(writer)

    async def test_states_and_extra_info(self, loop, hears):
        writer, found = await hears()
        assert not writer.is_closing()
        assert writer.get_extra_info("peername")[0] == "127.0.0.1"
        assert isinstance(writer.transport, asyncio.Transport)
        writer.close()
        assert writer.is_closing()
        await writer.wait_closed()
        assert await found == b""

    async def test_drain_after_the_peer_reset_raises(self, loop, serve):
        ready = loop.create_future()

        def handle(reader, writer):
            ready.set_result(writer)

        address = await serve(handle)
        with dialled(address) as peer:
            writer = await ready
            peer.reset()
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            await finish(writer)

    async def test_wait_closed_by_many(self, loop, hears):
        writer, found = await hears()
        writer.close()
        await asyncio.gather(*(writer.wait_closed() for _ in range(3)))
        await found


class TestHandlers:
    async def test_a_plain_function_may_handle(self, loop, serve):
        def handle(reader, writer):
            writer.write(b"plain")
            writer.close()

        reader, writer = await asyncio.open_connection(*await serve(handle))
        assert await reader.read() == b"plain"
        await finish(writer)

    async def test_an_exception_is_reported(self, loop, serve, reports):
        error = KeyError("handler")

        async def handle(reader, writer):
            writer.transport.abort()
            raise error

        reader, writer = await asyncio.open_connection(*await serve(handle))
        await reader.read()
        await finish(writer)
        while not reports:
            await asyncio.sleep(0)
        assert reports[0]["message"] == "Unhandled exception in client_connected_cb"
        assert reports[0]["exception"] is error
        error.__traceback__ = None

    async def test_a_hundred_conversations(self, loop, serve):
        async def handle(reader, writer):
            async for line in reader:
                writer.write(line.upper())
                await writer.drain()
            await finish(writer)

        address = await serve(handle)

        async def converse(number):
            reader, writer = await asyncio.open_connection(*address)
            for turn in range(10):
                writer.write(b"client %d turn %d\n" % (number, turn))
                assert await reader.readline() == b"CLIENT %d TURN %d\n" % (number, turn)
            await finish(writer)

        await asyncio.gather(*(converse(number) for number in range(100)))
