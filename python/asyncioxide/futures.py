"""Futures. See :mod:`asyncio.futures`."""

from . import _mirror
from ._asyncioxide import Future as Future

_mirror.complete(globals())
