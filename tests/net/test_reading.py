"""pause_reading, resume_reading, set_protocol, and buffers of the protocol's own."""

from __future__ import annotations

import asyncio
import socket

import pytest
from harness.peers import Peer
from harness.protocols import Recorder


async def turns(count=50):
    for _ in range(count):
        await asyncio.sleep(0)


class TestPausing:
    async def test_states(self, loop, connect):
        transport, _, _ = await connect()
        assert transport.is_reading() is True
        assert transport.pause_reading() is None
        assert transport.is_reading() is False
        assert transport.resume_reading() is None
        assert transport.is_reading() is True

    async def test_what_comes_meanwhile_waits(self, loop, connect):
        transport, protocol, peer = await connect()
        transport.pause_reading()
        peer.sock.sendall(b"waits")
        await turns()
        assert protocol.received == b""
        transport.resume_reading()
        assert await protocol.has_received(5) == b"waits"

    async def test_twice_is_once(self, loop, connect):
        transport, protocol, peer = await connect()
        transport.pause_reading()
        transport.pause_reading()
        transport.resume_reading()
        transport.resume_reading()
        peer.sock.sendall(b"data")
        assert await protocol.has_received(4) == b"data"

    async def test_in_data_received_takes_effect_at_once(self, loop, connect):
        class Pauses(Recorder):
            def data_received(self, data):
                super().data_received(data)
                self.transport.pause_reading()

        transport, protocol, peer = await connect(Pauses)
        peer.sock.sendall(b"x" * 1000)
        await protocol.called("data_received")
        first = len(protocol.received)
        peer.sock.sendall(b"y" * 1000)
        await turns()
        assert len(protocol.received) == first
        while len(protocol.received) < 2000:
            before = len(protocol.received)
            transport.resume_reading()
            await protocol.has_received(before + 1)

    async def test_in_connection_made_holds_from_the_beginning(self, loop, connect):
        class Pauses(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                transport.pause_reading()

        transport, protocol, peer = await connect(Pauses)
        peer.sock.sendall(b"early")
        await turns()
        assert protocol.calls == ["connection_made"]
        transport.resume_reading()
        assert await protocol.has_received(5) == b"early"

    async def test_a_fast_peer_is_held_back_by_the_kernel(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=4096)
        transport.pause_reading()
        sending = loop.create_task(peer.send(b"x" * 5_000_000))
        await turns()
        assert not sending.done()
        transport.resume_reading()
        await protocol.has_received(5_000_000)
        await sending

    async def test_close_while_paused(self, loop, connect):
        transport, protocol, _ = await connect()
        transport.pause_reading()
        transport.close()
        assert transport.is_reading() is False
        assert await protocol.lost is None

    async def test_writing_goes_on_while_paused(self, loop, connect):
        transport, _, peer = await connect()
        transport.pause_reading()
        transport.write(b"out")
        assert await peer.receive(3) == b"out"

    async def test_resume_then_pause_in_one_turn_reads_nothing(self, loop, connect):
        transport, protocol, peer = await connect()
        transport.pause_reading()
        peer.sock.sendall(b"data")
        await turns()
        transport.resume_reading()
        transport.pause_reading()
        await turns()
        assert protocol.received == b""
        transport.resume_reading()
        await protocol.has_received(4)


class TestData:
    async def test_is_bytes_of_at_most_256_kibibytes(self, loop, connect):
        sizes = []

        class Sizes(Recorder):
            def data_received(self, data):
                sizes.append(len(data))
                super().data_received(data)

        _, protocol, peer = await connect(Sizes)
        await asyncio.gather(peer.send(b"x" * 3_000_000), protocol.has_received(3_000_000))
        assert max(sizes) <= 256 * 1024
        assert sum(sizes) == 3_000_000

    async def test_comes_only_after_connection_made(self, loop, connect):
        _, protocol, peer = await connect()
        peer.sock.sendall(b"x")
        await protocol.has_received(1)
        assert protocol.calls[:2] == ["connection_made", "data_received"]

    async def test_the_protocol_may_keep_it(self, loop, connect):
        kept = []

        class Keeps(Recorder):
            def data_received(self, data):
                kept.append(data)
                super().data_received(data)

        _, protocol, peer = await connect(Keeps)
        for number in range(20):
            peer.sock.sendall(b"%03d" % number)
            await protocol.has_received(3 * (number + 1))
        assert b"".join(kept) == b"".join(b"%03d" % number for number in range(20))

    async def test_a_method_replaced_on_the_protocol_is_called(self, loop, connect):
        seen = []
        transport, protocol, peer = await connect()
        replaced = loop.create_future()
        # As it was set before the first data came, every implementation must see it.
        protocol.data_received = lambda data: (seen.append(data), replaced.set_result(None))
        transport.set_protocol(protocol)
        peer.sock.sendall(b"data")
        await replaced
        assert seen == [b"data"]
        del protocol.data_received


class TestSetProtocol:
    async def test_the_new_one_gets_what_comes_next(self, loop, connect):
        transport, first, peer = await connect()
        assert transport.get_protocol() is first
        peer.sock.sendall(b"first")
        await first.has_received(5)
        second = Recorder()
        assert transport.set_protocol(second) is None
        assert transport.get_protocol() is second
        peer.sock.sendall(b"second")
        assert await second.has_received(6) == b"second"
        transport.close()
        assert await second.lost is None
        assert bytes(first.received) == b"first"
        assert "connection_made" not in second.calls
        assert "connection_lost" not in first.calls

    async def test_in_data_received(self, loop, connect):
        class Switches(Recorder):
            def data_received(self, data):
                super().data_received(data)
                self.transport.set_protocol(second)

        second = Recorder()
        _, first, peer = await connect(Switches)
        peer.sock.sendall(b"1")
        await first.has_received(1)
        peer.sock.sendall(b"2")
        assert await second.has_received(1) == b"2"
        assert bytes(first.received) == b"1"

    async def test_from_plain_to_buffered_and_back(self, loop, connect):
        class Buffered(asyncio.BufferedProtocol):
            def __init__(self):
                self.buffer = bytearray(100)
                self.received = loop.create_future()

            def get_buffer(self, sizehint):
                return self.buffer

            def buffer_updated(self, count):
                self.received.set_result(bytes(self.buffer[:count]))

        transport, plain, peer = await connect()
        buffered = Buffered()
        transport.set_protocol(buffered)
        peer.sock.sendall(b"buffered")
        assert await buffered.received == b"buffered"
        transport.set_protocol(plain)
        peer.sock.sendall(b"plain")
        assert await plain.has_received(5) == b"plain"

    async def test_to_a_buffered_one_in_the_middle_of_much_data(self, loop):
        """A read that fills its buffer is followed by another one at once."""
        data = bytes(range(250)) * 8000

        class Buffered(asyncio.BufferedProtocol):
            def __init__(self):
                self.buffer = bytearray(64 * 1024)
                self.received = bytearray()
                self.lost = loop.create_future()

            def get_buffer(self, sizehint):
                return self.buffer

            def buffer_updated(self, count):
                self.received += self.buffer[:count]

            def connection_lost(self, exc):
                self.lost.set_result(exc)

        class Switches(Recorder):
            def data_received(self, data):
                super().data_received(data)
                if len(self.received) > 100_000:
                    self.transport.set_protocol(buffered)

        buffered = Buffered()
        ours, theirs = socket.socketpair()
        # More than one read can bring is to wait there when reading begins.
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * len(data))
        theirs.setblocking(False)
        sent = theirs.send(data)
        peer = Peer(theirs)
        _, plain = await loop.create_connection(Switches, sock=ours)
        await peer.send(data[sent:])
        peer.finish()
        assert await buffered.lost is None
        assert plain.received + buffered.received == data
        assert buffered.received
        peer.close()

    async def test_flow_control_goes_to_the_new_one(self, loop, connect):
        transport, first, peer = await connect(buffer_bytes=4096)
        transport.write(b"x" * 3_000_000)
        assert first.calls[-1] == "pause_writing"
        second = Recorder()
        transport.set_protocol(second)
        await peer.receive(3_000_000)
        await second.called("resume_writing")
        assert "resume_writing" not in first.calls


class TestBuffered:
    @pytest.fixture(params=[bytearray, memoryview], ids=["bytearray", "memoryview"])
    def protocol_class(self, request, loop):
        class Buffered(asyncio.BufferedProtocol):
            def __init__(self):
                self.storage = bytearray(1000)
                self.hints = []
                self.received = bytearray()
                self.enough = loop.create_future()
                self.wanted = 0

            def get_buffer(self, sizehint):
                self.hints.append(sizehint)
                return request.param(self.storage) if request.param is memoryview else self.storage

            def buffer_updated(self, count):
                assert type(count) is int
                self.received += self.storage[:count]
                if len(self.received) >= self.wanted and not self.enough.done():
                    self.enough.set_result(None)

        return Buffered

    async def test_fills_the_protocols_buffer(self, loop, connect, protocol_class):
        _, protocol, peer = await connect(protocol_class)
        protocol.wanted = 5000
        data = bytes(range(250)) * 20
        peer.sock.sendall(data)
        await protocol.enough
        assert bytes(protocol.received) == data
        assert set(protocol.hints) == {-1}

    async def test_never_writes_past_its_end(self, loop, connect):
        class Small(asyncio.BufferedProtocol):
            def __init__(self):
                self.storage = bytearray(b"." * 16)
                self.done = loop.create_future()
                self.received = bytearray()

            def get_buffer(self, sizehint):
                return memoryview(self.storage)[4:8]

            def buffer_updated(self, count):
                self.received += self.storage[4 : 4 + count]
                if len(self.received) == 10:
                    self.done.set_result(None)

        _, protocol, peer = await connect(Small)
        peer.sock.sendall(b"0123456789")
        await protocol.done
        assert bytes(protocol.received) == b"0123456789"
        assert protocol.storage[:4] == b"...."
        assert protocol.storage[8:] == b"........"

    async def test_a_buffer_freed_in_between_is_no_harm(self, loop, connect):
        class Fresh(asyncio.BufferedProtocol):
            def __init__(self):
                self.received = bytearray()
                self.done = loop.create_future()

            def get_buffer(self, sizehint):
                self.buffer = bytearray(100)
                return self.buffer

            def buffer_updated(self, count):
                self.received += self.buffer[:count]
                self.buffer = None
                if len(self.received) == 1000:
                    self.done.set_result(None)

        _, protocol, peer = await connect(Fresh)
        peer.sock.sendall(b"z" * 1000)
        await protocol.done
        assert bytes(protocol.received) == b"z" * 1000


async def test_the_methods_of_a_buffered_protocol_are_enough(loop, names):
    if names.is_stock:
        pytest.skip("asyncio ends the connection: there is no data_received")

    class Lends(asyncio.BaseProtocol):
        def __init__(self):
            self.buffer = bytearray(3)
            self.received = bytearray()
            self.lost = loop.create_future()

        def get_buffer(self, sizehint):
            return self.buffer

        def buffer_updated(self, count):
            self.received += self.buffer[:count]

        def eof_received(self):
            pass

        def connection_lost(self, exc):
            self.lost.set_result(exc)

    ours, theirs = socket.socketpair()
    _, protocol = await loop.create_connection(Lends, sock=ours)
    theirs.sendall(b"in pieces")
    theirs.close()
    assert await protocol.lost is None
    assert protocol.received == b"in pieces"


async def test_data_received_counts_more_than_get_buffer(loop):
    class Both(Recorder):
        def get_buffer(self, sizehint):
            raise AssertionError

    ours, theirs = socket.socketpair()
    _, protocol = await loop.create_connection(Both, sock=ours)
    theirs.sendall(b"bytes")
    theirs.close()
    assert await protocol.lost is None
    assert protocol.received == b"bytes"
