"""write_eof and eof_received: one direction ends, the other goes on."""

from __future__ import annotations

import asyncio

import pytest
from harness.protocols import KeepsOpen, Recorder

SMALL = 4096
MUCH = 3_000_000


class TestWriteEof:
    async def test_ends_the_stream_for_the_peer_and_reading_goes_on(self, loop, connect):
        transport, protocol, peer = await connect()
        assert transport.can_write_eof() is True
        transport.write(b"last words")
        assert transport.write_eof() is None
        assert await peer.read_to_end() == b"last words"
        peer.sock.sendall(b"an answer")
        assert await protocol.has_received(9) == b"an answer"
        assert not transport.is_closing()

    async def test_what_waits_is_sent_first(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        transport.write(b"x" * MUCH)
        transport.write_eof()
        assert len(await peer.read_to_end()) == MUCH
        peer.sock.sendall(b"still open")
        assert await protocol.has_received(10) == b"still open"

    async def test_writing_afterwards_is_refused(self, loop, connect):
        transport, _, _ = await connect()
        transport.write_eof()
        with pytest.raises(RuntimeError, match=r"^Cannot call write\(\) after write_eof\(\)$"):
            transport.write(b"x")
        with pytest.raises(RuntimeError, match=r"^Cannot call write"):
            transport.writelines([b"x"])

    async def test_twice_is_once(self, loop, connect):
        transport, _, peer = await connect()
        transport.write_eof()
        transport.write_eof()
        assert await peer.read_to_end() == b""

    async def test_with_nothing_written(self, loop, connect):
        transport, _, peer = await connect()
        transport.write_eof()
        assert await peer.read_to_end() == b""

    async def test_when_closing_does_nothing(self, loop, connect):
        transport, protocol, peer = await connect()
        transport.write(b"rest")
        transport.close()
        transport.write_eof()
        assert await peer.read_to_end() == b"rest"
        assert await protocol.lost is None

    async def test_then_close(self, loop, connect):
        transport, protocol, peer = await connect()
        transport.write(b"rest")
        transport.write_eof()
        transport.close()
        assert await peer.read_to_end() == b"rest"
        assert await protocol.lost is None

    async def test_both_ends_one_after_the_other(self, loop, connect):
        transport, protocol, peer = await connect(KeepsOpen)
        transport.write_eof()
        assert await peer.read_to_end() == b""
        peer.close()
        await protocol.called("eof_received")
        assert not transport.is_closing()
        transport.close()
        assert await protocol.lost is None
        assert protocol.calls == ["connection_made", "eof_received", "connection_lost"]


class TestEofReceived:
    async def test_false_closes(self, loop, connect):
        transport, protocol, peer = await connect()
        peer.finish()
        assert await protocol.lost is None
        assert protocol.calls == ["connection_made", "eof_received", "connection_lost"]
        assert transport.is_closing()

    @pytest.mark.parametrize("answer", [None, False, 0, "", []], ids=repr)
    async def test_anything_false_closes(self, loop, connect, answer):
        class Answers(Recorder):
            def eof_received(self):
                return answer

        _, protocol, peer = await connect(Answers)
        peer.finish()
        assert await protocol.lost is None

    @pytest.mark.parametrize("answer", [True, 1, "yes", [0]], ids=repr)
    async def test_anything_true_keeps_it_open_for_writing(self, loop, connect, answer):
        class Answers(Recorder):
            def eof_received(self):
                super().eof_received()
                return answer

        transport, protocol, peer = await connect(Answers)
        peer.finish()
        await protocol.called("eof_received")
        assert not transport.is_closing()
        transport.write(b"an answer")
        transport.close()
        assert await peer.read_to_end() == b"an answer"
        assert await protocol.lost is None

    async def test_comes_once_and_costs_nothing_more(self, loop, connect):
        _, protocol, peer = await connect(KeepsOpen)
        peer.finish()
        await protocol.called("eof_received")
        for _ in range(50):
            await asyncio.sleep(0)
        assert protocol.calls == ["connection_made", "eof_received"]

    async def test_comes_after_the_last_data(self, loop, connect):
        _, protocol, peer = await connect(KeepsOpen)
        peer.sock.sendall(b"data")
        peer.finish()
        await protocol.called("eof_received")
        assert bytes(protocol.received) == b"data"
        assert protocol.calls[-1] == "eof_received"

    async def test_does_not_come_while_reading_is_paused(self, loop, connect):
        transport, protocol, peer = await connect()
        transport.pause_reading()
        peer.finish()
        for _ in range(50):
            await asyncio.sleep(0)
        assert protocol.calls == ["connection_made"]
        transport.resume_reading()
        assert await protocol.lost is None

    async def test_what_waits_to_be_written_still_goes_out(self, loop, connect):
        transport, protocol, peer = await connect(buffer_bytes=SMALL)
        transport.write(b"x" * MUCH)
        peer.finish()
        await protocol.called("eof_received")
        assert len(await peer.read_to_end()) == MUCH
        assert await protocol.lost is None

    async def test_a_buffered_protocol_has_it_too(self, loop, connect):
        class Buffered(asyncio.BufferedProtocol):
            def __init__(self):
                self.lost = loop.create_future()
                self.calls = []

            def get_buffer(self, sizehint):
                return bytearray(100)

            def buffer_updated(self, count):
                self.calls.append(count)

            def eof_received(self):
                self.calls.append("eof")

            def connection_lost(self, exc):
                self.lost.set_result(exc)

        _, protocol, peer = await connect(Buffered)
        peer.sock.sendall(b"12345")
        peer.finish()
        assert await protocol.lost is None
        assert protocol.calls == [5, "eof"]
