"""Limits and timeouts. See :mod:`asyncio.constants`."""

from . import _mirror

_mirror.complete(globals())
