import sys
from asyncio.events import (
    AbstractEventLoop as AbstractEventLoop,
    AbstractServer as AbstractServer,
    Handle as Handle,
    TimerHandle as TimerHandle,
    __all__ as __all__,
    _get_running_loop as _get_running_loop,
    _set_running_loop as _set_running_loop,
    get_running_loop as get_running_loop,
    set_event_loop as set_event_loop,
)

from ._policy import (
    get_event_loop as get_event_loop,
    get_event_loop_policy as get_event_loop_policy,
    new_event_loop as new_event_loop,
    set_event_loop_policy as set_event_loop_policy,
)

if sys.version_info < (3, 14):
    from asyncio.events import (
        AbstractEventLoopPolicy as AbstractEventLoopPolicy,
        get_child_watcher as get_child_watcher,
        set_child_watcher as set_child_watcher,
    )
