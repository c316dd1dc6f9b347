"""Blocking work in a pool of threads and in a pool of processes, while the loop goes on.

In a thread a function may take any argument, and the loop can even talk to it. In a process it
computes beside the loop on another processor; what goes there and comes back is pickled.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Any

import options


def wait_for_word(word: threading.Event) -> str:
    """Block until the loop gives the word: it can, if this blocks a thread of its own."""
    word.wait()
    return threading.current_thread().name.partition("_")[0]


def count_primes(limit: int) -> int:
    """Count the primes below ``limit`` the slow way: pure processor time."""
    return sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(2, limit))


def process_and_primes(limit: int) -> tuple[int, int]:
    """Give the process that counted, and the count."""
    return os.getpid(), count_primes(limit)


def fail(message: str) -> None:
    """Raise: the exception comes out of the ``await``."""
    raise ValueError(message)


async def failure(pool: Executor | None, function: Any, *arguments: Any) -> str:
    """Run what must fail, and tell how."""
    try:
        await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
    except Exception as error:
        return type(error).__name__
    return "none"


async def in_threads() -> None:
    """Run in the loop's own pool, in another, and by ``to_thread``."""
    loop = asyncio.get_running_loop()
    word = threading.Event()
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="mine") as pool:
        waiting = [
            loop.run_in_executor(None, wait_for_word, word),
            loop.run_in_executor(pool, wait_for_word, word),
            asyncio.create_task(asyncio.to_thread(wait_for_word, word)),
        ]
        await asyncio.sleep(0.01)  # the loop turns, and the threads are blocked
        print("done before the word:", [call.done() for call in waiting])
        word.set()
        print("threads:", await asyncio.gather(*waiting))
        print(
            "keywords, by partial:", await loop.run_in_executor(pool, partial(int, "ff", base=16))
        )
    print("failure:", await failure(None, fail, "in a thread"))


async def in_processes(workers: int, limit: int) -> None:
    """Count in other processes, ticking meanwhile."""
    loop = asyncio.get_running_loop()
    # A new interpreter for each worker: forking would copy this one's loop and threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        calls = [loop.run_in_executor(pool, process_and_primes, limit) for _ in range(workers)]
        ticks = 0
        while not all(call.done() for call in calls):
            await asyncio.sleep(0.01)
            ticks += 1
        counted = [await call for call in calls]
        print("primes:", [primes for _, primes in counted])
        print("in other processes:", os.getpid() not in {process for process, _ in counted})
        print("the loop ticked meanwhile:", ticks > 1)
        print("failure:", await failure(pool, fail, "in a process"))
        print("a lambda cannot be pickled:", await failure(pool, lambda: None) != "none")


async def both(workers: int, limit: int) -> None:
    """Show the two kinds of pool."""
    await in_threads()
    await in_processes(workers, limit)


def main() -> None:
    """Run both parts on the chosen loop."""
    parser = options.parser("Executors: threads for what blocks, processes for what computes.")
    parser.add_argument(
        "--workers",
        type=options.count,
        default=2,
        metavar="N",
        help="processes in the pool, and calls to it (%(default)s)",
    )
    parser.add_argument(
        "--limit",
        type=options.count,
        default=50_000,
        metavar="N",
        help="each process counts the primes below this (%(default)s)",
    )
    arguments = parser.parse_args()
    with options.runner(arguments) as runner:
        runner.run(both(arguments.workers, arguments.limit))


if __name__ == "__main__":
    main()
