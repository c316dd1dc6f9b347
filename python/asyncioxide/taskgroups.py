"""Groups of tasks. See :mod:`asyncio.taskgroups`."""

from . import _mirror
from ._asyncioxide import TaskGroup as TaskGroup

_mirror.complete(globals())
