"""Who goes on in which turn, whatever is cancelled in which: the native classes in step with stock.

Each scenario starts some tasks over primitives and writes down what they do and when. It is run as
it is, and once for each task and each turn in which the task is cancelled, and once more with two
cancellations. asyncio's own classes on the same loop say what has to come of it.
"""

from __future__ import annotations

import asyncio
import itertools

import pytest
from harness import functions

TURNS = 24
SCENARIOS = []


def scenario(function):
    SCENARIOS.append(function)
    return function


class Trail:
    """What happened, each with its turn."""

    def __init__(self):
        self.turn = 0
        self.events = []

    def note(self, *what):
        self.events.append((self.turn, *what))


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


@scenario
def locks(aio, trail):
    lock = aio.Lock()

    async def work(name, pause):
        await turns(pause)
        async with lock:
            trail.note(name, "in", repr(lock).partition("[")[2])
            await turns(2)
            trail.note(name, "out")
        await lock.acquire()
        trail.note(name, "again")
        lock.release()

    return [work(name, pause) for name, pause in enumerate((0, 0, 1, 2, 5))]


@scenario
def events(aio, trail):
    event = aio.Event()

    async def wait(name):
        for _ in range(2):
            trail.note(name, await event.wait(), repr(event).partition("[")[2])
            await turns(1)
            event.clear()

    async def switch():
        for _ in range(3):
            await turns(2)
            event.set()
            trail.note("set", event.is_set())

    return [wait("a"), wait("b"), switch(), wait("c")]


@scenario
def conditions(aio, trail):
    condition = aio.Condition()
    ready = []

    async def wait(name):
        async with condition:
            trail.note(name, "waits", repr(condition).partition("[")[2])
            trail.note(name, await condition.wait())
            trail.note(name, await condition.wait_for(lambda: len(ready) > 1))
            await turns(1)
        trail.note(name, "out")

    async def notify(count):
        await turns(2)
        for _ in range(3):
            async with condition:
                ready.append(1)
                condition.notify(count)
                await turns(1)
                trail.note("notified", count)
        async with condition:
            condition.notify_all()

    return [wait("a"), wait("b"), notify(1), wait("c"), notify(2)]


@scenario
def conditions_of_stock_locks(aio, trail):
    lock = asyncio.Lock()
    conditions = [aio.Condition(lock), aio.Condition(lock)]

    async def pass_on(name, own, other):
        for _ in range(3):
            async with own:
                other.notify()
                await own.wait()
                trail.note(name, lock.locked())

    async def begin():
        await turns(3)
        for condition in conditions * 2:
            async with condition:
                condition.notify_all()
            await turns(2)

    first, second = conditions
    return [pass_on("a", first, second), pass_on("b", second, first), begin()]


@scenario
def semaphores(aio, trail):
    semaphore = aio.Semaphore(2)

    async def work(name, pause):
        await turns(pause)
        async with semaphore:
            trail.note(name, "in", semaphore._value, semaphore.locked())
            await turns(2)
        trail.note(name, "out", semaphore._value)
        if await semaphore.acquire():
            trail.note(name, "again", repr(semaphore).partition("[")[2])
            await turns(1)
            semaphore.release()

    return [work(name, pause) for name, pause in enumerate((0, 0, 0, 1, 2, 2))]


@scenario
def bounded_semaphores(aio, trail):
    semaphore = aio.BoundedSemaphore(1)

    async def work(name):
        await semaphore.acquire()
        trail.note(name, semaphore._value)
        await turns(1)
        semaphore.release()

    async def disturb():
        for _ in range(6):
            await turns(1)
            try:
                semaphore.release()
            except ValueError as error:
                trail.note(str(error))

    return [work("a"), work("b"), disturb(), work("c")]


@scenario
def barriers(aio, trail):
    barrier = aio.Barrier(2)

    async def work(name, pause):
        await turns(pause)
        for _ in range(2):
            try:
                index = await barrier.wait()
                trail.note(name, index, repr(barrier).partition("[")[2])
            except aio.BrokenBarrierError as error:
                trail.note(name, str(error), barrier.n_waiting)
        async with barrier as index:
            trail.note(name, "inside", index)

    return [work("a", 0), work("b", 1), work("c", 1), work("d", 4)]


@scenario
def barriers_reset(aio, trail):
    barrier = aio.Barrier(3)

    async def work(name):
        for _ in range(3):
            try:
                trail.note(name, await barrier.wait(), barrier.broken)
            except aio.BrokenBarrierError as error:
                trail.note(name, str(error), repr(barrier).partition("[")[2])
                await turns(1)

    async def meddle():
        await turns(2)
        await barrier.reset()
        trail.note("reset", barrier.n_waiting)
        await turns(4)
        await barrier.abort()
        trail.note("abort", barrier.n_waiting)
        await turns(3)
        await barrier.reset()
        trail.note("reset", barrier.n_waiting)

    return [work("a"), work("b"), meddle(), work("c")]


async def run(aio, scene, cancels):
    loop = asyncio.get_running_loop()
    trail = Trail()
    tasks = [
        loop.create_task(coro, name=str(index)) for index, coro in enumerate(scene(aio, trail))
    ]
    for turn in range(TURNS):
        trail.turn = turn
        for index, when in cancels:
            if when == turn:
                trail.note("cancel", index, tasks[index].cancel(f"in {turn}"))
        await asyncio.sleep(0)
    for index, task in enumerate(tasks):
        if not task.done():
            trail.note("stuck", index)
            task.cancel("at last")
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    return trail.events, [(type(end), *getattr(end, "args", (end,))) for end in ends]


def cancellations(count):
    yield []
    single = list(itertools.product(range(count), range(TURNS // 2)))
    yield from ([one] for one in single)
    # Every fifth pair: enough to meet each kind of pair of turns.
    pairs = itertools.combinations(single, 2)
    yield from (list(pair) for pair in itertools.islice(pairs, 0, None, 5))


@pytest.mark.parametrize("scene", SCENARIOS, ids=lambda scene: scene.__name__)
async def test_in_step_with_asyncio(loop, scene):
    stock, native = (functions.functions(kind) for kind in functions.KINDS)
    assert native.Lock is not stock.Lock
    made = scene(stock, Trail())
    for coro in made:
        coro.close()
    for cancels in cancellations(len(made)):
        expected = await run(stock, scene, cancels)
        assert await run(native, scene, cancels) == expected, cancels
