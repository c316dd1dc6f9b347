"""wait and create_task: stdlib's and the native ones, held to the same rules."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import warnings

import pytest
from harness.outcome import Outcome, shown
from harness.versions import until


@pytest.fixture(params=["created", "stock", "stock Python"])
def make_future(request, loop):
    """Makes futures of the loop, of its own kind and of both of asyncio's."""
    if request.param == "created":
        return loop.create_future
    if request.param == "stock":
        return lambda: asyncio.futures._CFuture(loop=loop)
    return lambda: asyncio.futures._PyFuture(loop=loop)


async def fate(awaitable):
    try:
        return await awaitable
    except Exception as error:
        return Outcome(True, type(error), str(error))


class TestWait:
    async def test_sorts_in_two_sets(self, loop, aio, make_future):
        done, pending = make_future(), make_future()
        done.set_result(1)
        found = await aio.wait([done, pending], return_when=aio.FIRST_COMPLETED)
        assert found == ({done}, {pending})
        assert type(found) is tuple and {type(each) for each in found} == {set}

    async def test_what_fails_ends_a_wait_for_the_first_exception(self, loop, aio, make_future):
        fails, cancelled, pending = make_future(), make_future(), make_future()
        cancelled.cancel()
        task = loop.create_task(
            aio.wait([fails, cancelled, pending], return_when=aio.FIRST_EXCEPTION)
        )
        for _ in range(3):
            await asyncio.sleep(0)
        assert not task.done()
        fails.set_exception(ValueError("seen"))
        assert await task == ({fails, cancelled}, {pending})
        assert not fails._log_traceback

    async def test_the_last_to_end_ends_it_whatever_it_waits_for(self, loop, aio, make_future):
        for until_when in (aio.FIRST_EXCEPTION, aio.ALL_COMPLETED):
            futures = {make_future(), make_future()}
            for future in futures:
                loop.call_soon(future.set_result, None)
            assert await aio.wait(futures, return_when=until_when) == (futures, set())

    async def test_takes_two_turns_for_what_is_done(self, loop, aio):
        future = loop.create_future()
        future.set_result(1)
        trail = []
        task = loop.create_task(aio.wait([future]))
        task.add_done_callback(lambda _: trail.append("over"))
        for number in range(5):
            trail.append(number)
            await asyncio.sleep(0)
        assert trail == [0, 1, 2, 3, "over", 4]

    async def test_nothing_is_left_on_the_futures(self, loop, aio, make_future):
        futures = [make_future() for _ in range(3)]
        task = loop.create_task(aio.wait(futures))
        await asyncio.sleep(0)
        assert all("_on_completion" in repr(future) for future in futures)
        task.cancel("why")
        with pytest.raises(asyncio.CancelledError, match="^why$"):
            await task
        assert not any(future._callbacks for future in futures)

    async def test_the_time_is_up(self, loop, aio, make_future):
        future = make_future()
        assert await aio.wait([future], timeout=0.001) == (set(), {future})
        assert await aio.wait([future], timeout=0) == (set(), {future})
        assert not future._callbacks

    async def test_the_timer_is_cancelled(self, loop, aio, monkeypatch):
        timers = []
        call_later = loop.call_later

        def remember(*args, **keywords):
            timers.append(call_later(*args, **keywords))
            return timers[-1]

        monkeypatch.setattr(loop, "call_later", remember)
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        await aio.wait([future], timeout=3600)
        (timer,) = timers
        assert timer.cancelled()

    async def test_takes_any_iterable(self, loop, aio):
        future = loop.create_future()
        future.set_result(1)
        for given in ((future,), {future: 1}, iter([future, future]), frozenset([future])):
            assert await aio.wait(given) == ({future}, set())

    @pytest.mark.parametrize(
        "given", [1, None, "x", [1], [[]], [None], (), [], {}, set()], ids=shown
    )
    async def test_of_what_are_no_futures(self, loop, aio, given):
        assert await fate(aio.wait(given)) == await fate(asyncio.wait(given))

    async def test_of_one_future_or_coroutine(self, loop, aio):
        async def coroutine():
            pass

        for one in (loop.create_future(), coroutine()):
            expected = await fate(asyncio.wait(one))
            assert expected.cls is TypeError
            assert await fate(aio.wait(one)) == expected
            for several in ([one], [loop.create_future(), one]):
                if not asyncio.isfuture(one):
                    assert await fate(aio.wait(several)) == await fate(asyncio.wait(several))
            if not asyncio.isfuture(one):
                one.close()

    @pytest.mark.parametrize("when", [None, 1, "first", "FIRST_COMPLETED "], ids=shown)
    async def test_for_what_there_is_no_name_for(self, loop, aio, when):
        future = loop.create_future()
        expected = await fate(asyncio.wait([future], return_when=when))
        assert expected.cls is ValueError
        assert await fate(aio.wait([future], return_when=when)) == expected

    def test_without_a_loop(self, loop, aio):
        waiting = aio.wait([loop.create_future()])
        with pytest.raises(RuntimeError, match="^no running event loop$"):
            waiting.send(None)

    async def test_a_subclass_that_reports_in_its_own_way(self, loop, aio, names):
        trail = []

        class Future(names.Future):
            def add_done_callback(self, function, *, context=None):
                trail.append("added")
                super().add_done_callback(function, context=context)

            def remove_done_callback(self, function):
                trail.append("removed")
                return super().remove_done_callback(function)

        future = Future(loop=loop)
        loop.call_soon(future.set_result, 1)
        assert await aio.wait([future]) == ({future}, set())
        assert trail == ["added", "removed"]


class TestCreateTask:
    async def test_begins_soon(self, loop, aio, names):
        trail = []

        async def work():
            trail.append("work")
            return 1

        task = aio.create_task(work())
        trail.append("made")
        assert type(task) is names.Task
        assert await task == 1
        assert trail == ["made", "work"]

    async def test_name_and_context(self, loop, aio):
        variable = contextvars.ContextVar("variable", default="none")
        context = contextvars.copy_context()
        context.run(variable.set, "theirs")

        async def work():
            return variable.get()

        assert aio.create_task(work(), name="mine").get_name() == "mine"
        assert await aio.create_task(work(), context=context) == "theirs"
        assert await aio.create_task(work(), name=None, context=None) == "none"

    async def test_the_loop_gets_what_asyncio_gives_it(self, loop, aio, monkeypatch):
        calls = []

        class Task:
            def set_name(self, name):
                calls.append(name)

        def create_task(*args, **keywords):
            calls.append((args, keywords))
            return Task()

        monkeypatch.setattr(loop, "create_task", create_task)

        def seen(function):
            calls.clear()
            for keywords in ({}, {"name": "n"}, {"context": 1}, {"name": None, "context": None}):
                function("coro", **keywords)
            if sys.version_info >= (3, 14):
                function("coro", eager_start=True, other=2)
            return list(calls)

        assert seen(aio.create_task) == seen(asyncio.create_task)

    async def test_a_task_factory(self, loop, aio):
        made = []

        def factory(loop, coro, **keywords):
            made.append(keywords)
            return asyncio.Task(coro, loop=loop)

        loop.set_task_factory(factory)
        await aio.create_task(asyncio.sleep(0))
        await asyncio.create_task(asyncio.sleep(0))
        loop.set_task_factory(None)
        assert made[0] == made[1]

    @until(3, 13)
    async def test_warns_of_a_task_that_takes_no_name(self, loop, aio, monkeypatch):
        monkeypatch.setattr(loop, "create_task", lambda coro: object())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for create_task in (asyncio.create_task, aio.create_task):
                create_task("coro", name="n")
        stock, ours = caught
        assert (ours.category, str(ours.message)) == (stock.category, str(stock.message))

    async def test_of_what_is_no_coroutine(self, loop, aio):
        with pytest.raises(TypeError, match="^a coroutine was expected, got 1$"):
            aio.create_task(1)

    def test_without_a_loop(self, aio):
        coroutine = asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="^no running event loop$"):
            aio.create_task(coroutine)
        coroutine.close()
