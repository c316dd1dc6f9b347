"""The asyncio of Python 3.4 to 3.9, on the asyncio of today.

A program of that time runs with its import line changed::

    import asyncioxide.legacy as asyncio

It has generator-based coroutines again (``@asyncio.coroutine``, ``yield from``), a main thread that
gets its loop from `get_event_loop`, ``wait`` and its like on bare coroutines, ``loop`` arguments,
``Task.current_task``, ``with (yield from lock):``, child watchers, and policies without warnings.
``asyncio.async(...)`` cannot be written since Python 3.7: write `ensure_future`. What was added to
asyncio since is here too, and what was not changed is the same object as elsewhere, so exceptions
and ``isinstance`` agree with other libraries.

Importing this package changes nothing in ``asyncio``. Generators are coroutines for what comes from
here: these functions, `Task`, and the loops that `new_event_loop` and `get_event_loop` make.
"""

import asyncio
import importlib
import sys
from typing import Any

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
from .futures import *
from .locks import *
from .queues import *
from .runners import *
from .streams import *
from .subprocess import *
from .tasks import *
from .unix_events import *

_REPLACED = (
    coroutines,
    events,
    futures,
    locks,
    queues,
    runners,
    streams,
    subprocess,
    tasks,
    unix_events,
)
_MODERN = __name__.rpartition(".")[0]

__all__ = sorted({*asyncio.__all__, *(name for module in _REPLACED for name in module.__all__)})

# Submodules in which nothing was lost are those of the package itself.
for _name in (
    "base_events",
    "constants",
    "exceptions",
    "log",
    "protocols",
    "selector_events",
    "sslproto",
    "transports",
):
    sys.modules[f"{__name__}.{_name}"] = importlib.import_module(f"{_MODERN}.{_name}")

globals()["async"] = tasks.ensure_future


def __getattr__(name: str) -> Any:
    return getattr(sys.modules[_MODERN], name)
