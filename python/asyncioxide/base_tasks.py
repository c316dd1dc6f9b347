"""The representation and the stack of tasks. See :mod:`asyncio.base_tasks`."""

from . import _mirror

_mirror.complete(globals())
