"""Queues that take ``loop``, and the name that a joinable queue had up to Python 3.4.3.

``loop`` changes nothing: a queue belongs to the loop on which somebody first waits for it.
"""

import asyncio
from typing import Any, TypeVar

from .. import queues as _modern

__all__ = ("JoinableQueue", "LifoQueue", "PriorityQueue", "Queue", "QueueEmpty", "QueueFull")

_Loop = asyncio.AbstractEventLoop
_T = TypeVar("_T")

QueueEmpty = asyncio.QueueEmpty
QueueFull = asyncio.QueueFull


class Queue(_modern.Queue[_T]):
    """A queue. See :class:`asyncio.Queue`."""

    def __init__(self, maxsize: int = 0, *, loop: _Loop | None = None) -> None:
        super().__init__(maxsize)


class PriorityQueue(_modern.PriorityQueue[Any]):
    """A queue that gives the smallest item first. See :class:`asyncio.PriorityQueue`."""

    def __init__(self, maxsize: int = 0, *, loop: _Loop | None = None) -> None:
        super().__init__(maxsize)


class LifoQueue(_modern.LifoQueue[_T]):
    """A queue that gives the newest item first. See :class:`asyncio.LifoQueue`."""

    def __init__(self, maxsize: int = 0, *, loop: _Loop | None = None) -> None:
        super().__init__(maxsize)


JoinableQueue = Queue


def __getattr__(name: str) -> Any:
    return getattr(_modern, name)
