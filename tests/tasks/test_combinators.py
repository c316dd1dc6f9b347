"""The ways of waiting, stdlib's and the native ones, over the loop's own tasks and futures."""

from __future__ import annotations

import asyncio

import pytest
from harness.versions import since


async def give(value, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


async def fail(error, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    raise error


async def for_ever(trail=None, name=None):
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        if trail is not None:
            trail.append(name)
        raise


class TestGather:
    async def test_gives_results_in_order_of_asking(self, loop, aio):
        assert await aio.gather(give(1, 5), give(2, 1), give(3, 3)) == [1, 2, 3]

    async def test_of_nothing(self, loop, aio):
        assert await aio.gather() == []

    async def test_of_futures_tasks_and_coroutines(self, loop, aio):
        future = loop.create_future()
        loop.call_soon(future.set_result, "future")
        assert await aio.gather(future, loop.create_task(give("task")), give("coro")) == [
            "future",
            "task",
            "coro",
        ]

    async def test_the_first_exception_comes_out_and_the_others_go_on(self, loop, aio):
        trail = []

        async def slow():
            await give(None, 5)
            trail.append("ended")

        task = loop.create_task(slow())
        with pytest.raises(ValueError, match="^first$"):
            await aio.gather(task, fail(ValueError("first"), 1), fail(KeyError("second"), 2))
        assert trail == []
        await task
        assert trail == ["ended"]

    async def test_exceptions_may_be_results(self, loop, aio):
        error = ValueError("kept")
        found = await aio.gather(give(1), fail(error), return_exceptions=True)
        assert found == [1, error]
        error.__traceback__ = None

    async def test_cancelling_it_cancels_the_children(self, loop, aio):
        trail = []
        outer = aio.gather(*(for_ever(trail, n) for n in range(3)))
        await aio.sleep(0)
        outer.cancel("why")
        with pytest.raises(asyncio.CancelledError):
            await outer
        assert trail == [0, 1, 2]

    async def test_the_same_one_twice(self, loop, aio):
        task = loop.create_task(give("same"))
        assert await aio.gather(task, task) == ["same", "same"]

    async def test_of_many(self, loop, aio):
        assert await aio.gather(*(give(n) for n in range(2000))) == list(range(2000))


class TestWait:
    async def test_for_all(self, loop, aio):
        tasks = [loop.create_task(give(n, n)) for n in range(1, 4)]
        done, pending = await aio.wait(tasks)
        assert (done, pending) == (set(tasks), set())

    async def test_for_the_first(self, loop, aio):
        quick, slow = loop.create_task(give(1)), loop.create_task(for_ever())
        done, pending = await aio.wait([quick, slow], return_when=asyncio.FIRST_COMPLETED)
        assert (done, pending) == ({quick}, {slow})
        slow.cancel()
        await aio.wait([slow])

    async def test_for_the_first_exception(self, loop, aio):
        good = loop.create_task(give(1))
        bad = loop.create_task(fail(ValueError(), 3))
        slow = loop.create_task(for_ever())
        done, pending = await aio.wait([good, bad, slow], return_when=asyncio.FIRST_EXCEPTION)
        assert (done, pending) == ({good, bad}, {slow})
        assert isinstance(bad.exception(), ValueError)
        slow.cancel()
        await aio.wait([slow])

    async def test_times_out_without_cancelling(self, loop, aio):
        slow = loop.create_task(for_ever())
        done, pending = await aio.wait([slow], timeout=0.001)
        assert (done, pending) == (set(), {slow})
        assert not slow.done()
        slow.cancel()
        await aio.wait([slow])

    async def test_takes_plain_futures(self, loop, aio):
        future = loop.create_future()
        loop.call_soon(future.set_result, 1)
        done, _ = await aio.wait([future])
        assert done == {future}


class TestWaitFor:
    async def test_in_time(self, loop, aio):
        assert await aio.wait_for(give("value"), 10) == "value"

    async def test_without_a_limit(self, loop, aio):
        assert await aio.wait_for(give("value"), None) == "value"

    async def test_too_late_cancels(self, loop, aio):
        trail = []
        with pytest.raises(TimeoutError):
            await aio.wait_for(for_ever(trail, "cancelled"), 0.001)
        assert trail == ["cancelled"]

    @pytest.mark.parametrize("timeout", [0, -1])
    async def test_no_time_at_all(self, loop, aio, timeout):
        task = loop.create_task(for_ever())
        with pytest.raises(TimeoutError):
            await aio.wait_for(task, timeout)
        assert task.cancelled()

    async def test_something_done_wins_over_no_time(self, loop, aio):
        future = loop.create_future()
        future.set_result("there")
        assert await aio.wait_for(future, 0) == "there"

    async def test_raises_what_the_task_raises(self, loop, aio):
        with pytest.raises(KeyError, match="inner"):
            await aio.wait_for(fail(KeyError("inner")), 10)

    async def test_cancelling_it_cancels_the_inner(self, loop, aio):
        trail = []
        task = loop.create_task(aio.wait_for(for_ever(trail, "inner"), 10))
        await give(None, 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert trail == ["inner"]


class TestTimeout:
    async def test_in_time(self, loop, aio):
        async with aio.timeout(10) as limit:
            await give(None)
        assert not limit.expired()

    async def test_too_late(self, loop, aio):
        with pytest.raises(TimeoutError):
            async with aio.timeout(0.001) as limit:
                await for_ever()
        assert limit.expired()
        assert aio.current_task().cancelling() == 0

    async def test_at_a_time(self, loop, aio):
        with pytest.raises(TimeoutError):
            async with aio.timeout_at(loop.time() + 0.001):
                await for_ever()

    async def test_in_the_past(self, loop, aio):
        with pytest.raises(TimeoutError):
            async with aio.timeout_at(loop.time() - 1):
                await for_ever()

    async def test_nested_the_outer_first(self, loop, aio):
        with pytest.raises(TimeoutError):
            async with aio.timeout(0.001), aio.timeout(10) as inner:
                await for_ever()
        assert not inner.expired()

    async def test_nested_the_inner_first(self, loop, aio):
        async with aio.timeout(10) as outer:
            with pytest.raises(TimeoutError):
                async with aio.timeout(0.001):
                    await for_ever()
        assert not outer.expired()

    async def test_can_be_put_off(self, loop, aio):
        async with aio.timeout(0.001) as limit:
            limit.reschedule(loop.time() + 10)
            await aio.sleep(0.005)
        assert not limit.expired()

    async def test_a_cancellation_from_outside_stays_one(self, loop, aio):
        async def work():
            async with aio.timeout(10):
                await for_ever()

        task = loop.create_task(work())
        await aio.sleep(0)
        task.cancel("outside")
        with pytest.raises(asyncio.CancelledError, match="^outside$"):
            await task


class TestShield:
    async def test_gives_the_result(self, loop, aio):
        assert await aio.shield(give("value")) == "value"

    async def test_keeps_the_inner_from_cancellation(self, loop, aio):
        inner = loop.create_task(give("survived", 5))

        async def outer():
            await aio.shield(inner)

        task = loop.create_task(outer())
        await aio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await inner == "survived"

    async def test_an_inner_cancellation_comes_out(self, loop, aio):
        inner = loop.create_task(for_ever())
        outer = aio.shield(inner)
        await aio.sleep(0)
        inner.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer

    async def test_an_exception_after_the_outer_was_cancelled_is_reported(self, loop, aio, reports):
        inner = loop.create_task(fail(ValueError("unseen"), 3))
        outer = aio.shield(inner)
        await aio.sleep(0)
        outer.cancel()
        await aio.wait([inner])
        await aio.sleep(0)
        del inner, outer
        import gc

        gc.collect()
        assert [str(report["exception"]) for report in reports] == ["unseen"]


class TestAsCompleted:
    async def test_in_order_of_ending(self, loop, aio):
        found = [await each for each in aio.as_completed([give(3, 6), give(1, 2), give(2, 4)])]
        assert found == [1, 2, 3]

    async def test_times_out(self, loop, aio):
        task = loop.create_task(for_ever())
        with pytest.raises(TimeoutError):
            for each in aio.as_completed([task], timeout=0.001):
                await each
        task.cancel()
        await aio.wait([task])

    @since(3, 13)
    async def test_as_an_asynchronous_iterator_gives_the_tasks(self, loop, aio):
        tasks = [loop.create_task(give(n, 4 - n)) for n in range(3)]
        found = [task async for task in aio.as_completed(tasks)]
        assert found == tasks[::-1]


class TestTaskGroup:
    async def test_waits_for_all(self, loop, aio):
        async with aio.TaskGroup() as group:
            tasks = [group.create_task(give(n, n)) for n in range(4)]
        assert [task.result() for task in tasks] == [0, 1, 2, 3]

    async def test_an_error_cancels_the_others(self, loop, aio):
        trail = []
        with pytest.raises(ExceptionGroup) as caught:
            async with aio.TaskGroup() as group:
                group.create_task(for_ever(trail, "other"))
                group.create_task(fail(ValueError("one")))
        assert [str(error) for error in caught.value.exceptions] == ["one"]
        assert trail == ["other"]

    async def test_an_error_in_the_body_cancels_all(self, loop, aio):
        trail = []
        with pytest.raises(ExceptionGroup):
            async with aio.TaskGroup() as group:
                group.create_task(for_ever(trail, "child"))
                await aio.sleep(0)
                raise KeyError
        assert trail == ["child"]

    async def test_cancelled_from_outside(self, loop, aio):
        trail = []

        async def work():
            async with aio.TaskGroup() as group:
                group.create_task(for_ever(trail, 1))
                group.create_task(for_ever(trail, 2))

        task = loop.create_task(work())
        await give(None, 2)
        task.cancel("outside")
        with pytest.raises(asyncio.CancelledError, match="^outside$"):
            await task
        assert sorted(trail) == [1, 2]

    async def test_nested(self, loop, aio):
        async def inner():
            async with aio.TaskGroup() as group:
                group.create_task(fail(ValueError("deep")))
                group.create_task(for_ever())

        with pytest.raises(ExceptionGroup) as caught:
            async with aio.TaskGroup() as group:
                group.create_task(inner())
                group.create_task(for_ever())
        (nested,) = caught.value.exceptions
        assert [str(error) for error in nested.exceptions] == ["deep"]

    async def test_names_and_contexts_are_passed(self, loop, aio):
        async with aio.TaskGroup() as group:
            task = group.create_task(give(1), name="named")
        assert task.get_name() == "named"


class TestEnsureFuture:
    async def test_makes_a_task_of_a_coroutine(self, loop, aio, names):
        task = aio.ensure_future(give("value"))
        assert type(task) is names.Task
        assert await task == "value"

    async def test_gives_a_future_back(self, loop, aio):
        future = loop.create_future()
        assert aio.ensure_future(future) is future

    async def test_refuses_a_future_of_another_loop(self, loop, aio, loop_factory):
        other = loop_factory()
        future = other.create_future()
        with pytest.raises(ValueError, match="belongs to a different loop"):
            await aio.ensure_future(future, loop=loop)
        other.close()
