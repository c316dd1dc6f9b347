"""Transports over completed operations, for Windows. See :mod:`asyncio.proactor_events`."""

from . import _mirror

_mirror.complete(globals())
