"""asyncio in Rust: an event loop, futures and tasks for programs written for asyncio.

A program switches with one line:

    asyncioxide.run(main())                                  # in place of asyncio.run(main())
    asyncio.run(main(), loop_factory=asyncioxide.new_event_loop)      # Python 3.12 and later
    import asyncioxide as asyncio                            # every name of asyncio's, and modules

Importing this package changes nothing in ``asyncio``.
"""

import asyncio as _asyncio
import sys
from typing import Any as _Any

from . import (
    base_events,
    base_futures,
    base_subprocess,
    base_tasks,
    constants,
    coroutines,
    events,
    exceptions,
    format_helpers,
    futures,
    locks,
    log,
    mixins,
    protocols,
    queues,
    runners,
    selector_events,
    sslproto,
    staggered,
    streams,
    subprocess,
    taskgroups,
    tasks,
    threads,
    timeouts,
    transports,
    trsock,
    unix_events,
)
from ._asyncioxide import __version__
from ._inspection.door import inspectable
from ._install import install, installed, uninstall
from ._loop import EventLoop
from ._policy import EventLoopPolicy
from .base_events import *
from .coroutines import *
from .events import *
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
from .threads import *
from .timeouts import *
from .transports import *
from .unix_events import *

if sys.version_info >= (3, 14):
    from . import graph
    from .graph import *

    def __getattr__(name: str) -> _Any:
        """Give the names that Python 3.14 deprecates, with its warning."""
        import warnings

        if name not in ("AbstractEventLoopPolicy", "DefaultEventLoopPolicy"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        warnings._deprecated(f"asyncio.{name}", remove=(3, 16))
        owner = events if name == "AbstractEventLoopPolicy" else unix_events
        return getattr(owner, f"_{name}")


__all__ = (
    *_asyncio.__all__,
    "EventLoop",
    "EventLoopPolicy",
    "__version__",
    "inspectable",
    "install",
    "installed",
    "uninstall",
)
