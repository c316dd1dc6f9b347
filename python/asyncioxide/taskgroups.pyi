from asyncio.taskgroups import __all__ as __all__

from ._asyncioxide import TaskGroup as TaskGroup
