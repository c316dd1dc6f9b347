"""Tasks, and waiting for them. See :mod:`asyncio.tasks`."""

from . import _mirror
from ._asyncioxide import Task as Task, sleep as sleep, wait_for as wait_for

_mirror.complete(globals())
