"""Rust futures in a Python program: timers, numbers from a thread, Python awaited by Rust.

Needs the extension beside it: ``pip install examples/bridge``.
"""

from __future__ import annotations

import argparse
import asyncio

import asyncioxide
import bridge_example

LOOPS = {"asyncio": asyncio.new_event_loop, "asyncioxide": asyncioxide.new_event_loop}


async def greet(seconds: float, name: str) -> str:
    await asyncio.sleep(seconds)
    return f"hello, {name}"


async def refuse() -> None:
    raise LookupError("nobody here")


async def main() -> None:
    timers = [bridge_example.sleep(0.01), bridge_example.sleep(0.02)]
    print("two Rust timers:", await asyncio.gather(*timers))

    print("primes from a thread:", *[prime async for prime in bridge_example.Primes(10)])

    print("two at once:", await bridge_example.both(greet(0.02, "Rust"), greet(0.01, "Python")))

    other = asyncio.create_task(asyncio.sleep(3600))
    try:
        await bridge_example.both(refuse(), other)
    except LookupError as error:
        await asyncio.wait([other])
        print(f"a failure: {error}; the other one was cancelled: {other.cancelled()}")

    try:
        async with asyncio.timeout(0.01):
            await bridge_example.sleep(3600)
    except TimeoutError:
        print("a timeout: the Rust future is gone")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loop", choices=LOOPS, default="asyncioxide")
    with asyncio.Runner(loop_factory=LOOPS[parser.parse_args().loop]) as runner:
        runner.run(main())
