"""Groups of tasks. See :mod:`asyncio.taskgroups`."""

from . import _mirror

_mirror.complete(globals())
