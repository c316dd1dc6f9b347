"""Time limits. See :mod:`asyncio.timeouts`."""

from . import _mirror

_mirror.complete(globals())
