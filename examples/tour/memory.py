"""Ten thousand coroutines at once, and what one of them costs beside a thread.

All of them wait at the same time, each in a task of its own. What they take is read from the
kernel's account of this process (``/proc``), so nothing is left out: the coroutine, its frame, the
task, the future that it waits for. The threads wait in the same way. A thread touches few pages
of its stack, but it reserves all of it, and the allocator a region for each of the first threads.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import NamedTuple

import options

KIB = 1024


class Memory(NamedTuple):
    """What a process has, in KiB."""

    used: int  # pages that are there
    reserved: int  # addresses that are taken, whether there is memory behind them or not

    @classmethod
    def now(cls) -> Memory:
        """Ask the kernel."""
        lines = Path("/proc/self/status").read_text().splitlines()
        values = dict(line.split(":", 1) for line in lines)
        return cls(*(int(values[name].split()[0]) for name in ("VmRSS", "VmSize")))

    def each(self, before: Memory, number: int) -> Memory:
        """Give the share of each of so many that were made since."""
        return Memory(
            round((self.used - before.used) * KIB / number),
            round((self.reserved - before.reserved) * KIB / number),
        )


async def wait_for_word(word: asyncio.Future[int], number: int) -> int:
    """Wait, then give an answer of one's own."""
    return await asyncio.shield(word) + number


async def coroutines(number: int) -> Memory:
    """Let so many coroutines wait at once: gives the bytes of one."""
    word: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    gc.collect()
    before = Memory.now()
    tasks = [asyncio.create_task(wait_for_word(word, n)) for n in range(number)]
    await asyncio.sleep(0)  # each begins, and waits
    all_wait = len(asyncio.all_tasks()) == number + 1
    each = Memory.now().each(before, number)
    word.set_result(1)
    answers = await asyncio.gather(*tasks)
    print(f"{number} coroutines wait at once:", all_wait)
    print("each has answered:", answers == list(range(1, number + 1)))
    return each


def threads(number: int) -> Memory:
    """Let so many threads wait at once: gives the bytes of one."""
    word = threading.Event()
    ready = threading.Barrier(number + 1)

    def wait() -> None:
        ready.wait()
        word.wait()

    before = Memory.now()
    waiting = [threading.Thread(target=wait) for _ in range(number)]
    for thread in waiting:
        thread.start()
    ready.wait()
    each = Memory.now().each(before, number)
    print(f"{number} threads wait at once:", all(thread.is_alive() for thread in waiting))
    word.set()
    for thread in waiting:
        thread.join()
    return each


def main() -> None:
    """Measure both, coroutines on the chosen loop."""
    parser = options.parser("Memory of coroutines beside that of threads.")
    parser.add_argument(
        "--coroutines",
        type=options.count,
        default=10_000,
        metavar="N",
        help="how many wait at once (%(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=options.count,
        default=100,
        metavar="N",
        help="how many threads wait at once (%(default)s)",
    )
    arguments = parser.parse_args()
    with options.runner(arguments) as runner:
        coroutine = runner.run(coroutines(arguments.coroutines))
    thread = threads(arguments.threads)
    print(f"a coroutine takes {coroutine.used / KIB:.1f} KiB")
    print(
        f"a thread takes {thread.used / KIB:.1f} KiB and reserves {thread.reserved / KIB:.0f} KiB: "
        f"{thread.reserved / max(coroutine.used, 1):.0f} times as much"
    )


if __name__ == "__main__":
    main()
