"""Queues. See :mod:`asyncio.queues`."""

from . import _mirror
from ._asyncioxide import (
    LifoQueue as LifoQueue,
    PriorityQueue as PriorityQueue,
    Queue as Queue,
)

_mirror.complete(globals())
