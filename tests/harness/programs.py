"""Random programs over a loop, and the trace that running one leaves.

A program is a list of operations. Those that schedule something carry a
program of their own, run when the scheduled thing runs. Whatever it does is
noted with the number of the turn it fell into, so two loops agree on a program
exactly when they schedule alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from harness.turns import Turns

# Enough turns for the longest chain that the strategies below can build.
LAST_TURN = 80
FUTURES = 3

Program = list[tuple[Any, ...]]

_future_numbers = st.integers(0, FUTURES - 1)
_handle_numbers = st.integers(0, 8)
_task_numbers = st.integers(0, 5)
# Delays that are due at once, and apart from each other, on any machine.
_delays = st.sampled_from([0, -1, -2, -3])

_leaves = st.one_of(
    st.tuples(st.just("set"), _future_numbers),
    st.tuples(st.just("fail"), _future_numbers),
    st.tuples(st.just("cancel future"), _future_numbers),
    st.tuples(st.just("cancel handle"), _handle_numbers),
    st.tuples(st.just("cancel task"), _task_numbers),
    st.tuples(st.just("forget callback"), _future_numbers),
    st.tuples(st.just("raise")),
)


def _steps(programs: st.SearchStrategy[Program]) -> st.SearchStrategy[Program]:
    step = st.one_of(
        st.tuples(st.just("sleep")),
        st.tuples(st.just("await future"), _future_numbers),
        st.tuples(st.just("await task"), _task_numbers),
        st.tuples(st.just("shield"), _future_numbers),
        st.tuples(st.just("swallow cancellation")),
        st.tuples(st.just("do"), programs),
        st.tuples(st.just("fail")),
    )
    return st.lists(step, min_size=1, max_size=5)


def _operations(programs: st.SearchStrategy[Program]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.one_of(
        st.tuples(st.just("task"), _steps(programs)),
        st.tuples(st.just("soon"), programs),
        st.tuples(st.just("threadsafe"), programs),
        st.tuples(st.just("later"), _delays, programs),
        st.tuples(st.just("callback"), _future_numbers, programs),
        _leaves,
    )


def _programs() -> st.SearchStrategy[Program]:
    """Three levels, each shorter than the one around it: enough to get interesting."""
    inner = st.lists(_leaves, max_size=3)
    middle = st.lists(_operations(inner), min_size=1, max_size=4)
    return st.lists(_operations(middle), min_size=4, max_size=10)


programs = _programs()


class Wrong(Exception):
    """What programs raise."""


class Run:
    """One run of a program on one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sleep: Callable[..., Any]) -> None:
        self._loop = loop
        self._sleep = sleep
        self._turns = Turns(loop)
        self._futures = [loop.create_future() for _ in range(FUTURES)]
        self._handles: list[asyncio.Handle] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._callbacks: dict[int, list[Callable[[Any], None]]] = {}
        self._labels = 0
        loop.set_exception_handler(self._report)

    def trace(self, program: Program) -> list[tuple[int, Any]]:
        self._turns.start(LAST_TURN)
        self._loop.call_soon(self._callback, self._label("main"), program)
        self._loop.run_forever()
        states = [self._state(thing) for thing in (*self._futures, *self._tasks)]
        return [*self._turns.trace, (LAST_TURN, ("states", states))]

    def clean_up(self) -> None:
        """Ends every task, so that the loop can be closed without a complaint."""
        self._loop.set_exception_handler(lambda loop, context: None)
        while not all(task.done() for task in self._tasks):
            for task in self._tasks:
                task.cancel()
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()
        for thing in (*self._futures, *self._tasks):
            self._state(thing)

    def _state(self, thing: asyncio.Future[Any]) -> str:
        """Also marks an exception as seen: when it would be reported is the collector's."""
        if not thing.done():
            return "pending"
        if thing.cancelled():
            return "cancelled"
        return f"failed {thing.exception()!r}" if thing.exception() else "finished"

    def _label(self, kind: str) -> str:
        self._labels += 1
        return f"{kind} {self._labels}"

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._turns.note(("report", context["message"].split("(")[0], repr(context["exception"])))

    def _callback(self, label: str, program: Program) -> None:
        self._turns.note(label)
        self._do(program)

    def _do(self, program: Program) -> None:
        # What raises comes last, or it would leave out the rest.
        for operation, *arguments in sorted(program, key=lambda entry: entry[0] == "raise"):
            getattr(self, "_do_" + operation.replace(" ", "_"))(*arguments)

    def _do_soon(self, program: Program) -> None:
        self._handles.append(self._loop.call_soon(self._callback, self._label("soon"), program))

    def _do_threadsafe(self, program: Program) -> None:
        label = self._label("threadsafe")
        self._handles.append(self._loop.call_soon_threadsafe(self._callback, label, program))

    def _do_later(self, delay: float, program: Program) -> None:
        label = self._label("later")
        self._handles.append(self._loop.call_later(delay, self._callback, label, program))

    def _do_callback(self, number: int, program: Program) -> None:
        label = self._label("callback")

        def run(_: Any) -> None:
            self._callback(label, program)

        self._callbacks.setdefault(number, []).append(run)
        self._futures[number].add_done_callback(run)

    def _do_forget_callback(self, number: int) -> None:
        for run in self._callbacks.get(number, [])[:1]:
            self._turns.note(("removed", self._futures[number].remove_done_callback(run)))

    def _do_set(self, number: int) -> None:
        if not self._futures[number].done():
            self._futures[number].set_result(number)

    def _do_fail(self, number: int) -> None:
        if not self._futures[number].done():
            self._futures[number].set_exception(Wrong(number))

    def _do_cancel_future(self, number: int) -> None:
        self._turns.note(("cancel future", self._futures[number].cancel()))

    def _do_cancel_handle(self, number: int) -> None:
        if number < len(self._handles):
            self._handles[number].cancel()

    def _do_cancel_task(self, number: int) -> None:
        if number < len(self._tasks):
            self._turns.note(("cancel task", self._tasks[number].cancel()))

    def _do_raise(self) -> None:
        raise Wrong("raised")

    def _do_task(self, steps: Program) -> None:
        label = self._label("task")
        task = self._loop.create_task(self._work(label, steps), name=label)
        task.add_done_callback(lambda task: self._turns.note((label, self._state(task))))
        self._tasks.append(task)

    async def _work(self, label: str, steps: Program) -> None:
        self._turns.note((label, "begins"))
        swallow = False
        for operation, *arguments in steps:
            try:
                if operation == "swallow cancellation":
                    swallow = True
                else:
                    await self._step(operation, *arguments)
            except asyncio.CancelledError:
                self._turns.note((label, "is cancelled"))
                if not swallow:
                    raise
            self._turns.note((label, operation))

    async def _step(self, operation: str, *arguments: Any) -> None:
        match operation, arguments:
            case "sleep", ():
                await self._sleep(0)
            case "await future", (number,):
                await self._futures[number]
            case "shield", (number,):
                await asyncio.shield(self._futures[number])
            case "await task", (number,):
                if number < len(self._tasks):
                    await self._tasks[number]
            case "do", (program,):
                self._do(program)
            case "fail", ():
                raise Wrong("task failed")
