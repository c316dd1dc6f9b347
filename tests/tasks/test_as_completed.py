"""as_completed: stdlib's and the native one, held to the same rules."""

from __future__ import annotations

import asyncio
import sys

import pytest
from harness.outcome import Outcome, outcome, shown
from harness.versions import since, until


async def give(value, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


async def fate(awaitable):
    try:
        return await awaitable
    except Exception as error:
        return Outcome(True, type(error), str(error))


class TestPlainIteration:
    async def test_gives_results_as_they_come(self, loop, aio):
        tasks = [loop.create_task(give(turns, turns)) for turns in (5, 1, 3)]
        assert [await each for each in aio.as_completed(tasks)] == [1, 3, 5]

    async def test_of_nothing(self, loop, aio):
        assert list(aio.as_completed([])) == []
        assert list(aio.as_completed(iter(()), timeout=1)) == []

    async def test_of_what_is_given_twice(self, loop, aio):
        future = loop.create_future()
        future.set_result(1)
        assert [await each for each in aio.as_completed([future, future])] == [1]

    async def test_what_failed_and_what_was_cancelled(self, loop, aio):
        fails, cancelled = loop.create_future(), loop.create_future()
        loop.call_soon(fails.set_exception, ValueError("failed"))
        loop.call_soon(cancelled.cancel)
        first, second = aio.as_completed([fails, cancelled])
        with pytest.raises(ValueError, match="^failed$"):
            await first
        with pytest.raises(asyncio.CancelledError):
            await second

    async def test_the_coroutines_may_be_awaited_in_any_order(self, loop, aio):
        tasks = [loop.create_task(give(turns, turns)) for turns in (1, 2)]
        first, second = aio.as_completed(tasks)
        assert (await second, await first) == (1, 2)

    async def test_several_who_wait_are_woken_in_the_order_of_waiting(self, loop, aio):
        futures = [loop.create_future() for _ in range(3)]
        trail = []

        async def wait(number, coroutine):
            trail.append((number, await coroutine))

        waiting = [
            loop.create_task(wait(number, each))
            for number, each in enumerate(aio.as_completed(futures))
        ]
        await asyncio.sleep(0)
        for value, future in enumerate(reversed(futures)):
            future.set_result(value)
            await give(None, 4)
        await asyncio.gather(*waiting)
        assert trail == [(0, 0), (1, 1), (2, 2)]

    async def test_a_wait_that_is_cancelled_loses_nothing(self, loop, aio):
        future = loop.create_future()
        (each,) = aio.as_completed([future])
        task = loop.create_task(each)
        await asyncio.sleep(0)
        task.cancel("why")
        with pytest.raises(asyncio.CancelledError, match="^why$"):
            await task
        future.set_result(1)
        assert await future == 1

    async def test_what_is_asked_for_again_after_a_cancellation(self, loop, aio):
        async def cancelled(arrivals):
            task = loop.create_task(next(arrivals))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            for coroutine in (following := list(arrivals)):
                coroutine.close()
            return len(following)

        futures = [loop.create_future() for _ in range(2)]
        expected = await cancelled(iter(asyncio.as_completed(futures)))
        assert await cancelled(iter(aio.as_completed(futures))) == expected

    async def test_the_time_is_up(self, loop, aio):
        quick, slow = loop.create_future(), loop.create_future()
        quick.set_result("quick")
        arrivals = aio.as_completed([quick, slow], timeout=0.001)
        first, second = arrivals
        assert await first == "quick"
        with pytest.raises(TimeoutError) as caught:
            await second
        assert caught.value.args == ()
        assert not slow._callbacks
        slow.set_result("too late")

    async def test_no_timer_is_left(self, loop, aio, monkeypatch):
        timers = []
        call_later = loop.call_later

        def remember(*args, **keywords):
            timers.append(call_later(*args, **keywords))
            return timers[-1]

        monkeypatch.setattr(loop, "call_later", remember)
        future = loop.create_future()
        future.set_result(1)
        assert [await each for each in aio.as_completed([future], timeout=3600)] == [1]
        assert [timer.cancelled() for timer in timers] == [True]

    async def test_coroutines_and_other_awaitables(self, loop, aio):
        class Awaitable:
            def __await__(self):
                yield from give("awaitable", 3).__await__()
                return "awaitable"

        given = [give("coroutine", 1), Awaitable()]
        assert [await each for each in aio.as_completed(given)] == ["coroutine", "awaitable"]

    async def test_futures_of_asyncios_own_kinds(self, loop, aio):
        for cls in (asyncio.futures._CFuture, asyncio.futures._PyFuture):
            future = cls(loop=loop)
            loop.call_soon(future.set_result, cls)
            assert [await each for each in aio.as_completed([future])] == [cls]

    @pytest.mark.parametrize("given", [1, None, [1], [[]], "ab"], ids=shown)
    async def test_of_what_cannot_be_awaited(self, loop, aio, given):
        expected = outcome(lambda: list(asyncio.as_completed(given)))
        assert expected.cls is TypeError
        assert outcome(lambda: list(aio.as_completed(given))) == expected

    async def test_of_one_awaitable(self, loop, aio):
        coroutine = give(1)
        for one in (loop.create_future(), coroutine):
            expected = outcome(lambda one=one: list(asyncio.as_completed(one)))
            assert expected.cls is TypeError
            assert outcome(lambda one=one: list(aio.as_completed(one))) == expected
        coroutine.close()

    @until(3, 13)
    async def test_nothing_happens_before_it_is_asked(self, loop, aio):
        aio.as_completed(1)
        future = loop.create_future()
        arrivals = aio.as_completed([future])
        assert not future._callbacks
        next(arrivals).close()
        assert len(future._callbacks) == 1

    @since(3, 13)
    async def test_begins_at_once(self, loop, aio):
        future = loop.create_future()
        arrivals = aio.as_completed([future])
        assert len(future._callbacks) == 1
        assert iter(arrivals) is arrivals


@since(3, 13)
class TestAsynchronousIteration:
    async def test_gives_the_futures_themselves(self, loop, aio):
        tasks = {turns: loop.create_task(give(turns, turns)) for turns in (5, 1, 3)}
        assert [task async for task in aio.as_completed(tasks.values())] == [
            tasks[1],
            tasks[3],
            tasks[5],
        ]

    async def test_makes_tasks_of_coroutines(self, loop, aio):
        tasks = [task async for task in aio.as_completed([give(1), give(2, 3)])]
        assert [task.result() for task in tasks] == [1, 2]
        assert all(isinstance(task, asyncio.Task) for task in tasks)

    async def test_what_failed_is_given_like_any_other(self, loop, aio):
        future = loop.create_future()
        future.set_exception(ValueError("failed"))
        (found,) = [each async for each in aio.as_completed([future])]
        assert found is future
        assert isinstance(found.exception(), ValueError)

    async def test_the_time_is_up(self, loop, aio):
        future = loop.create_future()
        with pytest.raises(TimeoutError):
            async for _ in aio.as_completed([future], timeout=0.001):
                pytest.fail("nothing is done")
        assert not future._callbacks

    async def test_its_end_is_seen_when_awaited(self, loop, aio):
        arrivals = aio.as_completed([])
        assert aiter(arrivals) is arrivals
        end = anext(arrivals)
        with pytest.raises(StopAsyncIteration):
            await end

    async def test_both_ways_share_what_is_left(self, loop, aio):
        futures = [loop.create_future() for _ in range(3)]
        for number, future in enumerate(futures):
            future.set_result(number)
            await asyncio.sleep(0)
        arrivals = aio.as_completed(futures)
        found = [(await anext(arrivals)).result(), await next(arrivals)]
        found += [task.result() async for task in arrivals]
        assert sorted(found) == [0, 1, 2]
        with pytest.raises(StopIteration):
            next(arrivals)


@since(3, 14)
def test_without_a_running_loop(aio):
    with pytest.raises(RuntimeError):
        aio.as_completed([])


async def test_names_what_it_gives(loop, aio):
    future = loop.create_future()
    (each,) = aio.as_completed([future])
    assert asyncio.iscoroutine(each)
    owner = "_AsCompletedIterator" if sys.version_info >= (3, 13) else "as_completed.<locals>"
    assert each.__qualname__ == f"{owner}._wait_for_one"
    each.close()
