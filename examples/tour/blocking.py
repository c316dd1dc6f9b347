"""What blocks the loop, what does not, and how debug mode tells.

Three naps as callbacks with ``time.sleep`` come one after the other, since nothing else runs while
one of them does. As coroutines with ``asyncio.sleep`` they sleep side by side. With ``--debug`` the
loop names each callback and each step of a task that took longer than ``slow_callback_duration``.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time

import options

NAPS = 3


def nap(number: int, seconds: float) -> None:
    """Sleep without giving way: the whole loop sleeps."""
    print(f"  {number} begins")
    time.sleep(seconds)
    print(f"  {number} is over")


async def gentle_nap(number: int, seconds: float) -> None:
    """Sleep and give way: the loop runs the others meanwhile."""
    print(f"  {number} begins")
    await asyncio.sleep(seconds)
    print(f"  {number} is over")


async def rude_nap(number: int, seconds: float) -> None:
    """Be a coroutine and block all the same: ``async def`` alone makes nothing give way."""
    nap(number, seconds)


async def compare(seconds: float) -> None:
    """Take the naps as callbacks, then as coroutines, then one that is rude."""
    loop = asyncio.get_running_loop()
    loop.slow_callback_duration = seconds / 2
    numbers = range(1, NAPS + 1)

    print("callbacks:")
    last = loop.create_future()
    for number in numbers:
        loop.call_soon(nap, number, seconds)
    loop.call_soon(last.set_result, None)
    await last

    print("coroutines:")
    await asyncio.gather(*(gentle_nap(number, seconds) for number in numbers))

    print("a coroutine that blocks:")
    await asyncio.gather(*(rude_nap(number, seconds) for number in numbers))


def main() -> None:
    """Run the comparison, in debug mode if asked."""
    parser = options.parser("Blocking callbacks beside coroutines, with what debug mode says.")
    parser.add_argument(
        "--debug", action="store_true", help="log slow callbacks and steps to standard error"
    )
    parser.add_argument(
        "--seconds",
        type=options.seconds,
        default=0.2,
        metavar="S",
        help="length of a nap (%(default)s)",
    )
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    with options.runner(arguments, debug=arguments.debug or None) as runner:
        runner.run(compare(arguments.seconds))


if __name__ == "__main__":
    main()
