"""Child processes with streams. See :mod:`asyncio.subprocess`."""

from . import _mirror

_mirror.complete(globals())
