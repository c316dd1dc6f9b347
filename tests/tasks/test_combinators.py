"""Stock asyncio's ways of waiting, over the loop's own tasks and futures."""

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
    async def test_gives_results_in_order_of_asking(self, loop):
        assert await asyncio.gather(give(1, 5), give(2, 1), give(3, 3)) == [1, 2, 3]

    async def test_of_nothing(self, loop):
        assert await asyncio.gather() == []

    async def test_of_futures_tasks_and_coroutines(self, loop):
        future = loop.create_future()
        loop.call_soon(future.set_result, "future")
        assert await asyncio.gather(future, loop.create_task(give("task")), give("coro")) == [
            "future",
            "task",
            "coro",
        ]

    async def test_the_first_exception_comes_out_and_the_others_go_on(self, loop):
        trail = []

        async def slow():
            await give(None, 5)
            trail.append("ended")

        task = loop.create_task(slow())
        with pytest.raises(ValueError, match="^first$"):
            await asyncio.gather(task, fail(ValueError("first"), 1), fail(KeyError("second"), 2))
        assert trail == []
        await task
        assert trail == ["ended"]

    async def test_exceptions_may_be_results(self, loop):
        error = ValueError("kept")
        found = await asyncio.gather(give(1), fail(error), return_exceptions=True)
        assert found == [1, error]
        error.__traceback__ = None

    async def test_cancelling_it_cancels_the_children(self, loop):
        trail = []
        outer = asyncio.gather(*(for_ever(trail, n) for n in range(3)))
        await asyncio.sleep(0)
        outer.cancel("why")
        with pytest.raises(asyncio.CancelledError):
            await outer
        assert trail == [0, 1, 2]

    async def test_the_same_one_twice(self, loop):
        task = loop.create_task(give("same"))
        assert await asyncio.gather(task, task) == ["same", "same"]

    async def test_of_many(self, loop):
        assert await asyncio.gather(*(give(n) for n in range(2000))) == list(range(2000))


class TestWait:
    async def test_for_all(self, loop):
        tasks = [loop.create_task(give(n, n)) for n in range(1, 4)]
        done, pending = await asyncio.wait(tasks)
        assert (done, pending) == (set(tasks), set())

    async def test_for_the_first(self, loop):
        quick, slow = loop.create_task(give(1)), loop.create_task(for_ever())
        done, pending = await asyncio.wait([quick, slow], return_when=asyncio.FIRST_COMPLETED)
        assert (done, pending) == ({quick}, {slow})
        slow.cancel()
        await asyncio.wait([slow])

    async def test_for_the_first_exception(self, loop):
        good = loop.create_task(give(1))
        bad = loop.create_task(fail(ValueError(), 3))
        slow = loop.create_task(for_ever())
        done, pending = await asyncio.wait([good, bad, slow], return_when=asyncio.FIRST_EXCEPTION)
        assert (done, pending) == ({good, bad}, {slow})
        assert isinstance(bad.exception(), ValueError)
        slow.cancel()
        await asyncio.wait([slow])

    async def test_times_out_without_cancelling(self, loop):
        slow = loop.create_task(for_ever())
        done, pending = await asyncio.wait([slow], timeout=0.001)
        assert (done, pending) == (set(), {slow})
        assert not slow.done()
        slow.cancel()
        await asyncio.wait([slow])

    async def test_takes_plain_futures(self, loop):
        future = loop.create_future()
        loop.call_soon(future.set_result, 1)
        done, _ = await asyncio.wait([future])
        assert done == {future}


class TestWaitFor:
    async def test_in_time(self, loop):
        assert await asyncio.wait_for(give("value"), 10) == "value"

    async def test_without_a_limit(self, loop):
        assert await asyncio.wait_for(give("value"), None) == "value"

    async def test_too_late_cancels(self, loop):
        trail = []
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(for_ever(trail, "cancelled"), 0.001)
        assert trail == ["cancelled"]

    @pytest.mark.parametrize("timeout", [0, -1])
    async def test_no_time_at_all(self, loop, timeout):
        task = loop.create_task(for_ever())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(task, timeout)
        assert task.cancelled()

    async def test_something_done_wins_over_no_time(self, loop):
        future = loop.create_future()
        future.set_result("there")
        assert await asyncio.wait_for(future, 0) == "there"

    async def test_raises_what_the_task_raises(self, loop):
        with pytest.raises(KeyError, match="inner"):
            await asyncio.wait_for(fail(KeyError("inner")), 10)

    async def test_cancelling_it_cancels_the_inner(self, loop):
        trail = []
        task = loop.create_task(asyncio.wait_for(for_ever(trail, "inner"), 10))
        await give(None, 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert trail == ["inner"]


class TestTimeout:
    async def test_in_time(self, loop):
        async with asyncio.timeout(10) as limit:
            await give(None)
        assert not limit.expired()

    async def test_too_late(self, loop):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001) as limit:
                await for_ever()
        assert limit.expired()
        assert asyncio.current_task().cancelling() == 0

    async def test_at_a_time(self, loop):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout_at(loop.time() + 0.001):
                await for_ever()

    async def test_in_the_past(self, loop):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout_at(loop.time() - 1):
                await for_ever()

    async def test_nested_the_outer_first(self, loop):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                async with asyncio.timeout(10) as inner:
                    await for_ever()
        assert not inner.expired()

    async def test_nested_the_inner_first(self, loop):
        async with asyncio.timeout(10) as outer:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await for_ever()
        assert not outer.expired()

    async def test_can_be_put_off(self, loop):
        async with asyncio.timeout(0.001) as limit:
            limit.reschedule(loop.time() + 10)
            await asyncio.sleep(0.005)
        assert not limit.expired()

    async def test_a_cancellation_from_outside_stays_one(self, loop):
        async def work():
            async with asyncio.timeout(10):
                await for_ever()

        task = loop.create_task(work())
        await asyncio.sleep(0)
        task.cancel("outside")
        with pytest.raises(asyncio.CancelledError, match="^outside$"):
            await task


class TestShield:
    async def test_gives_the_result(self, loop):
        assert await asyncio.shield(give("value")) == "value"

    async def test_keeps_the_inner_from_cancellation(self, loop):
        inner = loop.create_task(give("survived", 5))

        async def outer():
            await asyncio.shield(inner)

        task = loop.create_task(outer())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await inner == "survived"

    async def test_an_inner_cancellation_comes_out(self, loop):
        inner = loop.create_task(for_ever())
        outer = asyncio.shield(inner)
        await asyncio.sleep(0)
        inner.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer

    async def test_an_exception_after_the_outer_was_cancelled_is_reported(self, loop, reports):
        inner = loop.create_task(fail(ValueError("unseen"), 3))
        outer = asyncio.shield(inner)
        await asyncio.sleep(0)
        outer.cancel()
        await asyncio.wait([inner])
        await asyncio.sleep(0)
        del inner, outer
        import gc

        gc.collect()
        assert [str(report["exception"]) for report in reports] == ["unseen"]


class TestAsCompleted:
    async def test_in_order_of_ending(self, loop):
        found = [await each for each in asyncio.as_completed([give(3, 6), give(1, 2), give(2, 4)])]
        assert found == [1, 2, 3]

    async def test_times_out(self, loop):
        task = loop.create_task(for_ever())
        with pytest.raises(TimeoutError):
            for each in asyncio.as_completed([task], timeout=0.001):
                await each
        task.cancel()
        await asyncio.wait([task])

    @since(3, 13)
    async def test_as_an_asynchronous_iterator_gives_the_tasks(self, loop):
        tasks = [loop.create_task(give(n, 4 - n)) for n in range(3)]
        found = [task async for task in asyncio.as_completed(tasks)]
        assert found == tasks[::-1]


class TestTaskGroup:
    async def test_waits_for_all(self, loop):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(give(n, n)) for n in range(4)]
        assert [task.result() for task in tasks] == [0, 1, 2, 3]

    async def test_an_error_cancels_the_others(self, loop):
        trail = []
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                group.create_task(for_ever(trail, "other"))
                group.create_task(fail(ValueError("one")))
        assert [str(error) for error in caught.value.exceptions] == ["one"]
        assert trail == ["other"]

    async def test_an_error_in_the_body_cancels_all(self, loop):
        trail = []
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(for_ever(trail, "child"))
                await asyncio.sleep(0)
                raise KeyError
        assert trail == ["child"]

    async def test_cancelled_from_outside(self, loop):
        trail = []

        async def work():
            async with asyncio.TaskGroup() as group:
                group.create_task(for_ever(trail, 1))
                group.create_task(for_ever(trail, 2))

        task = loop.create_task(work())
        await give(None, 2)
        task.cancel("outside")
        with pytest.raises(asyncio.CancelledError, match="^outside$"):
            await task
        assert sorted(trail) == [1, 2]

    async def test_nested(self, loop):
        async def inner():
            async with asyncio.TaskGroup() as group:
                group.create_task(fail(ValueError("deep")))
                group.create_task(for_ever())

        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                group.create_task(inner())
                group.create_task(for_ever())
        (nested,) = caught.value.exceptions
        assert [str(error) for error in nested.exceptions] == ["deep"]

    async def test_names_and_contexts_are_passed(self, loop):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(give(1), name="named")
        assert task.get_name() == "named"


class TestEnsureFuture:
    async def test_makes_a_task_of_a_coroutine(self, loop, names):
        task = asyncio.ensure_future(give("value"))
        assert type(task) is names.Task
        assert await task == "value"

    async def test_gives_a_future_back(self, loop):
        future = loop.create_future()
        assert asyncio.ensure_future(future) is future

    async def test_refuses_a_future_of_another_loop(self, loop, loop_factory):
        other = loop_factory()
        future = other.create_future()
        with pytest.raises(ValueError, match="belongs to a different loop"):
            await asyncio.ensure_future(future, loop=loop)
        other.close()
