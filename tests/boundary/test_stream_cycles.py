"""Reference cycles through the native types of the streams are found by the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from asyncioxide import streams

pytestmark = pytest.mark.only("asyncioxide")


class Witness:
    """Refers to anything, and a weak reference can tell of its end."""

    closing = True

    def __call__(self, *args):
        pass

    def get_extra_info(self, name, default=None):
        return default

    def is_closing(self):
        return self.closing

    def done(self):
        return False

    def close(self):
        self.closing = True


def assert_collected(make):
    """Has `make` tie objects to a witness, in a circle, and nobody hold them."""
    witness = Witness()
    witness.links = make(witness)
    alive = weakref.ref(witness)
    del witness
    gc.collect()
    assert alive() is None


class TestReader:
    @pytest.mark.parametrize("name", ["_transport", "_exception", "_waiter", "anything"])
    def test_each_field(self, loop, name):
        def make(witness):
            reader = streams.StreamReader(loop=loop)
            setattr(reader, name, witness)
            return reader

        assert_collected(make)

    def test_its_buffer(self, loop):
        class Array(bytearray):
            pass

        def make(witness):
            reader = streams.StreamReader(loop=loop)
            reader._buffer = Array()
            reader._buffer.witness = witness
            return reader

        assert_collected(make)

    def test_its_limit(self, loop):
        class Limit(int):
            pass

        def make(witness):
            limit = Limit(5)
            limit.witness = witness
            return streams.StreamReader(limit, loop)

        assert_collected(make)

    @pytest.mark.parametrize("name", ["read", "readline", "readexactly", "readuntil", "__anext__"])
    async def test_a_coroutine_that_waits(self, loop, name):
        arguments = {"readexactly": (1,)}.get(name, ())

        def make(witness):
            reader = streams.StreamReader(loop=loop)
            reader.witness = witness
            call = getattr(reader, name)(*arguments)
            return call, call.send(None)

        assert_collected(make)

    async def test_a_coroutine_with_its_argument(self, loop):
        class Separator(bytes):
            pass

        def make(witness):
            separator = Separator(b"x")
            separator.witness = witness
            call = streams.StreamReader(loop=loop).readuntil(separator)
            return call, call.send(None)

        assert_collected(make)


class TestProtocol:
    def test_of_flow_control(self, loop):
        def make(witness):
            protocol = streams.FlowControlMixin(loop=loop)
            protocol._drain_waiters.append(witness)
            return protocol

        assert_collected(make)

    @pytest.mark.parametrize(
        "name", ["_transport", "_task", "_closed", "_client_connected_cb", "_strong_reader"]
    )
    def test_each_field(self, loop, name):
        def make(witness):
            protocol = streams.StreamReaderProtocol(None, loop=loop)
            setattr(protocol, name, witness)
            return protocol

        assert_collected(make)

    def test_one_of_a_server(self, loop):
        def make(witness):
            reader = streams.StreamReader(loop=loop)
            protocol = streams.StreamReaderProtocol(reader, witness, loop)
            protocol.connection_made(witness)
            return reader, protocol

        assert_collected(make)


class TestWriter:
    def test_each_field(self, loop):
        def make(witness):
            return streams.StreamWriter(witness, witness, None, loop)

        assert_collected(make)

    async def test_a_drain_that_waits(self, loop):
        def make(witness):
            protocol = streams.StreamReaderProtocol(None, loop=loop)
            protocol.witness = witness
            protocol.pause_writing()
            writer = streams.StreamWriter(witness, protocol, None, loop)
            drain = writer.drain()
            # The transport is closing: first a turn of the loop, then the wait.
            drain.send(None)
            return drain, drain.send(None)

        assert_collected(make)

    async def test_a_wait_for_the_end(self, loop):
        def make(witness):
            protocol = streams.StreamReaderProtocol(None, loop=loop)
            writer = streams.StreamWriter(witness, protocol, None, loop)
            waiting = writer.wait_closed()
            return waiting, waiting.send(None)

        assert_collected(make)


async def test_a_server_and_its_callback(loop):
    witness = Witness()
    server = await streams.start_server(witness, "127.0.0.1", 0)
    witness.links = server
    alive = weakref.ref(witness)
    server.close()
    await server.wait_closed()
    del witness, server
    await asyncio.sleep(0)
    gc.collect()
    assert alive() is None
