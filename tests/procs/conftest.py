"""Fixtures of the pipe and process tests: pipes of every kind."""

from __future__ import annotations

import os
import pty
import socket
import tty
from collections.abc import Callable, Iterator
from typing import Any

import pytest


class Ends:
    """Both ends of something like a pipe: numbers, closed at the end unless given away."""

    def __init__(self) -> None:
        self._owned: set[int] = set()

    def own(self, fd: int) -> int:
        self._owned.add(fd)
        return fd

    def file(self, fd: int, mode: str) -> Any:
        """Gives a descriptor to an unbuffered file object."""
        self._owned.discard(fd)
        return open(fd, mode, buffering=0)

    def close(self, fd: int) -> None:
        self._owned.discard(fd)
        os.close(fd)

    def pipe(self) -> tuple[int, int]:
        read, write = os.pipe()
        return self.own(read), self.own(write)

    def socketpair(self) -> tuple[int, int]:
        near, far = socket.socketpair()
        return self.own(near.detach()), self.own(far.detach())

    def terminal(self) -> tuple[int, int]:
        """A terminal that changes no byte: its own side, and the program's."""
        master, slave = pty.openpty()
        tty.setraw(slave)
        return self.own(master), self.own(slave)

    def close_all(self) -> None:
        for fd in self._owned:
            os.close(fd)


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close_all()


@pytest.fixture(params=["pipe", "socketpair", "terminal"])
def any_pair(ends: Ends, request: pytest.FixtureRequest) -> tuple[int, int]:
    """A pair of ends of each kind: one to read from, one to write to."""
    make: Callable[[], tuple[int, int]] = getattr(ends, request.param)
    return make()
