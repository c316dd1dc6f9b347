"""Tasks, and waiting for them. See :mod:`asyncio.tasks`."""

import sys

from . import _mirror
from ._asyncioxide import (
    Task as Task,
    _GatheringFuture as _GatheringFuture,
    as_completed as as_completed,
    create_task as create_task,
    ensure_future as ensure_future,
    gather as gather,
    run_coroutine_threadsafe as run_coroutine_threadsafe,
    shield as shield,
    sleep as sleep,
    wait as wait,
    wait_for as wait_for,
)

if sys.version_info < (3, 14):
    # Later ones know their tasks inside of C, and asyncio's functions are in C.
    from ._asyncioxide import all_tasks as all_tasks, current_task as current_task

_mirror.complete(globals())
