"""The child watcher that a program has set with ``asyncio.set_child_watcher`` (Python up to 3.13).

The loop needs none, so the one that asyncio would make by itself is never made. One that a program
chose reaps the processes and tells of their ends, as on asyncio's loops: it may know more of the
program's children than the loop does.
"""

import asyncio
import contextlib
import sys
from asyncio import unix_events
from collections.abc import Iterator
from typing import Any


def chosen() -> Any | None:
    """Return the watcher to be asked; None where the loop watches processes itself.

    ``ThreadedChildWatcher`` and ``PidfdChildWatcher`` promise no more than the loop does, and are
    not asked.
    """
    if sys.version_info >= (3, 14):
        return None
    # asyncio's policies have it there; their `get_child_watcher` would make one.
    watcher = getattr(asyncio.get_event_loop_policy(), "_watcher", None)
    plain = (unix_events.ThreadedChildWatcher, unix_events.PidfdChildWatcher)
    return None if type(watcher) in plain else watcher


@contextlib.contextmanager
def entered() -> Iterator[None]:
    """Hold the chosen watcher while a process is made.

    Raises RuntimeError where it is not active.
    """
    watcher = chosen()
    if watcher is None:
        yield
        return
    with watcher as asked:
        # From 3.12 on, what entering gives is not looked at.
        if not (watcher if sys.version_info >= (3, 12) else asked).is_active():
            raise RuntimeError(
                "asyncio.get_child_watcher() is not activated, subprocess support is not installed."
            )
        yield
