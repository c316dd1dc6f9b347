"""The spinner with generator-based coroutines: ``yield from`` where ``await`` stands today.

asyncio took these up to Python 3.10; ``asyncioxide.legacy`` does, on any loop. But for the options
this is the program as it was before there was ``await``.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator
from typing import Any

import asyncioxide.legacy as asyncio
import options


@asyncio.coroutine
def spin(message: str) -> Generator[Any, None, None]:
    """Turn in front of ``message`` until cancelled, then clear the line."""
    for bar in itertools.cycle("|/-\\"):
        status = f"{bar} {message}"
        print(f"\r{status}", end="", flush=True)
        try:
            yield from asyncio.sleep(0.1)
        except asyncio.CancelledError:
            break
    print(f"\r{' ' * len(status)}\r", end="", flush=True)


@asyncio.coroutine
def slow_function(seconds: float) -> Generator[Any, None, int]:
    """Stand for a long wait: ``yield from`` gives way to the loop meanwhile."""
    yield from asyncio.sleep(seconds)
    return 42


@asyncio.coroutine
def supervisor(seconds: float) -> Generator[Any, None, int]:
    """Start the spinner, wait for the answer, cancel the spinner."""
    spinner = asyncio.ensure_future(spin("thinking!"))
    print("spinner object:", spinner, flush=True)
    try:
        return (yield from slow_function(seconds))
    finally:
        spinner.cancel()
        yield from asyncio.wait([spinner])


def main() -> None:
    """Run the ``yield from`` version on the chosen loop."""
    arguments = options.parse("A spinner in an asyncio task, with yield from.")
    asyncio.set_event_loop(options.loop_factory(arguments.loop)())
    loop = asyncio.get_event_loop()
    task = asyncio.ensure_future(supervisor(arguments.seconds))
    try:
        print("Answer:", loop.run_until_complete(task))
    finally:
        if task.cancel():  # after Ctrl-C
            loop.run_until_complete(asyncio.wait([task]))
        loop.close()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
