"""Protocols that note what is called, and futures for a test to wait at."""

from __future__ import annotations

import asyncio
from typing import Any


class Recorder(asyncio.Protocol):
    """Notes every call; `received` holds the bytes."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport: Any = None
        self.calls: list[str] = []
        self.received = bytearray()
        self.made: asyncio.Future[None] = self.loop.create_future()
        self.lost: asyncio.Future[Exception | None] = self.loop.create_future()
        self._waiters: list[tuple[Any, asyncio.Future[None]]] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._note("connection_made")
        self.made.set_result(None)

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes
        self.received += data
        self._note("data_received")

    def eof_received(self) -> bool | None:
        self._note("eof_received")
        return None

    def pause_writing(self) -> None:
        self._note("pause_writing")

    def resume_writing(self) -> None:
        self._note("resume_writing")

    def connection_lost(self, exc: Exception | None) -> None:
        self._note("connection_lost")
        self.lost.set_result(exc)

    def _note(self, call: str) -> None:
        self.calls.append(call)
        for condition, waiter in self._waiters:
            if condition() and not waiter.done():
                waiter.set_result(None)

    async def until(self, condition: Any) -> None:
        """Waits until the condition holds after some call of the protocol."""
        if condition():
            return
        waiter = self.loop.create_future()
        self._waiters.append((condition, waiter))
        await waiter

    async def called(self, call: str, times: int = 1) -> None:
        await self.until(lambda: self.calls.count(call) >= times)

    async def has_received(self, count: int) -> bytes:
        await self.until(lambda: len(self.received) >= count)
        return bytes(self.received)


class KeepsOpen(Recorder):
    """Stays writable when the peer has sent its last byte."""

    def eof_received(self) -> bool:
        self._note("eof_received")
        return True


class Echo(asyncio.Protocol):
    """Sends back what it gets, and closes when the peer is done."""

    transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


class BufferedEcho(asyncio.BufferedProtocol):
    """The same over a buffer of its own."""

    transport: Any = None

    def __init__(self) -> None:
        self._buffer = bytearray(64 * 1024)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        self.transport.write(bytes(self._buffer[:count]))

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()
