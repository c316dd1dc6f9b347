import sys
from asyncio import __all__ as __all__

from . import (
    base_events as base_events,
    base_futures as base_futures,
    base_subprocess as base_subprocess,
    base_tasks as base_tasks,
    constants as constants,
    coroutines as coroutines,
    events as events,
    exceptions as exceptions,
    format_helpers as format_helpers,
    futures as futures,
    locks as locks,
    log as log,
    mixins as mixins,
    protocols as protocols,
    queues as queues,
    runners as runners,
    selector_events as selector_events,
    sslproto as sslproto,
    staggered as staggered,
    streams as streams,
    subprocess as subprocess,
    taskgroups as taskgroups,
    tasks as tasks,
    threads as threads,
    timeouts as timeouts,
    transports as transports,
    trsock as trsock,
    unix_events as unix_events,
)
from ._inspection.door import inspectable as inspectable
from ._install import install as install, installed as installed, uninstall as uninstall
from ._loop import EventLoop as EventLoop
from ._policy import EventLoopPolicy as EventLoopPolicy
from .base_events import *
from .coroutines import *
from .events import *
from .events import _get_running_loop as _get_running_loop, _set_running_loop as _set_running_loop
from .exceptions import *
from .futures import *
from .locks import *
from .protocols import *
from .queues import *
from .runners import *
from .streams import *
from .subprocess import *
from .taskgroups import *
from .tasks import *
from .tasks import (
    _enter_task as _enter_task,
    _leave_task as _leave_task,
    _register_task as _register_task,
    _unregister_task as _unregister_task,
)
from .threads import *
from .timeouts import *
from .transports import *
from .unix_events import *

if sys.version_info >= (3, 14):
    from . import graph as graph
    from .graph import *

__version__: str
