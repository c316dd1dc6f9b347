"""Streams. See :mod:`asyncio.streams`."""

from . import _mirror

_mirror.complete(globals())
