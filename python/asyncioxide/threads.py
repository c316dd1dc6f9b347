"""Calls in a thread. See :mod:`asyncio.threads`."""

from . import _mirror

_mirror.complete(globals())
