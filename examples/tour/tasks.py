"""Tasks from outside: begin, wait in three ways, ask for results, find what went wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import options


async def sleeper(name: str, delay: Any) -> str:
    """Sleep ``delay`` seconds and give the name; what is no number is a TypeError."""
    await asyncio.sleep(delay)
    return name


async def careful(delay: Any) -> str:
    """Catch the same error inside: the task that runs this has a result."""
    try:
        return await sleeper("slept", delay)
    except TypeError:
        return "did not sleep"


def names(tasks: set[asyncio.Task[str]]) -> str:
    """The names of the tasks, in order."""
    return " ".join(sorted(task.get_name() for task in tasks)) or "none"


def begin(*delays: tuple[str, Any]) -> list[asyncio.Task[str]]:
    """Make a task of a sleeper for each delay; none has run yet."""
    return [asyncio.create_task(sleeper(name, delay), name=name) for name, delay in delays]


async def waiting() -> None:
    """Wait for the first, for the first exception, for a time, for all."""
    tasks = begin(("quick", 0.01), ("slow", 60))
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    print("first completed:", names(done), "| pending:", names(pending))

    _, pending = await asyncio.wait(pending, timeout=0.05)
    print("after a time: pending:", names(pending))
    for task in pending:
        task.cancel()
    done, pending = await asyncio.wait(pending)
    print("cancelled:", [task.cancelled() for task in done], "| pending:", names(pending))

    tasks = begin(("wrong", "g"), ("never", 60))
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    print("first exception:", names(done), "| pending:", names(pending))
    tasks[1].cancel()
    print("kept:", repr(tasks[0].exception()))

    tasks = begin(("a", 0.15), ("b", 0.05), ("c", 0.1))
    in_turn = [await first for first in asyncio.as_completed(tasks)]
    print("as completed:", in_turn, "| in order:", [task.result() for task in tasks])


async def raising() -> None:
    """Show that the exception of a task is raised where it is awaited: the same object."""
    (task,) = begin(("wrong", "g"))
    try:
        await task
    except TypeError as error:
        print("raised is kept:", error is task.exception())
    print("caught inside:", await asyncio.create_task(careful("g")))


async def four_states() -> None:
    """Ask a task in each of its four states."""
    pending, finished, failed, cancelled = begin(("p", 60), ("f", 0), ("e", "g"), ("c", 60))
    cancelled.cancel()
    await asyncio.wait([finished, failed, cancelled])
    for task in (pending, finished, failed, cancelled):
        state = f"done={task.done()} cancelled={task.cancelled()}"
        try:
            answer = repr(task.result())
        except (Exception, asyncio.CancelledError) as error:
            answer = f"raises {type(error).__name__}"
        print(f"{task.get_name()}: {state} result {answer}")
    pending.cancel()


def main() -> None:
    """Run the three parts on the chosen loop; what is left over is cancelled with the runner."""
    arguments = options.parser("Tasks: waits, results and exceptions.").parse_args()
    with options.runner(arguments) as runner:
        for part in (waiting, raising, four_states):
            runner.run(part())


if __name__ == "__main__":
    main()
