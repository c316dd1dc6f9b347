"""Locks, events, conditions, semaphores and barriers. See :mod:`asyncio.locks`."""

from . import _mirror

_mirror.complete(globals())
