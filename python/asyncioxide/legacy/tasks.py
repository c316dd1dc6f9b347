"""Tasks, and waiting for bare coroutines of both kinds, inside of a running loop and outside.

Each function takes the ``loop`` that asyncio's took up to Python 3.9. What it makes a task of runs
there; by default that is the running loop or else what `get_event_loop` gives.
"""

import asyncio
import concurrent.futures
from asyncio import futures as _stock_futures
from collections.abc import Awaitable, Generator, Iterable
from types import GeneratorType
from typing import Any, TypeVar

from .. import tasks as _modern
from . import events
from ._as_completed import as_completed as as_completed
from ._task import Task as Task
from .coroutines import coroutine as coroutine, iscoroutine

__all__ = (
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "Task",
    "all_tasks",
    "as_completed",
    "async_",
    "create_task",
    "current_task",
    "ensure_future",
    "gather",
    "run_coroutine_threadsafe",
    "shield",
    "sleep",
    "wait",
    "wait_for",
)

ALL_COMPLETED = asyncio.ALL_COMPLETED
FIRST_COMPLETED = asyncio.FIRST_COMPLETED
FIRST_EXCEPTION = asyncio.FIRST_EXCEPTION

_Loop = asyncio.AbstractEventLoop
_T = TypeVar("_T")

all_tasks = _modern.all_tasks
current_task = _modern.current_task


def ensure_future(coro_or_future: Any, *, loop: _Loop | None = None) -> "asyncio.Future[Any]":
    """Make a task of a coroutine, native or generator-based, or of any awaitable.

    A future is returned as it is. Raises ValueError when it belongs to another loop than ``loop``,
    and TypeError for anything else. Up to Python 3.4.3 the name was ``async``.
    """
    if asyncio.isfuture(coro_or_future):
        if loop is not None and loop is not _stock_futures._get_loop(coro_or_future):  # type: ignore[attr-defined]
            raise ValueError("The future belongs to a different loop than the one specified")
        return coro_or_future
    if iscoroutine(coro_or_future):
        return _task(coro_or_future, events.get_event_loop() if loop is None else loop)
    if isinstance(coro_or_future, Awaitable):
        return ensure_future(_awaiting(coro_or_future), loop=loop)
    raise TypeError("An asyncio.Future, a coroutine or an awaitable is required")


# `async` has been a keyword since Python 3.7; `getattr(asyncio, "async")` finds it.
async_ = ensure_future
globals()["async"] = ensure_future


def create_task(coro: Any, **keywords: Any) -> "asyncio.Task[Any]":
    """Run a coroutine, native or generator-based, as a task of the running loop.

    keywords: what :func:`asyncio.create_task` takes, ``name`` and ``context`` among them.

    Raises RuntimeError when no loop is running.
    """
    return _task(coro, asyncio.get_running_loop(), **keywords)


def _task(coro: Any, loop: _Loop, **keywords: Any) -> "asyncio.Task[Any]":
    if isinstance(coro, GeneratorType) and not getattr(loop, "_runs_generators", False):
        # Somebody else's loop would refuse it.
        return Task(coro, loop=loop, **keywords)
    return loop.create_task(coro, **keywords)


@coroutine
def _awaiting(awaitable: Awaitable[_T]) -> Generator[Any, Any, _T]:
    return (yield from awaitable.__await__())


def sleep(delay: float, result: Any = None, *, loop: _Loop | None = None) -> Any:
    """Wait for ``delay`` seconds, on the loop that runs the coroutine; the result is ``result``."""
    return _modern.sleep(delay, result)


@coroutine
def wait(
    fs: Iterable[Any],
    *,
    loop: _Loop | None = None,
    timeout: float | None = None,
    return_when: str = ALL_COMPLETED,
) -> Generator[Any, Any, tuple[set["asyncio.Future[Any]"], set["asyncio.Future[Any]"]]]:
    """Wait for futures and coroutines; give two sets of futures, done and pending.

    timeout: in seconds; when it ends nothing is cancelled. return_when: when enough are done.

    Raises TypeError for a single future or coroutine, ValueError for none at all. Follows
    ``asyncio.wait`` of Python 3.9: a coroutine is wrapped in a task, and that is what is returned.
    """
    if asyncio.isfuture(fs) or iscoroutine(fs):
        raise TypeError(f"expect a list of futures, not {type(fs).__name__}")
    waited = [ensure_future(f, loop=loop) for f in dict.fromkeys(fs)]
    if not waited:
        raise ValueError("Set of coroutines/Futures is empty.")
    return (yield from _iterator(_modern.wait(waited, timeout=timeout, return_when=return_when)))


@coroutine
def wait_for(
    fut: Any, timeout: float | None, *, loop: _Loop | None = None
) -> Generator[Any, Any, Any]:
    """Wait for a future or a coroutine; cancel it and raise TimeoutError after ``timeout`` seconds.

    timeout: None waits for ever.
    """
    future = ensure_future(fut, loop=loop)
    return (yield from _iterator(_modern.wait_for(future, timeout)))


def gather(
    *coros_or_futures: Any, loop: _Loop | None = None, return_exceptions: bool = False
) -> "asyncio.Future[list[Any]]":
    """Return a future of the list of all results.

    return_exceptions: put exceptions into the list too; by default the first one is raised.

    Without arguments the list is empty. Follows :func:`asyncio.gather`.
    """
    if not coros_or_futures:
        outer = (events.get_event_loop() if loop is None else loop).create_future()
        outer.set_result([])
        return outer
    # One that is given twice runs once.
    made = {f: ensure_future(f, loop=loop) for f in dict.fromkeys(coros_or_futures)}
    for given, future in made.items():
        if future is not given:
            # The outer future reports for it.
            future._log_destroy_pending = False  # type: ignore[attr-defined]
    futures = [made[f] for f in coros_or_futures]
    return _modern.gather(*futures, return_exceptions=return_exceptions)


def shield(arg: Any, *, loop: _Loop | None = None) -> "asyncio.Future[Any]":
    """Return a future whose cancellation does not reach ``arg``. Follows :func:`asyncio.shield`."""
    return _modern.shield(ensure_future(arg, loop=loop))


def run_coroutine_threadsafe(coro: Any, loop: _Loop) -> "concurrent.futures.Future[Any]":
    """Hand a coroutine, native or generator-based, to a loop that runs in another thread.

    Returns a :class:`concurrent.futures.Future`; cancelling it cancels the task. Raises TypeError
    for what is no coroutine.
    """
    if isinstance(coro, GeneratorType):
        coro = _native(coro)
    return _modern.run_coroutine_threadsafe(coro, loop)


async def _native(generator: Generator[Any, Any, _T]) -> _T:
    return await _delegating(generator)


@coroutine
def _delegating(generator: Generator[Any, Any, _T]) -> Generator[Any, Any, _T]:
    return (yield from generator)


def _iterator(awaitable: Awaitable[_T]) -> Generator[Any, Any, _T]:
    return awaitable.__await__()


def __getattr__(name: str) -> Any:
    return getattr(_modern, name)
