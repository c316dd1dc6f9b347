"""Attempts begun one after another. See :mod:`asyncio.staggered`."""

from . import _mirror

_mirror.complete(globals())
