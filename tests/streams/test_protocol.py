"""StreamReaderProtocol between a transport and its reader, and a server's callback."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref

import pytest

REPORTING = pytest.mark.skipif(
    "add_done_callback" not in asyncio.StreamReaderProtocol.connection_made.__code__.co_names,
    reason="since a bugfix release of Python 3.11",
)
SINCE_3_14 = pytest.mark.skipif(sys.version_info < (3, 14), reason="since Python 3.14")


class Failed(Exception):
    pass


@pytest.fixture
def serve(loop, streams):
    """Makes the protocol of a server's connection; the reader is whatever the protocol keeps."""

    def make(callback):
        reader = streams.StreamReader(loop=loop)
        return streams.StreamReaderProtocol(reader, callback, loop=loop)

    return make


class TestReader:
    async def test_is_fed(self, loop, streams, transport):
        reader = streams.StreamReader(loop=loop)
        protocol = streams.StreamReaderProtocol(reader, loop=loop)
        protocol.connection_made(transport)
        assert reader._transport is protocol._transport is transport
        protocol.data_received(b"abc")
        assert protocol.eof_received() is True
        assert await reader.read() == b"abc"

    async def test_gets_the_end(self, loop, streams, transport):
        reader = streams.StreamReader(loop=loop)
        protocol = streams.StreamReaderProtocol(reader, loop=loop)
        protocol.connection_made(transport)
        protocol.connection_lost(None)
        assert reader.at_eof()
        assert protocol._stream_reader is None
        assert protocol._transport is None

    async def test_gets_the_exception(self, loop, streams, transport):
        reader = streams.StreamReader(loop=loop)
        protocol = streams.StreamReaderProtocol(reader, loop=loop)
        protocol.connection_made(transport)
        failure = OSError("lost")
        protocol.connection_lost(failure)
        assert reader.exception() is failure

    async def test_is_not_kept_alive(self, loop, streams, transport):
        reader = streams.StreamReader(loop=loop)
        protocol = streams.StreamReaderProtocol(reader, loop=loop)
        assert protocol._stream_reader is reader
        del reader
        gc.collect()
        assert protocol._stream_reader is None
        protocol.connection_made(transport)
        protocol.data_received(b"for nobody")
        protocol.eof_received()
        protocol.connection_lost(None)

    async def test_of_a_server_is_kept_until_it_is_connected(self, loop, serve, transport):
        given = []
        protocol = serve(lambda *pair: given.extend(pair))
        gc.collect()
        kept = weakref.ref(protocol._stream_reader)
        protocol.connection_made(transport)
        transport.closing = True
        assert given[0] is kept()
        given.clear()
        gc.collect()
        assert protocol._stream_reader is None or sys.version_info < (3, 13)

    async def test_of_another_kind(self, loop, streams, transport):
        """Whatever has the methods will do."""
        calls = []

        class Reader:
            _source_traceback = None

            def __getattr__(self, name):
                return lambda *arguments: calls.append((name, *arguments))

        reader = Reader()
        protocol = streams.StreamReaderProtocol(reader, loop=loop)
        protocol.connection_made(transport)
        protocol.data_received(b"abc")
        protocol.eof_received()
        protocol.connection_lost(None)
        assert calls == [
            ("set_transport", transport),
            ("feed_data", b"abc"),
            ("feed_eof",),
            ("feed_eof",),
        ]

    async def test_over_tls_there_is_no_half_close(self, loop, streams, transport):
        reader = streams.StreamReader(loop=loop)
        protocol = streams.StreamReaderProtocol(reader, loop=loop)
        transport._extra["sslcontext"] = object()
        protocol.connection_made(transport)
        assert protocol.eof_received() is False

    async def test_a_rejected_connection_is_aborted(self, loop, streams, transport, reports):
        protocol = streams.StreamReaderProtocol(None, loop=loop)
        protocol._reject_connection = True
        protocol.connection_made(transport)
        assert transport.calls == ["abort"]
        assert [report["message"] for report in reports] == [
            "An open stream was garbage collected prior to establishing network connection; "
            'call "stream.close()" explicitly.'
        ]


class TestCallback:
    async def test_a_plain_one_is_called(self, loop, streams, serve, transport):
        given = []
        serve(lambda *pair: given.extend(pair)).connection_made(transport)
        reader, writer = given
        assert type(reader) is streams.StreamReader
        assert type(writer) is streams.StreamWriter
        assert writer.transport is transport
        transport.closing = True

    async def test_a_coroutine_runs_in_a_task(self, loop, serve, transport, turns):
        running = []

        async def callback(reader, writer):
            running.append(asyncio.current_task())
            writer.close()

        protocol = serve(callback)
        protocol.connection_made(transport)
        task = protocol._task
        await turns()
        assert running == [task]
        assert task.done()

    @REPORTING
    async def test_that_fails_in_its_task_is_reported(self, loop, serve, transport, turns, reports):
        async def callback(reader, writer):
            raise Failed

        serve(callback).connection_made(transport)
        await turns()
        self.check_report(reports, transport)

    @SINCE_3_14
    async def test_that_fails_at_once_is_reported(self, loop, streams, serve, transport, reports):
        def callback(reader, writer):
            raise Failed

        try:
            serve(callback).connection_made(transport)
        except Failed:
            # Before a bugfix release of 3.14 nobody is told, as before 3.14.
            transport.closing = True
            assert reports == []
        else:
            self.check_report(reports, transport)

    def check_report(self, reports, transport):
        (report,) = reports
        assert report["message"] == "Unhandled exception in client_connected_cb"
        assert type(report["exception"]) is Failed
        assert report["transport"] is transport
        assert transport.calls == ["close"]

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="since Python 3.13")
    async def test_that_is_cancelled_closes(self, loop, serve, transport, turns, reports):
        async def callback(reader, writer):
            await reader.read()

        protocol = serve(callback)
        protocol.connection_made(transport)
        await turns()
        protocol._task.cancel()
        await turns()
        assert transport.calls == ["close"]
        assert reports == []

    async def test_what_is_no_exception_goes_up(self, loop, serve, transport):
        def callback(reader, writer):
            transport.closing = True
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            serve(callback).connection_made(transport)


class TestFields:
    def test_are_there(self, loop, streams):
        protocol = streams.StreamReaderProtocol(None, loop=loop)
        assert protocol._loop is loop
        assert protocol._paused is protocol._connection_lost is protocol._over_ssl is False
        assert protocol._stream_reader is protocol._stream_reader_wr is protocol._task is None
        assert protocol._client_connected_cb is None
        assert not protocol._closed.done()
        assert protocol._get_close_waiter(None) is protocol._closed

    def test_can_be_set(self, loop, streams):
        protocol = streams.StreamReaderProtocol(None, loop=loop)
        protocol._over_ssl = True
        assert protocol.eof_received() is False
        protocol.anything = 1
        assert vars(protocol)["anything"] == 1

    def test_debug_mode_remembers_where_the_reader_was_made(self, loop, streams):
        loop.set_debug(True)
        reader = streams.StreamReader(loop=loop)
        protocol = streams.StreamReaderProtocol(reader, loop=loop)
        assert protocol._source_traceback == reader._source_traceback is not None


NATIVE = ("FlowControlMixin", "StreamReader", "StreamReaderProtocol", "StreamWriter")
FUNCTIONS = ("open_connection", "open_unix_connection", "start_server", "start_unix_server")


@pytest.mark.parametrize("name", [*NATIVE, *FUNCTIONS])
def test_the_package_has_its_own(name):
    import asyncioxide

    ours = getattr(asyncioxide.streams, name)
    assert ours is not getattr(asyncio.streams, name)
    assert ours is getattr(asyncioxide._asyncioxide, name)
    assert (ours.__module__, ours.__qualname__) == ("asyncioxide.streams", name)


class TestKinds:
    """asyncio takes our objects for its own."""

    def test_of_the_protocol(self, loop, streams):
        assert isinstance(
            streams.StreamReaderProtocol(None, loop=loop), asyncio.StreamReaderProtocol
        )

    def test_of_reader_and_writer(self, loop, streams, transport):
        transport.closing = True
        reader = streams.StreamReader(loop=loop)
        writer = streams.StreamWriter(transport, None, reader, loop)
        assert isinstance(reader, asyncio.StreamReader)
        assert isinstance(writer, asyncio.StreamWriter)
        assert isinstance(reader, streams.StreamReader)
        assert isinstance(asyncio.StreamWriter(transport, None, reader, loop), asyncio.StreamWriter)

    def test_of_a_subclass(self, loop, streams):
        class Reader(streams.StreamReader):
            pass

        reader = Reader(loop=loop)
        assert reader.__class__ is Reader
        assert isinstance(reader, streams.StreamReader)
