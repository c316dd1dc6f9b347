"""One job of three stages, written with callbacks, with futures and with coroutines.

Find a user, then the user's orders, then what the orders cost. Each stage needs what the one before
found, the report needs all three, and any of them may fail. The three versions print the same;
compare how each keeps the user at hand until the report, and where its errors go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import options

USERS = {1: "Ada", 2: "Ben"}
ORDERS = {"Ada": ["tea", "cake"], "Ben": ["gold"]}
PRICES = {"tea": 3, "cake": 4}

Succeed = Callable[[Any], None]
Fail = Callable[[Exception], None]


def user_of(number: int) -> str:
    """The first stage: the name of a user."""
    return USERS[number]


def orders_of(user: str) -> list[str]:
    """The second stage: what the user ordered."""
    return ORDERS[user]


def cost_of(orders: list[str]) -> int:
    """The third stage: what it costs together. Nobody knows the price of gold."""
    return sum(PRICES[order] for order in orders)


def report(user: str, orders: list[str], cost: int) -> str:
    """Put together what the three stages found."""
    return f"{user}: {' and '.join(orders)} for {cost}"


# Callbacks: the functions are nested so that the innermost sees the user, and each stage passes on
# both ways out by hand.


def ask(stage: Callable[[Any], Any], argument: Any, succeed: Succeed, fail: Fail) -> None:
    """Answer a stage's question in a later turn, by one callback or the other."""

    def answer() -> None:
        try:
            found = stage(argument)
        except KeyError as error:
            fail(error)
        else:
            succeed(found)

    asyncio.get_running_loop().call_soon(answer)


def with_callbacks(number: int, succeed: Succeed, fail: Fail) -> None:
    """Ask the three stages, each from the callback of the one before."""

    def have_user(user: str) -> None:
        def have_orders(orders: list[str]) -> None:
            def have_cost(cost: int) -> None:
                succeed(report(user, orders, cost))

            ask(cost_of, orders, have_cost, fail)

        ask(orders_of, user, have_orders, fail)

    ask(user_of, number, have_user, fail)


# Futures: the stages stand one below the other, linked by `then`. Errors travel by themselves, but
# the functions are separate, so what the report needs later must be carried along.


def later(stage: Callable[[Any], Any], argument: Any) -> asyncio.Future[Any]:
    """Ask a stage: the answer, or its failure, is a future."""
    future = asyncio.get_running_loop().create_future()
    ask(stage, argument, future.set_result, future.set_exception)
    return future


def then(
    future: asyncio.Future[Any], stage: Callable[[Any], asyncio.Future[Any]]
) -> asyncio.Future[Any]:
    """Give a future for what ``stage`` makes of the result of ``future``; a failure skips it."""
    outcome = asyncio.get_running_loop().create_future()

    def settle(done: asyncio.Future[Any]) -> None:
        if error := done.exception():
            outcome.set_exception(error)
        else:
            outcome.set_result(done.result())

    def proceed(done: asyncio.Future[Any]) -> None:
        if done.exception():
            settle(done)
        else:
            stage(done.result()).add_done_callback(settle)

    future.add_done_callback(proceed)
    return outcome


def with_futures(number: int) -> asyncio.Future[Any]:
    """Link the three stages; each returns what it found with what came before."""

    def find_orders(user: str) -> asyncio.Future[Any]:
        return later(lambda name: (name, orders_of(name)), user)

    def find_cost(known: tuple[str, list[str]]) -> asyncio.Future[Any]:
        return later(lambda both: report(both[0], both[1], cost_of(both[1])), known)

    return then(then(later(user_of, number), find_orders), find_cost)


# Coroutines: the three stages are three lines, and what they found are local variables.


async def with_coroutines(number: int) -> str:
    """Await the three stages."""
    user = await later(user_of, number)
    orders = await later(orders_of, user)
    cost = await later(cost_of, orders)
    return report(user, orders, cost)


async def outcome_of(job: asyncio.Future[Any]) -> str:
    """Wait for a job: its report, or what it failed with."""
    try:
        return str(await job)
    except KeyError as error:
        return f"failed for want of {error}"


async def side_by_side() -> None:
    """Do each job in each style: one that succeeds, one that fails at the end, one at the start."""
    for number in (1, 2, 3):
        print(f"user {number}")
        called_back = asyncio.get_running_loop().create_future()
        with_callbacks(number, called_back.set_result, called_back.set_exception)
        print("  callbacks: ", await outcome_of(called_back))
        print("  futures:   ", await outcome_of(with_futures(number)))
        print("  coroutines:", await outcome_of(asyncio.ensure_future(with_coroutines(number))))


def main() -> None:
    """Run the styles side by side on the chosen loop."""
    arguments = options.parser("One job in callbacks, in futures, in coroutines.").parse_args()
    with options.runner(arguments) as runner:
        runner.run(side_by_side())


if __name__ == "__main__":
    main()
