import sys
from asyncio.tasks import (
    ALL_COMPLETED as ALL_COMPLETED,
    FIRST_COMPLETED as FIRST_COMPLETED,
    FIRST_EXCEPTION as FIRST_EXCEPTION,
    __all__ as __all__,
    _enter_task as _enter_task,
    _leave_task as _leave_task,
    _register_task as _register_task,
    _unregister_task as _unregister_task,
)

from ._asyncioxide import (
    Task as Task,
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

if sys.version_info >= (3, 12):
    from asyncio.tasks import (
        create_eager_task_factory as create_eager_task_factory,
        eager_task_factory as eager_task_factory,
    )

if sys.version_info >= (3, 14):
    from asyncio.tasks import all_tasks as all_tasks, current_task as current_task
else:
    from ._asyncioxide import all_tasks as all_tasks, current_task as current_task
