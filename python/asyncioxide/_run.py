"""Running a program on asyncioxide's loop."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from ._loop import new_event_loop

_T = TypeVar("_T")


def run(main: Coroutine[Any, Any, _T], *, debug: bool | None = None) -> _T:
    """Run a coroutine on a new asyncioxide loop and return its result.

    Like :func:`asyncio.run`: cancels the tasks that remain, shuts down asynchronous generators and
    the default executor, closes the loop.

    debug: debug mode on or off; None leaves it as ``PYTHONASYNCIODEBUG`` says.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("asyncio.run() cannot be called from a running event loop")
    with asyncio.Runner(debug=debug, loop_factory=new_event_loop) as runner:
        return runner.run(main)
