"""Stock locks, queues and their kin, over the loop's own futures."""

from __future__ import annotations

import asyncio

import pytest


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_lock_is_handed_on_in_order(loop):
    lock = asyncio.Lock()
    trail = []

    async def work(name):
        async with lock:
            trail.append(name)
            await turns(2)
            trail.append(name)

    await asyncio.gather(*(work(name) for name in range(5)))
    assert trail == [name for name in range(5) for _ in range(2)]


async def test_a_cancelled_waiter_does_not_lose_the_lock(loop):
    lock = asyncio.Lock()
    await lock.acquire()
    first = loop.create_task(lock.acquire())
    second = loop.create_task(lock.acquire())
    await turns(1)
    lock.release()
    first.cancel()
    assert await second is True
    with pytest.raises(asyncio.CancelledError):
        await first
    lock.release()


async def test_an_event_wakes_all(loop):
    event = asyncio.Event()
    tasks = [loop.create_task(event.wait()) for _ in range(10)]
    await turns(1)
    event.set()
    assert await asyncio.gather(*tasks) == [True] * 10


async def test_a_condition_wakes_as_many_as_asked(loop):
    condition = asyncio.Condition()
    woken = []

    async def work(name):
        async with condition:
            await condition.wait()
            woken.append(name)

    tasks = [loop.create_task(work(name)) for name in range(4)]
    await turns(1)
    async with condition:
        condition.notify(2)
    await turns(5)
    assert woken == [0, 1]
    async with condition:
        condition.notify_all()
    await asyncio.gather(*tasks)
    assert woken == [0, 1, 2, 3]


async def test_a_semaphore_admits_a_number(loop):
    semaphore = asyncio.Semaphore(3)
    inside = most = 0

    async def work():
        nonlocal inside, most
        async with semaphore:
            inside += 1
            most = max(most, inside)
            await turns(3)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(20)))
    assert most == 3


async def test_a_barrier_opens_when_all_are_there(loop):
    barrier = asyncio.Barrier(3)
    assert sorted(await asyncio.gather(*(barrier.wait() for _ in range(3)))) == [0, 1, 2]


@pytest.mark.parametrize("size", [0, 1, 3])
async def test_a_queue_keeps_the_order(loop, size):
    queue = asyncio.Queue(size)

    async def produce():
        for number in range(200):
            await queue.put(number)

    async def consume():
        found = []
        for _ in range(200):
            found.append(await queue.get())
            queue.task_done()
        return found

    _, found = await asyncio.gather(produce(), consume())
    assert found == list(range(200))
    await queue.join()


async def test_a_full_queue_waits_and_a_timeout_ends_it(loop):
    queue = asyncio.Queue(1)
    await queue.put(1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.put(2), 0.001)
    assert queue.qsize() == 1


async def test_nothing_enters_a_queue_before_the_tasks_turn(loop):
    queue = asyncio.Queue()
    tasks = [asyncio.ensure_future(queue.put(number)) for number in range(3)]
    assert queue.qsize() == 0
    await asyncio.sleep(0)
    assert queue.qsize() == 3
    await asyncio.gather(*tasks)


async def test_priority_and_lifo_queues(loop):
    priority, lifo = asyncio.PriorityQueue(), asyncio.LifoQueue()
    for number in (3, 1, 2):
        priority.put_nowait(number)
        lifo.put_nowait(number)
    assert [await priority.get() for _ in range(3)] == [1, 2, 3]
    assert [await lifo.get() for _ in range(3)] == [2, 1, 3]
