"""Locks that take ``loop`` and can be held by ``with (yield from lock):``, as up to Python 3.8.

``loop`` changes nothing: a lock belongs to the loop on which somebody first waits for it.
"""

import asyncio
from collections.abc import Generator
from contextlib import AbstractContextManager
from typing import Any

from .. import locks as _modern

__all__ = ("BoundedSemaphore", "Condition", "Event", "Lock", "Semaphore")

_Loop = asyncio.AbstractEventLoop


class _Held(AbstractContextManager[None]):
    """What ``yield from lock`` gives: the lock is held already and released at the end."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()


class _YieldedFrom:
    """Waiting for a lock as an expression: ``with (yield from lock):``, ``with await lock:``."""

    def __await__(self: Any) -> Generator[Any, Any, AbstractContextManager[None]]:
        yield from self.acquire().__await__()
        return _Held(self)

    __iter__ = __await__

    def __enter__(self) -> None:
        raise RuntimeError('"yield from" should be used as context manager expression')

    def __exit__(self, *exc_info: object) -> None:
        raise AssertionError("a lock that cannot be entered is not left")


class Lock(_YieldedFrom, _modern.Lock):
    """A lock. See :class:`asyncio.Lock`. ``yield from lock`` acquires it for a ``with``."""

    def __init__(self, *, loop: _Loop | None = None) -> None:
        super().__init__()


class Event(_modern.Event):
    """An event. See :class:`asyncio.Event`."""

    def __init__(self, *, loop: _Loop | None = None) -> None:
        super().__init__()


class Condition(_YieldedFrom, _modern.Condition):
    """A condition. See :class:`asyncio.Condition`. ``yield from condition`` acquires its lock."""

    def __init__(self, lock: asyncio.Lock | None = None, *, loop: _Loop | None = None) -> None:
        super().__init__(Lock() if lock is None else lock)


class Semaphore(_YieldedFrom, _modern.Semaphore):
    """A semaphore. See :class:`asyncio.Semaphore`. ``yield from semaphore`` acquires it."""

    def __init__(self, value: int = 1, *, loop: _Loop | None = None) -> None:
        super().__init__(value)


class BoundedSemaphore(_YieldedFrom, _modern.BoundedSemaphore):
    """A semaphore with a limit. See :class:`asyncio.BoundedSemaphore`."""

    def __init__(self, value: int = 1, *, loop: _Loop | None = None) -> None:
        super().__init__(value)


def __getattr__(name: str) -> Any:
    return getattr(_modern, name)
