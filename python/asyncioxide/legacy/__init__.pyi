import sys

from .. import (
    base_events as base_events,
    constants as constants,
    exceptions as exceptions,
    log as log,
    protocols as protocols,
    selector_events as selector_events,
    sslproto as sslproto,
    transports as transports,
)
from ..base_events import *
from ..exceptions import *
from ..locks import Barrier as Barrier
from ..protocols import *
from ..taskgroups import *
from ..tasks import (
    _enter_task as _enter_task,
    _leave_task as _leave_task,
    _register_task as _register_task,
    _unregister_task as _unregister_task,
)
from ..threads import *
from ..timeouts import *
from ..transports import *
from . import (
    coroutines as coroutines,
    events as events,
    futures as futures,
    locks as locks,
    queues as queues,
    runners as runners,
    streams as streams,
    subprocess as subprocess,
    tasks as tasks,
    unix_events as unix_events,
)
from .coroutines import *
from .events import *
from .events import _get_running_loop as _get_running_loop, _set_running_loop as _set_running_loop
from .futures import *
from .locks import *
from .queues import *
from .runners import *
from .streams import *
from .subprocess import *
from .tasks import *
from .unix_events import *

if sys.version_info >= (3, 12):
    from ..tasks import (
        create_eager_task_factory as create_eager_task_factory,
        eager_task_factory as eager_task_factory,
    )
if sys.version_info >= (3, 13):
    from ..queues import QueueShutDown as QueueShutDown
    from ._event_loop import EventLoop as EventLoop
if sys.version_info >= (3, 14):
    from ..futures import (
        future_add_to_awaited_by as future_add_to_awaited_by,
        future_discard_from_awaited_by as future_discard_from_awaited_by,
    )
    from ..graph import *
