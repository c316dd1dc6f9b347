"""The other end of a connection: a blocking socket, used from threads."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# A peer that waits longer than this waits for something that will not come.
PATIENCE_S = 40.0

_RESET = struct.pack("ii", 1, 0)


class Peer:
    """A blocking socket whose waiting calls run in the loop's default executor."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(PATIENCE_S)

    async def send(self, data: bytes) -> None:
        await asyncio.to_thread(self.sock.sendall, data)

    async def receive(self, count: int) -> bytes:
        """Reads exactly that many bytes, or fewer when the stream ends before."""
        return await asyncio.to_thread(self._receive, count)

    async def read_to_end(self) -> bytes:
        return await asyncio.to_thread(self._receive, None)

    def _receive(self, count: int | None) -> bytes:
        found = bytearray()
        while count is None or len(found) < count:
            wanted = 1 << 20 if count is None else min(1 << 20, count - len(found))
            data = self.sock.recv(wanted)
            if not data:
                break
            found += data
        return bytes(found)

    def finish(self) -> None:
        """Says that nothing more will come, and still reads."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Closes with a reset instead of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


def connected_pair(*, buffer_bytes: int | None = None) -> tuple[socket.socket, socket.socket]:
    """Two connected TCP sockets; with small kernel buffers when asked."""
    with socket.socket() as listener:
        if buffer_bytes:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        client = socket.socket()
        if buffer_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
    return client, server


@contextmanager
def dialled(address: tuple[str, int]) -> Iterator[Peer]:
    """A peer connected to a server, closed at the end."""
    with socket.create_connection(address, PATIENCE_S) as sock:
        yield Peer(sock)


@contextmanager
def full_backlog() -> Iterator[tuple[str, int]]:
    """The address of a listener whose queue is full: connecting to it hangs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(3):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
            waiting.append(sock)
        yield listener.getsockname()
        for sock in waiting:
            sock.close()


def unused_port() -> int:
    """A port where nothing listens: connecting to it is refused."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def sockname(transport: asyncio.BaseTransport) -> Any:
    """The address of a transport's socket."""
    return transport.get_extra_info("sockname")
