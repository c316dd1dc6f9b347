"""Queues. See :mod:`asyncio.queues`."""

from . import _mirror

_mirror.complete(globals())
