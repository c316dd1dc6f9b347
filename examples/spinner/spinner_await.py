"""A spinner in a task: it turns while another coroutine waits for a slow function.

One thread. The task stops at an ``await``, and nowhere else, when it is cancelled.
"""

from __future__ import annotations

import asyncio
import itertools

import options


async def spin(message: str) -> None:
    """Turn in front of ``message`` until cancelled, then clear the line."""
    for bar in itertools.cycle("|/-\\"):
        status = f"{bar} {message}"
        print(f"\r{status}", end="", flush=True)
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            break
    print(f"\r{' ' * len(status)}\r", end="", flush=True)


async def slow_function(seconds: float) -> int:
    """Stand for a long wait: ``await`` gives way to the loop meanwhile."""
    await asyncio.sleep(seconds)
    return 42


async def supervisor(seconds: float) -> int:
    """Start the spinner, wait for the answer, cancel the spinner."""
    spinner = asyncio.create_task(spin("thinking!"))
    print("spinner object:", spinner, flush=True)
    try:
        return await slow_function(seconds)
    finally:
        spinner.cancel()
        await asyncio.wait([spinner])


def main() -> None:
    """Run the ``await`` version on the chosen loop."""
    arguments = options.parse("A spinner in an asyncio task, with await.")
    factory = options.loop_factory(arguments.loop)
    with asyncio.Runner(loop_factory=factory) as runner:
        print("Answer:", runner.run(supervisor(arguments.seconds)))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
