"""The spinner with generator-based coroutines: ``yield from`` where ``await`` stands today.

``types.coroutine`` marks a generator as awaitable. Since Python 3.12 only ``ensure_future``, and
what calls it, still makes a task of one, so this version uses it, as programs did before ``await``
existed. The task's repr then names the wrapper, ``_wrap_awaitable()``, and not ``spin()``.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Generator
from types import coroutine
from typing import Any

import options


@coroutine
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


@coroutine
def slow_function(seconds: float) -> Generator[Any, None, int]:
    """Stand for a long wait: ``yield from`` gives way to the loop meanwhile."""
    yield from asyncio.sleep(seconds)
    return 42


@coroutine
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
    factory = options.loop_factory(arguments.loop)
    with asyncio.Runner(loop_factory=factory) as runner:
        print("Answer:", runner.get_loop().run_until_complete(supervisor(arguments.seconds)))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
