"""Eager start: the first step runs inside of the constructor."""

from __future__ import annotations

import asyncio
import contextvars
import gc

import pytest
from harness.versions import since

pytestmark = since(3, 12)


@pytest.fixture
def eager(loop, names):
    """Makes a task that starts eagerly, from inside of the running loop."""

    def make(coro, **options):
        return names.Task(coro, loop=loop, eager_start=True, **options)

    return make


async def test_runs_to_the_first_wait_at_once(loop, eager):
    trail = []

    async def work():
        trail.append("begun")
        await asyncio.sleep(0)
        trail.append("ended")

    task = eager(work())
    assert trail == ["begun"]
    assert not task.done()
    await task
    assert trail == ["begun", "ended"]


async def test_without_a_wait_is_done_at_once(loop, eager):
    async def work():
        return "value"

    task = eager(work())
    assert task.done()
    assert task.result() == "value"
    assert await task == "value"


async def test_an_exception_is_kept(loop, eager):
    error = ValueError("wrong")

    async def fail():
        raise error

    task = eager(fail())
    assert task.done()
    assert task.exception() is error
    error.__traceback__ = None


async def test_is_the_current_task_meanwhile_and_the_outer_one_again(loop, eager):
    outer = asyncio.current_task()
    seen = []

    async def work():
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    task = eager(work())
    assert seen == [task]
    assert asyncio.current_task() is outer
    await task
    assert seen == [task, task]
    assert asyncio.current_task() is outer


async def test_nested(loop, eager):
    trail = []

    async def work(depth):
        trail.append((depth, asyncio.current_task().get_name()))
        if depth:
            await eager(work(depth - 1), name=f"eager {depth - 1}")
        trail.append((depth, asyncio.current_task().get_name()))

    task = eager(work(3), name="eager 3")
    assert task.done()
    down = [(depth, f"eager {depth}") for depth in (3, 2, 1, 0)]
    assert trail == down + down[::-1]


async def test_is_among_all_tasks_only_while_unfinished(loop, eager):
    seen = []

    async def work():
        seen.append(asyncio.current_task() in asyncio.all_tasks())
        await asyncio.sleep(0)

    task = eager(work())
    assert seen == [True]
    assert task in asyncio.all_tasks()
    await task
    assert task not in asyncio.all_tasks()


async def test_runs_in_a_copy_of_the_context(loop, eager):
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("outer")

    async def work():
        seen = variable.get()
        variable.set("inner")
        return seen

    task = eager(work())
    assert await task == "outer"
    assert variable.get() == "outer"


async def test_cancel_after_the_first_step(loop, eager):
    trail = []

    async def work():
        try:
            await loop.create_future()
        except asyncio.CancelledError:
            trail.append("cancelled")
            raise

    task = eager(work())
    task.cancel("why")
    with pytest.raises(asyncio.CancelledError, match="^why$"):
        await task
    assert trail == ["cancelled"]


async def test_cancelling_itself_in_the_first_step(loop, eager):
    async def work():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        await eager(work())


async def test_waits_for_a_future(loop, eager):
    future = loop.create_future()

    async def work():
        return await future

    task = eager(work())
    future.set_result("value")
    assert await task == "value"


async def test_done_callbacks_of_a_finished_one_run_in_the_next_turn(loop, eager):
    seen = []

    async def work():
        pass

    task = eager(work())
    task.add_done_callback(seen.append)
    assert seen == []
    await asyncio.sleep(0)
    assert seen == [task]


@pytest.mark.parametrize("kind_of_exit", [KeyboardInterrupt, SystemExit])
def test_an_exit_leaves_through_the_constructor(loop, eager, kind_of_exit, log):
    async def leave():
        raise kind_of_exit("out")

    seen = []

    async def main():
        try:
            eager(leave())
        except kind_of_exit as error:
            seen.append(str(error))
        assert asyncio.current_task() is not None

    loop.run_until_complete(main())
    assert seen == ["out"]
    gc.collect()
    # The constructor raised, so nobody can ask the task.
    assert log.messages()[0].startswith("Task exception was never retrieved\n")


def test_outside_of_the_loop_is_refused_or_deferred_as_in_asyncio(loop, names):
    trail = []

    async def work(name):
        trail.append(name)

    def make(cls, name):
        coro = work(name)
        try:
            task = cls(coro, loop=loop, eager_start=True)
        except RuntimeError as error:
            coro.close()
            return str(error)
        begun = name in trail
        loop.run_until_complete(task)
        return begun

    assert make(names.Task, "ours") == make(asyncio.Task, "stock")


async def test_the_name_is_there_in_the_first_step(loop, eager):
    async def work():
        return asyncio.current_task().get_name()

    assert await eager(work(), name="mine") == "mine"
    assert (await eager(work())).startswith("Task-")


class TestFactory:
    async def test_eager_task_factory_on_the_loop(self, loop):
        loop.set_task_factory(asyncio.eager_task_factory)
        trail = []

        async def work():
            trail.append("begun")
            return "value"

        task = asyncio.create_task(work())
        assert trail == ["begun"]
        assert await task == "value"
        loop.set_task_factory(None)

    async def test_of_our_class(self, loop, names):
        factory = asyncio.create_eager_task_factory(names.Task)
        loop.set_task_factory(factory)

        async def work():
            return type(asyncio.current_task())

        task = asyncio.create_task(work(), name="named")
        assert task.done()
        assert task.get_name() == "named"
        assert await task is names.Task
        loop.set_task_factory(None)

    async def test_stock_tasks_start_eagerly_inside_of_ours(self, loop):
        outer = asyncio.current_task()

        async def work():
            inner = asyncio.current_task()
            await asyncio.sleep(0)
            return inner

        task = asyncio.Task(work(), loop=loop, eager_start=True)
        assert asyncio.current_task() is outer
        assert await task is task
        assert asyncio.current_task() is outer

    async def test_gather_and_groups(self, loop):
        loop.set_task_factory(asyncio.eager_task_factory)

        async def work(number):
            if number % 2:
                await asyncio.sleep(0)
            return number

        assert await asyncio.gather(*(work(n) for n in range(6))) == list(range(6))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work(n)) for n in range(6)]
        assert [task.result() for task in tasks] == list(range(6))
        loop.set_task_factory(None)
