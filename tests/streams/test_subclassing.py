"""Subclasses of the streams, and methods replaced on an instance, as libraries do it."""

from __future__ import annotations

import asyncio
import sys

import pytest


async def test_wait_for_the_futures_that_the_loop_makes(loop, streams, transport, turns):
    made = []
    create = loop.create_future

    def create_future():
        made.append(create())
        return made[-1]

    loop.create_future = create_future
    try:
        reader = streams.StreamReader(loop=loop)
        protocol = streams.StreamReaderProtocol(reader, loop=loop)
        writer = streams.StreamWriter(transport, protocol, reader, loop)
        protocol.pause_writing()
        waiting = loop.create_task(reader.read()), loop.create_task(writer.drain())
        await turns()
        assert reader._waiter in made
        assert protocol._drain_waiters[0] in made
        assert protocol._closed in made
    finally:
        del loop.create_future
    reader.feed_eof()
    protocol.resume_writing()
    assert await asyncio.gather(*waiting) == [b"", None]
    writer.close()


async def test_start_tls_tells_the_protocol_by_the_method_that_it_has(loop, streams, transport):
    name = "_replace_transport" if sys.version_info >= (3, 13) else "_replace_writer"
    reader = streams.StreamReader(loop=loop)
    protocol = streams.StreamReaderProtocol(reader, loop=loop)
    writer = streams.StreamWriter(transport, protocol, reader, loop)
    upgraded, seen = type(transport)(), []
    setattr(protocol, name, seen.append)

    async def start_tls(given, *arguments, **options):
        assert given is transport
        return upgraded

    loop.start_tls = start_tls
    try:
        await writer.start_tls(object())
    finally:
        del loop.start_tls
    assert seen == [upgraded if sys.version_info >= (3, 13) else writer]
    assert writer.transport is upgraded
    writer.close()


class TestReader:
    async def test_with_a_feed_data_of_its_own(self, loop, streams, turns):
        class Reader(streams.StreamReader):
            def feed_data(self, data):
                super().feed_data(data.upper())

        reader = Reader(loop=loop)
        protocol = streams.StreamReaderProtocol(reader, loop=loop)
        protocol.data_received(b"abc")
        protocol.eof_received()
        assert await reader.read() == b"ABC"

    async def test_is_fed_by_a_connection(self, loop, streams):
        seen = []

        class Reader(streams.StreamReader):
            def feed_data(self, data):
                seen.append(data)
                super().feed_data(data)

            def feed_eof(self):
                seen.append("end")
                super().feed_eof()

        async def greet(reader, writer):
            writer.write(b"hello")
            writer.close()
            await writer.wait_closed()

        server = await streams.start_server(greet, "127.0.0.1", 0)
        reader = Reader(loop=loop)
        protocol = streams.StreamReaderProtocol(reader, loop=loop)
        address = server.sockets[0].getsockname()
        transport, _ = await loop.create_connection(lambda: protocol, *address)
        assert await reader.read() == b"hello"
        assert seen == [b"hello", "end"]
        transport.close()
        server.close()
        await server.wait_closed()

    async def test_readline_goes_through_readuntil(self, loop, streams):
        class Reader(streams.StreamReader):
            async def readuntil(self, separator=b"\n"):
                return b"<" + await super().readuntil(separator) + b">"

        reader = Reader(loop=loop)
        reader.feed_data(b"line\nrest")
        reader.feed_eof()
        assert await reader.readline() == b"<line\n>"
        assert await reader.readline() == b"rest"

    async def test_readline_forgives_what_readuntil_raises(self, loop, streams):
        class Reader(streams.StreamReader):
            async def readuntil(self, separator=b"\n"):
                raise asyncio.LimitOverrunError("too long", 3)

        reader = Reader(loop=loop)
        reader.feed_data(b"abc\nrest")
        with pytest.raises(ValueError, match="too long"):
            await reader.readline()
        assert reader._buffer == b"rest"

    async def test_the_iterator_goes_through_readline(self, loop, streams):
        class Reader(streams.StreamReader):
            async def readline(self):
                return (await super().readline()).strip()

        reader = Reader(loop=loop)
        reader.feed_data(b"one\ntwo\n\nthree")
        assert [line async for line in reader] == [b"one", b"two"]

    async def test_read_of_all_goes_through_read(self, loop, streams):
        sizes = []

        class Reader(streams.StreamReader):
            async def read(self, n=-1):
                sizes.append(n)
                return await super().read(n)

        reader = Reader(limit=4, loop=loop)
        reader.feed_data(b"123456")
        reader.feed_eof()
        assert await reader.read() == b"123456"
        assert sizes == [-1, 4, 4, 4]

    async def test_replaced_on_the_instance(self, loop, streams):
        async def readuntil(separator):
            return b"replaced"

        reader = streams.StreamReader(loop=loop)
        reader.readuntil = readuntil
        assert await reader.readline() == b"replaced"

    async def test_with_fields_of_its_own(self, loop, streams):
        class Reader(streams.StreamReader):
            def __init__(self, name, **options):
                super().__init__(**options)
                self.name = name

        reader = Reader("me", limit=10, loop=loop)
        reader.feed_data(b"x")
        assert (reader.name, reader._limit, await reader.read(1)) == ("me", 10, b"x")


class TestProtocol:
    async def test_with_a_data_received_of_its_own(self, loop, streams):
        seen = []

        class Protocol(streams.StreamReaderProtocol):
            def data_received(self, data):
                seen.append(data)
                super().data_received(data + b"!")

        async def greet(reader, writer):
            writer.write(b"hello")
            writer.close()
            await writer.wait_closed()

        server = await streams.start_server(greet, "127.0.0.1", 0)
        reader = streams.StreamReader(loop=loop)
        protocol = Protocol(reader, loop=loop)
        address = server.sockets[0].getsockname()
        transport, _ = await loop.create_connection(lambda: protocol, *address)
        assert await reader.read() == b"hello!"
        assert seen == [b"hello"]
        transport.close()
        server.close()
        await server.wait_closed()

    async def test_replaced_on_the_instance(self, loop, streams):
        seen = []

        async def greet(reader, writer):
            writer.write(b"hello")
            writer.close()
            await writer.wait_closed()

        server = await streams.start_server(greet, "127.0.0.1", 0)
        reader = streams.StreamReader(loop=loop)
        protocol = streams.StreamReaderProtocol(reader, loop=loop)
        protocol.data_received = seen.append
        address = server.sockets[0].getsockname()
        transport, _ = await loop.create_connection(lambda: protocol, *address)
        assert await reader.read() == b""
        assert seen == [b"hello"]
        transport.close()
        server.close()
        await server.wait_closed()

    async def test_drain_goes_through_its_helper(self, loop, streams, transport):
        calls = []

        class Protocol(streams.FlowControlMixin):
            async def _drain_helper(self):
                calls.append("before")
                await super()._drain_helper()
                calls.append("after")

        writer = streams.StreamWriter(transport, Protocol(loop=loop), None, loop)
        await writer.drain()
        assert calls == ["before", "after"]
        transport.closing = True

    async def test_is_an_asyncio_protocol(self, loop, streams):
        protocol = streams.StreamReaderProtocol(None, loop=loop)
        assert isinstance(protocol, asyncio.Protocol)
        assert isinstance(protocol, streams.FlowControlMixin)
        assert not isinstance(protocol, asyncio.BufferedProtocol)

    async def test_with_another_kind_of_protocol_beside_it(self, loop, streams):
        class Protocol(streams.FlowControlMixin, asyncio.SubprocessProtocol):
            pass

        protocol = Protocol(loop=loop)
        protocol.pause_writing()
        task = loop.create_task(protocol._drain_helper())
        await asyncio.sleep(0)
        protocol.resume_writing()
        assert await task is None


class TestWriter:
    async def test_with_methods_of_its_own(self, loop, streams, transport):
        class Writer(streams.StreamWriter):
            def write(self, data):
                super().write(data + b"\n")

        writer = Writer(transport, streams.FlowControlMixin(loop=loop), None, loop)
        writer.write(b"line")
        assert transport.calls == [("write", b"line\n")]
        transport.closing = True
