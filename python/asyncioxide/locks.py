"""Locks, events, conditions, semaphores and barriers. See :mod:`asyncio.locks`."""

from . import _mirror
from ._asyncioxide import (
    Barrier as Barrier,
    BoundedSemaphore as BoundedSemaphore,
    Condition as Condition,
    Event as Event,
    Lock as Lock,
    Semaphore as Semaphore,
)

_mirror.complete(globals())
