"""One run of a random program: the objects it works on, what its steps do, and the trace it leaves.

Whatever a step returns or raises is noted with the turn of the loop it fell into, so two libraries
agree on a program exactly when they schedule, return and raise alike.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import grammar
from grammar import Block, Program, Step
from harness.turns import Turns

# More than nearly all programs need; the others are stopped in the middle of what they do.
LAST_TURN = 100
# Every task swallows a cancellation once for each level it is nested in, and has a few to come.
CLEAN_UP_TURNS = 400
CONTEXTS = 3

Trace = list[tuple[int, Any]]

# The number of the task that a coroutine works for, be it in a task of its own. A task waits for
# tasks of lower numbers only: to cancel one of a circle of them is a RecursionError, and one that
# waits for its group's owner passes each cancellation on to the owner, for ever.
_rank: ContextVar[int] = ContextVar("rank")


class Wrong(Exception):
    """What programs raise."""


class World:
    """A run of one program with the names of one library, on one loop."""

    def __init__(self, names: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._names = names
        self._loop = loop
        self._turns = Turns(loop)
        self._labels = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self._timeouts: list[Any] = []
        self._locks = [names.Lock() for _ in range(grammar.LOCKS)]
        self._events = [names.Event() for _ in range(grammar.EVENTS)]
        # One condition has a lock of its own, the other shares that of the program.
        self._conditions = [names.Condition(), names.Condition(self._locks[0])]
        self._semaphores = [names.Semaphore(1), names.BoundedSemaphore(2)]
        self._barriers = [names.Barrier(2), names.Barrier(3)]
        self._queues = [
            names.Queue(1),
            names.LifoQueue(2),
            names.PriorityQueue(),
            names.Queue(2),
        ]
        self._futures = [loop.create_future() for _ in range(grammar.FUTURES)]
        loop.set_exception_handler(self._report)

    def trace(self, program: Program) -> Trace:
        """Runs the program, ends what is left of it, and answers all that was seen."""
        for block in program:
            self._loop.call_soon(self._spawn, block)
        self._turns.start(LAST_TURN)
        self._loop.run_forever()
        self._turns.note(("left", self._states()))
        self._clean_up()
        self._turns.note(("after", self._states()))
        return self._turns.trace

    def _clean_up(self) -> None:
        for _ in range(CLEAN_UP_TURNS):
            pending = [task for task in self._tasks if not task.done()]
            if not pending:
                break
            for task in pending:
                task.cancel()
            # To a condition's waiter that wants its lock back a cancellation says nothing.
            for lock in (*self._locks, self._conditions[0]):
                if lock.locked():
                    lock.release()
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()
        else:
            self._turns.note("a task does not end")

    def _states(self) -> list[str]:
        things = (
            *self._locks,
            *self._events,
            *self._conditions,
            *self._semaphores,
            *self._barriers,
            *self._queues,
        )
        futures = [_state(thing) for thing in (*self._futures, *self._tasks)]
        return [*map(_impersonal, things), *map(_impersonal, self._timeouts), *futures]

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # When an exception that nobody asked for is reported is the collector's affair.
        if "never retrieved" not in context["message"]:
            self._turns.note(("report", context["message"], _told(context.get("exception"))))

    def _label(self, kind: str) -> str:
        self._labels += 1
        return f"{kind} {self._labels}"

    # What tasks do.

    async def _ranked(self, label: str, rank: int, block: Block) -> str:
        _rank.set(rank)
        return await self._block(label, block)

    async def _child(self, label: str, block: Block) -> str:
        """What gather() and the like may make a task of."""
        task = self._names.current_task()
        if task not in self._tasks:
            self._tasks.append(task)
        return await self._block(label, block)

    async def _block(self, label: str, block: Block) -> str:
        for step in block:
            await self._step(label, step)
        return label

    async def _step(self, label: str, step: Step) -> None:
        operation, *arguments = step
        leaf = LEAVES.get(operation)
        try:
            if leaf is None:
                result = await COMPOUNDS[operation](self, label, *arguments)
            else:
                result = leaf(self, *arguments)
                if hasattr(result, "__await__"):
                    result = await result
        except BaseException as exception:
            self._turns.note((label, operation, _told(exception)))
            if leaf is None or isinstance(exception, (Wrong, asyncio.CancelledError)):
                raise
        else:
            self._turns.note((label, operation, _shown(result)))

    def _spawn(self, block: Block) -> asyncio.Task[Any]:
        label = self._label("task")
        work = self._ranked(label, len(self._tasks), block)
        task = self._loop.create_task(work, name=label)
        task.add_done_callback(lambda task: self._turns.note((label, "ends", _state(task))))
        self._tasks.append(task)
        return task

    def _coroutines(self, blocks: list[Block]) -> list[Any]:
        return [self._child(self._label("child"), block) for block in blocks]

    def _older(self, number: int) -> Any:
        """A task that this one may wait for; the first has to do with a future."""
        rank = _rank.get()
        return self._tasks[number % rank] if rank else self._futures[0]

    def _when(self, delay: float | None) -> float | None:
        return None if delay is None else self._loop.time() + delay

    # Steps that contain others.

    async def _with(self, manager: Any, label: str, block: Block) -> None:
        async with manager as entered:
            self._turns.note((label, "entered", _shown(entered)))
            await self._block(label, block)

    async def _timeout(self, label: str, delay: float | None, block: Block) -> Any:
        timeout = self._names.timeout(delay)
        self._timeouts.append(timeout)
        with self._noting_state(label, timeout.expired):
            async with timeout:
                await self._block(label, block)
        return timeout.expired()

    @contextmanager
    def _noting_state(self, label: str, ask: Callable[[], Any]) -> Iterator[None]:
        try:
            yield
        finally:
            self._turns.note((label, ask.__name__, ask()))

    async def _group(self, label: str, children: list[Block], block: Block) -> list[str]:
        async with self._names.TaskGroup() as group:
            for child in children:
                name = self._label("member")
                self._tasks.append(group.create_task(self._block(name, child), name=name))
            await self._block(label, block)
        return [_state(task) for task in self._tasks[-len(children) :]] if children else []

    async def _gather(self, label: str, quietly: bool, blocks: list[Block]) -> Any:
        return await self._names.gather(*self._coroutines(blocks), return_exceptions=quietly)

    async def _as_completed(self, label: str, delay: float | None, blocks: list[Block]) -> None:
        # Tasks, not coroutines: of those asyncio would make tasks in an order that differs from run
        # to run.
        tasks = [self._spawn(block) for block in blocks]
        for number, following in enumerate(self._names.as_completed(tasks, timeout=delay)):
            self._turns.note((label, number, _shown(await following)))

    async def _async_as_completed(
        self, label: str, delay: float | None, blocks: list[Block]
    ) -> None:
        tasks = [self._spawn(block) for block in blocks]
        arrivals = self._names.as_completed(tasks, timeout=delay)
        if not hasattr(arrivals, "__anext__"):
            # New in 3.13.
            for following in arrivals:
                following.close()
            return
        async for task in arrivals:
            self._turns.note((label, _state(task)))

    async def _spawning(self, label: str, block: Block) -> Any:
        return self._spawn(block)

    async def _wait_for(self, label: str, delay: float | None, block: Block) -> Any:
        return await self._names.wait_for(self._child(self._label("child"), block), delay)

    async def _shield(self, label: str, block: Block) -> Any:
        return await self._names.shield(self._spawn(block))

    async def _swallow(self, label: str, block: Block) -> None:
        try:
            await self._block(label, block)
        except (Exception, asyncio.CancelledError) as exception:
            self._turns.note((label, "swallows", _told(exception)))

    async def _finally(self, label: str, block: Block, last: Block) -> None:
        try:
            await self._block(label, block)
        finally:
            await self._block(label, last)

    async def _wait(self, numbers: tuple[int, ...], delay: float | None, when: str) -> Any:
        tasks = {self._older(number) for number in numbers}
        done, pending = await self._names.wait(
            tasks, timeout=delay, return_when=getattr(self._names, when)
        )
        return sorted(map(_name, done)), sorted(map(_state, pending))

    # Steps that contain none.

    def _reschedule(self, number: int, delay: float | None) -> None:
        if self._timeouts:
            self._timeouts[number % len(self._timeouts)].reschedule(self._when(delay))

    def _soon(self, step: Step) -> None:
        self._loop.call_soon(self._now, self._label("soon"), step)

    def _now(self, label: str, step: Step) -> None:
        """Does what does not wait, from outside of all tasks."""
        operation, *arguments = step
        if operation in WAITING:
            return
        try:
            result = LEAVES[operation](self, *arguments)
        except Exception as exception:
            self._turns.note((label, operation, _told(exception)))
        else:
            self._turns.note((label, operation, _shown(result)))

    def _set(self, number: int) -> None:
        self._futures[number].set_result(number)

    def _fail(self, number: int) -> None:
        self._futures[number].set_exception(Wrong(number))

    def _cancel(self, number: int) -> bool:
        return self._tasks[number % len(self._tasks)].cancel(f"message {number}")

    def _uncancel(self) -> int:
        task = self._names.current_task()
        return task.uncancel()

    def _shutdown(self, number: int, immediate: bool) -> None:
        if hasattr(self._names, "QueueShutDown"):
            self._queues[number].shutdown(immediate)

    def _raise(self) -> None:
        raise Wrong("raised")


LEAVES: dict[str, Callable[..., Any]] = {
    "sleep": lambda world: world._names.sleep(0, "slept"),
    "lock.acquire": lambda world, number: world._locks[number].acquire(),
    "lock.release": lambda world, number: world._locks[number].release(),
    "event.wait": lambda world, number: world._events[number].wait(),
    "event.set": lambda world, number: world._events[number].set(),
    "event.clear": lambda world, number: world._events[number].clear(),
    "condition.acquire": lambda world, number: world._conditions[number].acquire(),
    "condition.release": lambda world, number: world._conditions[number].release(),
    "condition.wait": lambda world, number: world._conditions[number].wait(),
    "condition.notify": lambda world, number, n: world._conditions[number].notify(n),
    "condition.notify_all": lambda world, number: world._conditions[number].notify_all(),
    "semaphore.acquire": lambda world, number: world._semaphores[number].acquire(),
    "semaphore.release": lambda world, number: world._semaphores[number].release(),
    "barrier.wait": lambda world, number: world._barriers[number].wait(),
    "barrier.reset": lambda world, number: world._barriers[number].reset(),
    "barrier.abort": lambda world, number: world._barriers[number].abort(),
    "queue.put": lambda world, number, item: world._queues[number].put(item),
    "queue.get": lambda world, number: world._queues[number].get(),
    "queue.put_nowait": lambda world, number, item: world._queues[number].put_nowait(item),
    "queue.get_nowait": lambda world, number: world._queues[number].get_nowait(),
    "queue.task_done": lambda world, number: world._queues[number].task_done(),
    "queue.join": lambda world, number: world._queues[number].join(),
    "queue.shutdown": World._shutdown,
    "future.set": World._set,
    "future.fail": World._fail,
    "future.cancel": lambda world, number: world._futures[number].cancel("by hand"),
    "future.await": lambda world, number: world._futures[number],
    "future.shield": lambda world, number: world._names.shield(world._futures[number]),
    "future.wait_for": lambda world, number, delay: world._names.wait_for(
        world._futures[number], delay
    ),
    "task.cancel": World._cancel,
    "task.await": lambda world, number: world._older(number),
    "task.shield": lambda world, number: world._names.shield(world._older(number)),
    "uncancel": World._uncancel,
    "wait": World._wait,
    "reschedule": World._reschedule,
    "soon": World._soon,
    "raise": World._raise,
}

# What only a task can do.
WAITING = {
    "sleep",
    "lock.acquire",
    "event.wait",
    "condition.acquire",
    "condition.wait",
    "semaphore.acquire",
    "barrier.wait",
    "barrier.reset",
    "barrier.abort",
    "queue.put",
    "queue.get",
    "queue.join",
    "future.await",
    "future.shield",
    "future.wait_for",
    "task.await",
    "task.shield",
    "uncancel",
    "wait",
    "raise",
}

COMPOUNDS: dict[str, Callable[..., Any]] = {
    "with lock": lambda world, label, number, block: world._with(
        world._locks[number], label, block
    ),
    "with condition": lambda world, label, number, block: world._with(
        world._conditions[number], label, block
    ),
    "with semaphore": lambda world, label, number, block: world._with(
        world._semaphores[number], label, block
    ),
    "with barrier": lambda world, label, number, block: world._with(
        world._barriers[number], label, block
    ),
    "timeout": World._timeout,
    "wait_for": World._wait_for,
    "group": World._group,
    "gather": World._gather,
    "as_completed": World._as_completed,
    "async as_completed": World._async_as_completed,
    "shield": World._shield,
    "spawn": World._spawning,
    "swallow": World._swallow,
    "finally": World._finally,
}


def _state(future: Any) -> str:
    """Also marks an exception as seen."""
    if not future.done():
        return f"{_name(future)} pending"
    if future.cancelled():
        return f"{_name(future)} cancelled"
    return f"{_name(future)} {_told(future.exception()) or _shown(future.result())}"


def _name(future: Any) -> str:
    """The name that the program gave; tasks count those that they get by themselves."""
    name = future.get_name() if hasattr(future, "get_name") else "future"
    return "child" if name.startswith("Task-") else str(name)


def _shown(result: Any) -> Any:
    if isinstance(result, (list, tuple)):
        return [_shown(item) for item in result]
    if isinstance(result, BaseException):
        return _told(result)
    if asyncio.isfuture(result):
        return _name(result)
    return result if isinstance(result, (int, str, type(None))) else _impersonal(result)


def _impersonal(thing: object) -> str:
    """The repr less the address, the module and times."""
    text = re.sub(r" object at 0x[0-9a-f]+| at 0x[0-9a-f]+", "", repr(thing))
    text = re.sub(r"when=-?[0-9.]+", "when", text)
    return re.sub(r"<[\w.]+\.(\w+)", r"<\1", text)


def _told(exception: BaseException | None, depth: int = CONTEXTS) -> Any:
    """An exception with what it came from."""
    if exception is None or depth == 0:
        return None
    told: list[Any] = [type(exception).__name__, str(exception)]
    if isinstance(exception, BaseExceptionGroup):
        told.append([_told(member, depth - 1) for member in exception.exceptions])
    told.append(_told(exception.__cause__, depth - 1))
    told.append(_told(exception.__context__, depth - 1))
    told.append(exception.__suppress_context__)
    return told
