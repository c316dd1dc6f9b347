"""Hello world, by coroutines that wait for each other.

``compose`` needs two words. Each is fetched by a coroutine of its own, and both are on their way
before the first is waited for: the slower one decides how long it takes.
"""

from __future__ import annotations

import asyncio

import options


async def fetch(word: str, arrivals: list[str], other: asyncio.Event, mine: asyncio.Event) -> str:
    """Give a word, but only when the other one is on its way too: they must overlap."""
    mine.set()
    await other.wait()
    arrivals.append(word)
    return word


async def compose() -> str:
    """Start both words, then wait for the one and the other."""
    arrivals: list[str] = []
    first, second = asyncio.Event(), asyncio.Event()
    hello = asyncio.ensure_future(fetch("Hello", arrivals, second, first))
    world = asyncio.ensure_future(fetch("world", arrivals, first, second))
    text = f"{await hello} {await world}"
    print("arrived:", arrivals)
    return text


async def exclaim() -> str:
    """Pass on what ``compose`` gives: a chain of two links."""
    return await compose() + "!"


def main() -> None:
    """Print the greeting, composed on the chosen loop."""
    arguments = options.parser("Hello world, from chained coroutines.").parse_args()
    with options.runner(arguments) as runner:
        print(runner.run(exclaim()))


if __name__ == "__main__":
    main()
