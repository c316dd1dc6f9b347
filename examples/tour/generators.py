"""Channels: ``send`` to a generator, ``yield from`` to the one below it, ``await`` to the loop.

A generator and its caller take turns, and a value may travel either way at each turn. ``yield
from`` joins the caller to a generator further down; ``await`` does the same for coroutines, and the
one who asks and answers at the top of the chain is the task, on behalf of the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

import options


def doubler() -> Generator[int | None, int, None]:
    """Answer each number that is sent with its double."""
    number = yield None
    while True:
        print(f"  asked {number}")
        number = yield 2 * number


def total() -> Generator[None, int | None, int]:
    """Add the numbers that are sent, up to ``None``; the sum is the return value."""
    result = 0
    while (number := (yield)) is not None:
        result += number
    return result


def report(totals: list[int]) -> Generator[None, int | None, None]:
    """Keep the return value of each ``total``, without touching what is sent through."""
    while True:
        totals.append((yield from total()))


async def inner(answer: asyncio.Future[str]) -> str:
    """Wait for the future itself: the bottom of the chain."""
    return (await answer).upper()


async def middle(answer: asyncio.Future[str]) -> str:
    """Pass on: nothing here sees the future, or the loop."""
    return await inner(answer) + "!"


async def outer(answer: asyncio.Future[str]) -> str:
    """Wait for ``middle``: the top of the chain, which a task runs."""
    return f"outer got {await middle(answer)}"


def chain(coroutine: Coroutine[Any, Any, Any]) -> list[str]:
    """Follow ``cr_await`` down from a coroutine: the names of all that wait for each other."""
    names = []
    link: Any = coroutine
    while (below := getattr(link, "cr_await", None)) is not None:
        names.append(link.__name__)
        link = below
    return names


async def awaiting() -> None:
    """Look at a chain of coroutines while it waits, then send the answer through it."""
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    coroutine = outer(answer)
    task = asyncio.create_task(coroutine, name="chain")
    await asyncio.sleep(0)  # the task runs down to the future
    print("waiting:", " > ".join(chain(coroutine)))
    print("task:", task)
    print("stack:", [frame.f_code.co_name for frame in task.get_stack()])
    answer.set_result("hello")
    print(await task)


def main() -> None:
    """Show the three channels, one after the other."""
    arguments = options.parser("Generators, yield from and await as channels.").parse_args()
    print("send:")
    double = doubler()
    next(double)  # up to the first yield: only there can it be sent anything
    for number in (3, 8):
        print(f"  answered {double.send(number)}")

    totals: list[int] = []
    channel = report(totals)
    next(channel)
    for sent in (1, 2, 3, None, 10, 20, None):
        channel.send(sent)
    print("yield from:", totals)

    with options.runner(arguments) as runner:
        runner.run(awaiting())


if __name__ == "__main__":
    main()
