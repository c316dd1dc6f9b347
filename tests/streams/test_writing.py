"""StreamWriter, and the waiting in drain()."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import warnings

import pytest


@pytest.fixture
def protocol(loop, streams):
    return streams.StreamReaderProtocol(streams.StreamReader(loop=loop), loop=loop)


@pytest.fixture
def writer(loop, streams, transport, protocol):
    made = streams.StreamWriter(transport, protocol, None, loop)
    yield made
    transport.closing = True


class TestPassesOn:
    def test_what_is_written(self, loop, writer, transport):
        assert writer.write(b"a") is None
        assert writer.writelines([b"b", b"c"]) is None
        assert writer.write_eof() == "written"
        assert writer.can_write_eof() == "perhaps"
        assert transport.calls == [("write", b"a"), ("writelines", [b"b", b"c"]), "write_eof"]

    def test_the_end(self, loop, writer, transport):
        assert writer.is_closing() is False
        writer.close()
        assert writer.is_closing() is True
        assert transport.calls == ["close"]

    def test_questions(self, loop, writer, transport):
        assert writer.transport is transport
        assert writer.get_extra_info("x") is None
        assert writer.get_extra_info("x", default=5) == 5

    def test_repr(self, loop, streams, transport, protocol):
        reader = streams.StreamReader(loop=loop)
        writer = streams.StreamWriter(transport, protocol, reader, loop)
        assert repr(writer) == "<StreamWriter transport=<Recorder> reader=<StreamReader>>"
        transport.closing = True

    def test_only_readers_are_readers(self, loop, streams, transport, protocol):
        transport.closing = True
        with pytest.raises(AssertionError):
            streams.StreamWriter(transport, protocol, object(), loop)

    def test_a_future_that_is_done(self, loop, writer):
        assert writer._complete_fut.done()


class TestDraining:
    async def test_is_over_at_once(self, loop, writer):
        drain = writer.drain()
        with pytest.raises(StopIteration):
            drain.send(None)

    async def test_waits_while_paused(self, loop, writer, protocol):
        protocol.pause_writing()
        tasks = [loop.create_task(writer.drain()) for _ in range(3)]
        await asyncio.sleep(0)
        assert len(protocol._drain_waiters) == 3
        assert not any(task.done() for task in tasks)
        protocol.resume_writing()
        assert await asyncio.gather(*tasks) == [None] * 3
        assert not protocol._drain_waiters

    async def test_cancelled_leaves_the_others(self, loop, writer, protocol):
        protocol.pause_writing()
        one, two = (loop.create_task(writer.drain()) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        await asyncio.wait([one])
        assert one.cancelled()
        assert len(protocol._drain_waiters) == 1
        protocol.resume_writing()
        await two

    async def test_raises_what_ended_the_connection(self, loop, writer, protocol):
        protocol.pause_writing()
        task = loop.create_task(writer.drain())
        await asyncio.sleep(0)
        protocol.connection_lost(BrokenPipeError("gone"))
        with pytest.raises(BrokenPipeError, match="gone"):
            await task
        with pytest.raises(ConnectionResetError, match="Connection lost"):
            await writer.drain()

    async def test_ends_with_the_connection(self, loop, writer, protocol):
        protocol.pause_writing()
        task = loop.create_task(writer.drain())
        await asyncio.sleep(0)
        protocol.connection_lost(None)
        assert await task is None

    async def test_raises_the_readers_exception(self, loop, streams, transport, protocol):
        reader = streams.StreamReader(loop=loop)
        writer = streams.StreamWriter(transport, protocol, reader, loop)
        reader.set_exception(OSError("read failed"))
        with pytest.raises(OSError, match="read failed"):
            await writer.drain()
        transport.closing = True

    async def test_of_a_closing_transport_gives_others_a_turn(self, loop, writer, transport):
        transport.closing = True
        order = []
        loop.call_soon(order.append, "other")
        await writer.drain()
        assert order == ["other"]

    def test_pauses_in_pairs(self, loop, protocol):
        protocol.pause_writing()
        with pytest.raises(AssertionError):
            protocol.pause_writing()
        protocol.resume_writing()
        with pytest.raises(AssertionError):
            protocol.resume_writing()

    def test_pauses_are_logged_in_debug_mode(self, loop, streams, log):
        loop.set_debug(True)
        protocol = streams.FlowControlMixin(loop=loop)
        protocol.pause_writing()
        protocol.resume_writing()
        said = [text for text in log.messages(level=0) if "writing" in text]
        assert said == [f"{protocol!r} pauses writing", f"{protocol!r} resumes writing"]


class TestClosing:
    async def test_waits_for_the_end(self, loop, writer, protocol, turns):
        task = loop.create_task(writer.wait_closed())
        await turns()
        assert not task.done()
        protocol.connection_lost(None)
        assert await task is None

    async def test_raises_what_ended_the_connection(self, loop, writer, protocol):
        protocol.connection_lost(OSError("broken"))
        with pytest.raises(OSError, match="broken"):
            await writer.wait_closed()

    async def test_of_a_protocol_without_an_end(self, loop, streams, transport):
        writer = streams.StreamWriter(transport, streams.FlowControlMixin(loop=loop), None, loop)
        with pytest.raises(NotImplementedError):
            await writer.wait_closed()
        transport.closing = True

    async def test_nobody_has_to_ask_how(self, loop, streams, reports):
        protocol = streams.StreamReaderProtocol(None, loop=loop)
        protocol.connection_lost(OSError("broken"))
        del protocol
        gc.collect()
        assert reports == []


@pytest.mark.skipif(
    not hasattr(asyncio.StreamWriter, "__del__"), reason="since a bugfix release of Python 3.11"
)
class TestForgotten:
    def make(self, loop, streams, transport):
        protocol = streams.FlowControlMixin(loop=loop)
        return streams.StreamWriter(transport, protocol, None, loop)

    def test_is_closed_with_a_warning(self, loop, streams, transport):
        with pytest.warns(ResourceWarning, match="unclosed <StreamWriter transport=<Recorder>>"):
            self.make(loop, streams, transport)
            gc.collect()
        assert transport.calls == ["close"]

    def test_after_close_is_no_news(self, loop, streams, transport):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.make(loop, streams, transport).close()
            gc.collect()

    def test_after_the_loop(self, loop, streams, transport):
        writer = self.make(loop, streams, transport)
        loop.close()
        with pytest.warns(ResourceWarning, match="loop is closed"):
            del writer
            gc.collect()
        assert transport.calls == []


class TestShape:
    @pytest.mark.parametrize("name", ["drain", "start_tls", "wait_closed"])
    def test_look_like_coroutine_functions(self, streams, name):
        stock = inspect.signature(getattr(asyncio.StreamWriter, name))
        function = getattr(streams.StreamWriter, name)
        assert inspect.signature(function) == stock
        assert inspect.iscoroutinefunction(function) or sys.version_info < (3, 12)
        assert sys.version_info >= (3, 14) or asyncio.iscoroutinefunction(function)

    @pytest.mark.parametrize(
        "name", ["write", "writelines", "drain", "get_extra_info", "start_tls", "wait_closed"]
    )
    def test_signatures(self, loop, writer, transport, name):
        transport.closing = True
        stock = asyncio.StreamWriter(transport, None, None, loop)
        expected = inspect.signature(getattr(stock, name))
        assert inspect.signature(getattr(writer, name)) == expected

    @pytest.mark.parametrize(
        "name", ["open_connection", "start_server", "open_unix_connection", "start_unix_server"]
    )
    def test_signatures_of_functions(self, streams, name):
        stock = inspect.signature(getattr(asyncio, name))
        assert inspect.signature(getattr(streams, name)) == stock
