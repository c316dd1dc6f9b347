"""Protocols that note what is called, and futures for a test to wait at."""

from __future__ import annotations

import asyncio
from typing import Any


class _Notes:
    """Notes every call, and lets a test wait for one."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport: Any = None
        self.calls: list[str] = []
        self.made: asyncio.Future[None] = self.loop.create_future()
        self.lost: asyncio.Future[Exception | None] = self.loop.create_future()
        self._waiters: list[tuple[Any, asyncio.Future[None]]] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._note("connection_made")
        self.made.set_result(None)

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


class Recorder(_Notes, asyncio.Protocol):
    """Notes every call; `received` holds the bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.received = bytearray()

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes
        self.received += data
        self._note("data_received")

    def eof_received(self) -> bool | None:
        self._note("eof_received")
        return None

    async def has_received(self, count: int) -> bytes:
        await self.until(lambda: len(self.received) >= count)
        return bytes(self.received)


class DatagramRecorder(_Notes, asyncio.DatagramProtocol):
    """Notes every call; `received` holds datagrams with their senders, `errors` what went wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[tuple[bytes, Any]] = []
        self.errors: list[Exception] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        assert type(data) is bytes
        self.received.append((data, addr))
        self._note("datagram_received")

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)
        self._note("error_received")

    async def has_received(self, count: int) -> list[bytes]:
        await self.until(lambda: len(self.received) >= count)
        return [data for data, _ in self.received]

    async def has_failed(self, count: int = 1) -> list[Exception]:
        await self.until(lambda: len(self.errors) >= count)
        return self.errors


class DatagramEcho(asyncio.DatagramProtocol):
    """Sends back what it gets."""

    transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


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
