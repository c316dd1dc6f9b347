"""What the tasks of this process are doing, and which waits for which.

Taken by a thread beside the loop or between two instructions of the main thread. Nothing is
changed; a task that moves on meanwhile may be shown half here and half there.
"""

import asyncio
import functools
import json
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from types import FrameType
from typing import Any, NamedTuple

from .. import _asyncioxide

# A set that another thread adds to while it is walked through raises RuntimeError.
_ATTEMPTS = 100


class Frame(NamedTuple):
    """Where a coroutine is. One of ours has a name only: there is no Python code."""

    function: str
    file: str = ""
    line: int = 0


class Task(NamedTuple):
    """One task, its coroutines from the innermost on, and the ids of the tasks that await it."""

    id: int
    name: str
    # The kernel's number of its loop's thread; 0 where the loop is not running.
    thread: int
    frames: list[Frame]
    awaited_by: list[int]


def answer(looking: FrameType | None = None) -> str:
    """What `take` finds as JSON, or why it could not: nothing is to be raised in this process."""
    try:
        return json.dumps({"tasks": take(looking)})
    except Exception as error:
        return json.dumps({"error": f"{type(error).__name__}: {error}"})


def understand(text: str) -> list[Task]:
    """The tasks in an answer of another process. Raises RuntimeError with what failed there."""
    said = json.loads(text)
    if "error" in said:
        raise RuntimeError(f"the process could not look at its tasks: {said['error']}")
    return [
        Task(number, name, thread, [Frame(*frame) for frame in frames], awaited_by)
        for number, name, thread, frames, awaited_by in said["tasks"]
    ]


def take(looking: FrameType | None = None) -> list[Task]:
    """Look at all tasks of all loops. This thread's frames from `looking` on are left out."""
    kernel_threads = {thread.ident: thread.native_id or 0 for thread in threading.enumerate()}
    tops: dict[int, FrameType | None] = {**sys._current_frames()}
    if looking is not None:
        tops[threading.get_ident()] = looking.f_back
    found: dict[int, tuple[Any, int | None]] = {}
    for loop in _loops(tops):
        thread = getattr(loop, "_thread_id", None)
        for task in _retried(lambda loop=loop: asyncio.all_tasks(loop)):
            found[id(task)] = task, thread
    awaiters = _awaiters({number: task for number, (task, _) in found.items()})
    tasks = [
        Task(
            number,
            task.get_name(),
            kernel_threads.get(thread, 0),
            _frames(task.get_coro(), tops.get(thread) if thread else None),
            sorted(awaiters[number]),
        )
        for number, (task, thread) in found.items()
    ]
    # asyncio has them in a set, without an order.
    return sorted(tasks, key=lambda task: (task.thread, _numbers_by_size(task.name), task.id))


def _numbers_by_size(name: str) -> list[tuple[int, int | str]]:
    """What `Task-9` and `Task-10` are in order by."""
    parts = re.split(r"([0-9]+)", name)
    return [
        (0, int(part)) if part[:1].isascii() and part.isdecimal() else (1, part) for part in parts
    ]


def _retried(ask: Any) -> Any:
    for _ in range(_ATTEMPTS - 1):
        try:
            return ask()
        except RuntimeError:
            continue
    return ask()


def _loops(tops: dict[int, FrameType | None]) -> list[Any]:
    """Our loops, and asyncio's that are running: nobody keeps a list of those."""
    loops: list[Any] = _retried(_asyncioxide._loops)
    run_forever: Any = asyncio.BaseEventLoop.run_forever
    for top in tops.values():
        frame = top
        while frame is not None:
            if frame.f_code is run_forever.__code__:
                loops.append(frame.f_locals["self"])
            frame = frame.f_back
    return [loop for loop in loops if not loop.is_closed()]


def _frames(coroutine: Any, top: FrameType | None) -> list[Frame]:
    """The coroutines that a task is in, innermost first."""
    if getattr(coroutine, "cr_running", False) and top is not None:
        return _running(coroutine.cr_frame, top)
    frames = []
    while coroutine is not None:
        frame, inner = _look(coroutine)
        if frame is None:
            break
        frames.append(frame)
        coroutine = inner
    return frames[::-1]


def _look(coroutine: Any) -> tuple[Frame | None, Any]:
    """Where one coroutine is, and what it awaits."""
    for kind, awaits in (("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await")):
        if not hasattr(coroutine, awaits):
            continue
        frame = getattr(coroutine, f"{kind}_frame", None)
        if frame is not None:
            return _describe(frame), getattr(coroutine, awaits)
        if getattr(coroutine, f"{kind}_code", None) is None:
            return Frame(coroutine.__qualname__), getattr(coroutine, awaits)
    return None, None


def _running(outermost: FrameType | None, top: FrameType) -> list[Frame]:
    """The frames of a thread down to a coroutine that runs in it."""
    frames: list[Frame] = []
    frame: FrameType | None = top
    while frame is not None:
        frames.append(_describe(frame))
        if frame is outermost:
            return frames
        frame = frame.f_back
    return [_describe(outermost)] if outermost is not None else []


def _describe(frame: FrameType) -> Frame:
    return Frame(frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_lineno or 0)


def _awaiters(tasks: dict[int, Any]) -> dict[int, set[int]]:
    """By the id of each task the ids of those that await it.

    Since Python 3.14 asyncio's tasks and ours say it themselves. Before, ours say most of it, and
    of asyncio's one sees what each waits for, and whom a task will wake when it is done.
    """
    awaiters: dict[int, set[int]] = defaultdict(set)
    # By the id of a future that is no task: the task that waits for it.
    waiting: dict[int, int] = {}
    for number, task in tasks.items():
        waiter = getattr(task, "_fut_waiter", None)
        for future in _with_children(waiter):
            if id(future) in tasks:
                awaiters[id(future)].add(number)
            else:
                waiting[id(future)] = number
    for number, task in tasks.items():
        said = getattr(task, "_asyncio_awaited_by", None) or ()
        callbacks = getattr(task, "_callbacks", None) or ()
        for other in (*said, *(woken for entry in callbacks for woken in _woken(entry))):
            awaiter = id(other) if id(other) in tasks else waiting.get(id(other))
            if awaiter is not None and awaiter != number:
                awaiters[number].add(awaiter)
    return awaiters


def _with_children(future: Any) -> Iterator[Any]:
    """A future and, where it is `gather`'s, what it gathers."""
    left = [] if future is None else [future]
    seen: set[int] = set()
    while left:
        future = left.pop()
        if id(future) not in seen:
            seen.add(id(future))
            yield future
            left.extend(getattr(future, "_children", ()))


def _woken(entry: Any) -> Iterator[Any]:
    """The futures that a callback of `wait`, `shield`, `wait_for` or `TaskGroup` has."""
    callback = entry[0] if isinstance(entry, tuple) else entry
    if isinstance(callback, functools.partial):
        yield from callback.args
    for cell in getattr(callback, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue
    yield getattr(getattr(callback, "__self__", None), "_parent_task", None)
