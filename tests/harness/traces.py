"""What a scenario does turn by turn, so that two implementations can be compared.

A scenario is an async function of a namespace (asyncio's own, or one with native functions in it)
and a `Trace`. It tells the trace what happens; the trace adds in which turn of the loop.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

from harness.outcome import normalized

# The name that a task gets when it is given none.
_NUMBERED = re.compile(r"\bTask-\d+")

Scenario = Callable[[Any, "Trace"], Coroutine[Any, Any, Any]]

# A scenario that is not over by then hangs.
MOST_TURNS = 200


class Trace:
    """The events of one run."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.turn = 0
        self.events: list[tuple[int, str]] = []
        self._ticker: asyncio.Handle | None = None

    def __call__(self, what: Any) -> None:
        """Notes an event; an exception with all that hangs on it."""
        text = described(what) if isinstance(what, BaseException) else normalized(str(what))
        self.events.append((self.turn, _NUMBERED.sub("Task-N", text)))

    async def turns(self, count: int) -> None:
        """Lets so many turns pass."""
        for _ in range(count):
            await asyncio.sleep(0)

    def start(self) -> None:
        self._ticker = self.loop.call_soon(self._tick)

    def _tick(self) -> None:
        self.turn += 1
        self._ticker = self.loop.call_soon(self._tick)

    def stop(self) -> None:
        assert self._ticker is not None
        self._ticker.cancel()


def described(error: BaseException | None, depth: int = 6) -> str:
    """An exception's class, text, cause and context, and the exceptions in a group."""
    if error is None or depth == 0:
        return "-" if error is None else "..."
    parts = [type(error).__name__, normalized(str(error))]
    if isinstance(error, BaseExceptionGroup):
        parts.append("[" + " ".join(described(one, depth - 1) for one in error.exceptions) + "]")
    parts.append(f"cause={described(error.__cause__, depth - 1)}")
    parts.append(f"context={described(error.__context__, depth - 1)}")
    parts.append(f"suppressed={error.__suppress_context__}")
    return f"<{' '.join(parts)}>"


async def traced(
    loop: Any, names: Any, scenario: Scenario, make_task: Any
) -> list[tuple[int, str]]:
    """Runs the scenario in a task of its own, and gives what it noted and how it ended."""
    trace = Trace(loop)
    trace.start()
    loop.set_exception_handler(lambda _loop, context: trace(_reported(context)))
    task = make_task(scenario(names, trace))
    try:
        while not task.done():
            assert trace.turn < MOST_TURNS, f"{scenario.__name__} hangs: {trace.events}"
            await asyncio.sleep(0)
        try:
            trace(f"returned {task.result()!r}")
        except BaseException as error:
            trace(error)
        trace(f"cancelling {task.cancelling()}")
    finally:
        trace.stop()
        loop.set_exception_handler(None)
    return trace.events


def _reported(context: dict[str, Any]) -> str:
    error = context.get("exception")
    return f"reported {sorted(context)} {type(error).__name__}: {error}"
