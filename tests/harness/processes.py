"""The child processes of the tests, and systems in which the loop has to watch them otherwise."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import pytest


def children() -> set[int]:
    """The numbers of this process's children, dead ones that nobody has reaped included."""
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        # Missing: the thread has ended meanwhile, and its children are another's.
        with contextlib.suppress(FileNotFoundError):
            found.update(map(int, (thread / "children").read_text().split()))
    return found


def refuse_descriptors(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOSYS) -> None:
    """Lets asyncioxide's loops find that a process cannot be watched by a descriptor."""
    import asyncioxide

    def refused(self: object, pid: int, callback: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(asyncioxide.EventLoop, "_watch_child", refused, raising=False)
