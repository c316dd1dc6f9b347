"""Datagrams that the kernel has no room for: the queue, flow control, closing with a queue.

Unix datagrams wait for their receiver, so that a test can fill the kernel's buffer; UDP drops.
"""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest
from harness.protocols import DatagramRecorder
from harness.versions import skip_stock_bug

SIZE = 4096
# What a queued datagram weighs besides its bytes, since Python 3.13.
HEADER = 8 if sys.version_info >= (3, 13) else 0


class Pair:
    """A connected endpoint, and the blocking socket that it sends to."""

    def __init__(self, transport, protocol, peer):
        self.transport, self.protocol, self.peer = transport, protocol, peer
        self.sent = 0

    def fill(self):
        """Sends until something is queued."""
        while self.transport.get_write_buffer_size() == 0:
            self.send()

    def send(self):
        self.transport.sendto(self.datagram(self.sent))
        self.sent += 1

    @staticmethod
    def datagram(number):
        return number.to_bytes(4, "big") * (SIZE // 4)

    async def take(self):
        """The number of the next datagram; gives the loop turns until there is one."""
        while True:
            await asyncio.sleep(0)
            try:
                data = self.peer.recv(SIZE * 2)
            except BlockingIOError:
                continue
            assert len(data) == SIZE
            return int.from_bytes(data[:4], "big")

    async def take_all(self):
        got = [await self.take() for _ in range(self.sent)]
        assert got == list(range(self.sent))


@pytest.fixture
def connect(loop, tmp_path):
    pairs = []

    async def make(factory=DatagramRecorder):
        path = str(tmp_path / f"peer{len(pairs)}")
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        peer.bind(path)
        peer.setblocking(False)
        transport, protocol = await loop.create_datagram_endpoint(
            factory, remote_addr=path, family=socket.AF_UNIX
        )
        pairs.append(Pair(transport, protocol, peer))
        return pairs[-1]

    yield make

    async def end():
        for pair in pairs:
            # Not a second time: asyncio does not bear it once what was queued is sent.
            if not pair.transport.is_closing():
                pair.transport.abort()
        await asyncio.sleep(0)

    loop.run_until_complete(end())
    for pair in pairs:
        pair.peer.close()
    pairs.clear()


async def test_what_is_queued_arrives_in_order(loop, connect):
    pair = await connect()
    pair.fill()
    for _ in range(20):
        pair.send()
    await pair.take_all()


async def test_the_size_of_the_queue(loop, names, connect):
    pair = await connect()
    assert pair.transport.get_write_buffer_size() == 0
    pair.fill()
    assert pair.transport.get_write_buffer_size() == SIZE + HEADER
    pair.send()
    assert pair.transport.get_write_buffer_size() == 2 * (SIZE + HEADER)
    wrong = HEADER and not hasattr(
        asyncio.selector_events._SelectorDatagramTransport, "_header_size"
    )
    skip_stock_bug(names, bool(wrong), "forgets to take the header off")
    while pair.transport.get_write_buffer_size():
        await pair.take()
    assert pair.protocol.calls == ["connection_made"]


async def test_empty_datagrams_weigh_their_header(loop, connect):
    pair = await connect()
    pair.fill()
    before = pair.transport.get_write_buffer_size()
    pair.transport.sendto(b"")
    assert pair.transport.get_write_buffer_size() == before + HEADER


async def test_mutable_data_is_snapshotted(loop, connect):
    pair = await connect()
    pair.fill()
    data = bytearray(pair.datagram(pair.sent))
    pair.transport.sendto(data)
    view = memoryview(bytearray(pair.datagram(pair.sent + 1)))
    pair.transport.sendto(view)
    pair.sent += 2
    data[:] = bytes(SIZE)
    view[:] = bytes(SIZE)
    await pair.take_all()


async def test_the_protocol_is_paused_and_resumed(loop, names, connect):
    wrong = HEADER and not hasattr(
        asyncio.selector_events._SelectorDatagramTransport, "_header_size"
    )
    skip_stock_bug(names, bool(wrong), "forgets to take the header off and never resumes")
    pair = await connect()
    pair.transport.set_write_buffer_limits(high=3 * SIZE, low=SIZE)
    assert pair.transport.get_write_buffer_limits() == (SIZE, 3 * SIZE)
    pair.fill()
    pair.send()
    assert pair.protocol.calls == ["connection_made"]
    pair.send()
    pair.send()
    assert pair.protocol.calls == ["connection_made", "pause_writing"]
    got = []
    while "resume_writing" not in pair.protocol.calls:
        assert pair.transport._protocol_paused
        got.append(await pair.take())
    assert not pair.transport._protocol_paused
    assert pair.transport.get_write_buffer_size() <= SIZE
    while len(got) < pair.sent:
        got.append(await pair.take())
    assert got == list(range(pair.sent))


async def test_setting_the_limits_pauses_at_once(loop, connect):
    pair = await connect()
    pair.fill()
    pair.transport.set_write_buffer_limits(high=0)
    assert pair.protocol.calls == ["connection_made", "pause_writing"]


async def test_bad_limits(loop, connect):
    pair = await connect()
    with pytest.raises(ValueError, match=r"^high \(1\) must be >= low \(2\) must be >= 0$"):
        pair.transport.set_write_buffer_limits(high=1, low=2)


async def test_sending_more_when_resumed(loop, names, connect):
    wrong = HEADER and not hasattr(
        asyncio.selector_events._SelectorDatagramTransport, "_header_size"
    )
    skip_stock_bug(names, bool(wrong), "forgets to take the header off and never resumes")

    class Goes(DatagramRecorder):
        def resume_writing(self):
            super().resume_writing()
            pair.send()

    pair = await connect(Goes)
    pair.transport.set_write_buffer_limits(high=0)
    pair.fill()
    got = []
    while len(got) < pair.sent:
        got.append(await pair.take())
        if pair.sent > 200:
            pair.transport.abort()
            break
    assert got == list(range(len(got)))


async def test_close_sends_what_is_queued(loop, connect):
    pair = await connect()
    pair.fill()
    pair.send()
    pair.transport.close()
    assert pair.transport.is_closing()
    assert "connection_lost" not in pair.protocol.calls
    await pair.take_all()
    assert await pair.protocol.lost is None


async def test_sending_while_it_closes(loop, connect):
    pair = await connect()
    pair.fill()
    pair.transport.close()
    pair.send()
    await pair.take_all()
    assert await pair.protocol.lost is None


async def test_abort_gives_the_queue_up(loop, connect):
    pair = await connect()
    pair.fill()
    queued = pair.sent - 1
    pair.send()
    pair.transport.abort()
    assert await pair.protocol.lost is None
    got = [await pair.take() for _ in range(queued)]
    assert got == list(range(queued))
    with pytest.raises(BlockingIOError):
        pair.peer.recv(1)


async def test_abort_while_it_closes(loop, connect):
    pair = await connect()
    pair.fill()
    pair.transport.close()
    pair.transport.abort()
    assert await pair.protocol.lost is None
    assert pair.protocol.calls.count("connection_lost") == 1


async def test_the_receiver_goes_away_while_datagrams_are_queued(loop, connect):
    pair = await connect()
    pair.fill()
    pair.send()
    pair.send()
    pair.peer.close()
    # One error for each queued datagram.
    errors = await pair.protocol.has_failed(3)
    # The first refusal disconnects the socket.
    assert [type(error) for error in errors] == [ConnectionRefusedError, OSError, OSError]
    while pair.transport.get_write_buffer_size() > 3 * HEADER:
        await asyncio.sleep(0)
    assert not pair.transport.is_closing()
    pair.transport.close()
    assert await pair.protocol.lost is None


async def test_closing_while_the_receiver_goes_away(loop, connect):
    pair = await connect()
    pair.fill()
    pair.send()
    pair.transport.close()
    pair.peer.close()
    assert await pair.protocol.lost is None
    assert [type(error) for error in pair.protocol.errors] == [ConnectionRefusedError, OSError]


async def test_error_received_that_raises_loses_nothing_else(loop, connect, reports):
    class Wrong(DatagramRecorder):
        def error_received(self, exc):
            super().error_received(exc)
            raise ValueError("from error_received")

    pair = await connect(Wrong)
    pair.fill()
    pair.send()
    pair.peer.close()
    await pair.protocol.has_failed(2)
    pair.transport.close()
    assert await pair.protocol.lost is None
    assert [str(report["exception"]) for report in reports] == ["from error_received"] * 2
    for report in reports:
        assert "DatagramTransport._sendto_ready()" in report["message"]
    reports.clear()


async def test_callbacks_of_flow_control_that_raise(loop, names, connect, reports):
    wrong = HEADER and not hasattr(
        asyncio.selector_events._SelectorDatagramTransport, "_header_size"
    )
    skip_stock_bug(names, bool(wrong), "forgets to take the header off and never resumes")

    class Wrong(DatagramRecorder):
        def pause_writing(self):
            super().pause_writing()
            raise ValueError("from pause_writing")

        def resume_writing(self):
            super().resume_writing()
            raise ValueError("from resume_writing")

    pair = await connect(Wrong)
    pair.transport.set_write_buffer_limits(high=0)
    pair.fill()
    while "resume_writing" not in pair.protocol.calls:
        await pair.take()
    assert [report["message"] for report in reports] == [
        "protocol.pause_writing() failed",
        "protocol.resume_writing() failed",
    ]
    assert not pair.transport.is_closing()
    reports.clear()


async def test_datagrams_come_in_while_others_are_queued(loop, connect):
    pair = await connect()
    pair.fill()
    local = pair.transport.get_extra_info("sockname")
    assert local == ""
    # Whoever has no name gets no answer; a pair of sockets does.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    transport, protocol = await loop.create_datagram_endpoint(DatagramRecorder, sock=ours)
    theirs.send(b"hello")
    assert await protocol.has_received(1) == [b"hello"]
    assert pair.transport.get_write_buffer_size() > 0
    transport.close()
    await protocol.lost
    theirs.close()


async def test_udp_floods_lose_no_order(loop):
    receiver, protocol = await loop.create_datagram_endpoint(DatagramRecorder, ("127.0.0.1", 0))
    sender, _ = await loop.create_datagram_endpoint(
        DatagramRecorder, remote_addr=receiver.get_extra_info("sockname")
    )
    for number in range(20_000):
        sender.sendto(number.to_bytes(4, "big"))
        if number % 50 == 0:
            await asyncio.sleep(0)
    sender.sendto(b"end")
    for _ in range(1000):
        if protocol.received[-1:] and protocol.received[-1][0] == b"end":
            break
        sender.sendto(b"end")
        await asyncio.sleep(0)
    numbers = [int.from_bytes(data, "big") for data, _ in protocol.received if data != b"end"]
    assert numbers == sorted(numbers)
    assert len(numbers) > 50
    for transport in (sender, receiver):
        transport.abort()
    await asyncio.sleep(0)
