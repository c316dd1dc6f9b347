"""Systems without process descriptors, in which the loop has to watch processes otherwise."""

from __future__ import annotations

import errno
import os

import pytest


def refuse_descriptors(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOSYS) -> None:
    """Lets asyncioxide's loops find that a process cannot be watched by a descriptor."""
    import asyncioxide

    def refused(self: object, pid: int, callback: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(asyncioxide.EventLoop, "_watch_child", refused, raising=False)
