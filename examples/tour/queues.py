"""Producers and consumers with a queue between them.

The queue is bounded, so a producer that is ahead waits for the consumers: memory stays bounded too.
``task_done`` and ``join`` tell when all that was put has been worked on, not only taken.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import options


async def produce(queue: asyncio.Queue[str], name: str, items: int) -> None:
    """Put so many items, waiting whenever the queue is full."""
    for number in range(1, items + 1):
        await queue.put(f"{name}{number}")


async def consume(queue: asyncio.Queue[str], taken: list[str], fullest: list[int]) -> None:
    """Take items until cancelled, giving way between taking one and being done with it."""
    while True:
        fullest.append(queue.qsize())
        item = await queue.get()
        try:
            await asyncio.sleep(0)  # the work
            taken.append(item)
        finally:
            queue.task_done()


async def before_its_turn() -> None:
    """Show that a put in a task moves nothing until the task has its turn."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    putting = asyncio.ensure_future(queue.put("letter"))
    print("put asked for, in the queue:", queue.qsize())
    await putting
    print("after its turn:", queue.qsize())
    print("taken:", queue.get_nowait())


async def work(items: int, size: int) -> None:
    """Let two producers and three consumers share a queue of ``size`` places."""
    await before_its_turn()

    queue: asyncio.Queue[str] = asyncio.Queue(size)
    taken: list[str] = []
    fullest: list[int] = []
    consumers = [asyncio.create_task(consume(queue, taken, fullest)) for _ in range(3)]
    await asyncio.gather(produce(queue, "a", items), produce(queue, "b", items))
    await queue.join()
    for consumer in consumers:
        consumer.cancel()
    await asyncio.gather(*consumers, return_exceptions=True)

    print("worked on:", len(taken), "each once:", set(Counter(taken).values()) == {1})
    for name in "ab":
        numbers = [int(item[1:]) for item in taken if item[0] == name]
        print(f"the items of {name} in order:", numbers == sorted(numbers))
    print("never more than its places:", max(fullest) <= size)

    urgent: asyncio.PriorityQueue[tuple[int, str]] = asyncio.PriorityQueue()
    stack: asyncio.LifoQueue[str] = asyncio.LifoQueue()
    for priority, item in ((2, "later"), (3, "last"), (1, "now")):
        urgent.put_nowait((priority, item))
        stack.put_nowait(item)
    print("by priority:", [(await urgent.get())[1] for _ in range(3)])
    print("last in, first out:", [await stack.get() for _ in range(3)])


def main() -> None:
    """Run it on the chosen loop."""
    parser = options.parser("Producers and consumers with a bounded queue between them.")
    parser.add_argument(
        "--items",
        type=options.count,
        default=100,
        metavar="N",
        help="how many items each producer makes (%(default)s)",
    )
    parser.add_argument(
        "--size",
        type=options.count,
        default=4,
        metavar="N",
        help="how many items the queue holds (%(default)s)",
    )
    arguments = parser.parse_args()
    with options.runner(arguments) as runner:
        runner.run(work(arguments.items, arguments.size))


if __name__ == "__main__":
    main()
