"""Stdlib's own C tasks on the loop: what a library gets that calls asyncio.Task itself."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys

import pytest

needs_eager = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
VARIABLE = contextvars.ContextVar("variable", default=0)


async def ended(value):
    return value


async def suspended(value):
    await asyncio.sleep(0)
    return value


def c_task(coroutine, **options):
    return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), **options)


class TestLazy:
    async def test_its_value(self, loop):
        task = c_task(suspended(5))
        assert type(task) is asyncio.Task
        assert await task == 5

    async def test_is_the_current_task_of_its_step_alone(self, loop):
        async def main():
            return asyncio.current_task()

        outer = asyncio.current_task()
        one, other = c_task(main()), loop.create_task(main())
        assert await one is one
        assert await other is other
        assert asyncio.current_task() is outer

    async def test_is_among_all_tasks(self, loop):
        task = c_task(suspended(1))
        ours = loop.create_task(suspended(2))
        assert asyncio.all_tasks() == {task, ours, asyncio.current_task()}
        assert await asyncio.gather(task, ours) == [1, 2]

    async def test_cancelling(self, loop):
        task = c_task(asyncio.sleep(100))
        await asyncio.sleep(0)
        task.cancel("why")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    async def test_waits_for_futures_tasks_and_locks_of_ours(self, loop, names):
        lock, future = asyncio.Lock(), names.Future(loop=loop)

        async def main():
            async with lock:
                return await future, await names.Task(ended("task"), loop=loop)

        tasks = [c_task(main()), loop.create_task(main())]
        loop.call_soon(future.set_result, "future")
        assert await asyncio.gather(*tasks) == [("future", "task")] * 2

    async def test_ours_waits_for_it(self, loop):
        async def main():
            return await c_task(suspended("inner"))

        assert await loop.create_task(main()) == "inner"

    async def test_its_context(self, loop):
        async def main():
            VARIABLE.set(VARIABLE.get() + 1)
            await asyncio.sleep(0)
            return VARIABLE.get()

        VARIABLE.set(1)
        assert await asyncio.gather(c_task(main()), c_task(main())) == [2, 2]
        assert VARIABLE.get() == 1

    async def test_what_it_raises_is_reported(self, loop, reports):
        async def fail():
            raise ValueError("lost")

        task = c_task(fail())
        await asyncio.sleep(0)
        del task
        gc.collect()
        assert [report["message"] for report in reports] == ["Task exception was never retrieved"]
        reports.clear()

    def test_as_the_main_task(self, loop):
        task = asyncio.Task(suspended("main"), loop=loop)
        assert loop.run_until_complete(task) == "main"


@needs_eager
class TestEager:
    async def test_that_ends_at_once(self, loop):
        task = c_task(ended(5), eager_start=True)
        assert task.done()
        assert await task == 5

    async def test_that_waits(self, loop):
        task = c_task(suspended(5), eager_start=True)
        assert not task.done()
        assert await task == 5

    async def test_is_the_current_task_and_leaves_the_former_one(self, loop):
        seen = []

        async def inner():
            seen.append(asyncio.current_task())
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())

        outer = asyncio.current_task()
        task = c_task(inner(), eager_start=True)
        assert asyncio.current_task() is outer
        assert seen == [task]
        await task
        assert seen == [task, task]
        assert asyncio.current_task() is outer

    @pytest.mark.parametrize("depth", range(1, 5))
    async def test_one_inside_another_of_either_kind(self, loop, names, depth):
        makers = [
            lambda coroutine: c_task(coroutine, eager_start=True),
            lambda coroutine: names.Task(coroutine, loop=loop, eager_start=True),
        ]
        seen = []

        async def nested(left):
            current = asyncio.current_task()
            if left:
                inner = makers[left % 2](nested(left - 1))
                assert asyncio.current_task() is current
                await inner
            await asyncio.sleep(0)
            assert asyncio.current_task() is current
            seen.append(left)

        outer = asyncio.current_task()
        tasks = [make(nested(depth)) for make in makers]
        assert asyncio.current_task() is outer
        await asyncio.gather(*tasks)
        assert seen == [left for left in range(depth + 1) for _ in makers]

    async def test_that_raises(self, loop):
        async def fail():
            raise ValueError("at once")

        task = c_task(fail(), eager_start=True)
        assert task.done()
        with pytest.raises(ValueError, match="at once"):
            await task

    async def test_that_cancels_itself(self, loop):
        async def main():
            asyncio.current_task().cancel()
            await asyncio.sleep(0)

        task = c_task(main(), eager_start=True)
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_that_schedules(self, loop):
        seen = []

        async def main():
            loop.call_soon(seen.append, "callback")
            inner = loop.create_task(suspended("task"))
            inner.add_done_callback(lambda task: seen.append(task.result()))
            seen.append("eager")

        await c_task(main(), eager_start=True)
        for _ in range(4):
            await asyncio.sleep(0)
        assert seen == ["eager", "callback", "task"]

    async def test_made_in_a_callback(self, loop):
        done = loop.create_future()

        async def main():
            done.set_result(asyncio.current_task() is not None)

        loop.call_soon(lambda: c_task(main(), eager_start=True))
        assert await done is True

    async def test_in_the_context_of_whoever_makes_it(self, loop):
        async def main():
            VARIABLE.set(VARIABLE.get() + 1)
            return VARIABLE.get()

        VARIABLE.set(10)
        assert await c_task(main(), eager_start=True) == 11
        assert VARIABLE.get() == 10

    async def test_a_group_of_them(self, loop):
        loop.set_task_factory(asyncio.eager_task_factory)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(suspended(number)) for number in range(5)]
        assert [task.result() for task in tasks] == list(range(5))


def test_base_event_loop_is_not_what_ours_is(loop_factory, names):
    loop = loop_factory()
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert isinstance(loop, asyncio.BaseEventLoop) is names.is_stock
    loop.close()
