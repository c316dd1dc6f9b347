"""gather: stdlib's and the native one, held to the same rules on each loop."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from harness.outcome import normalized, outcome, shown
from harness.versions import since


async def give(value, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


async def fail(error, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    raise error


async def for_ever():
    await asyncio.get_running_loop().create_future()


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


class Awaitable:
    def __await__(self):
        yield
        return "awaited"


@pytest.fixture(params=["the loop's", "C", "Python", "subclass"])
def make_future(request, loop, names):
    """Futures of each kind that gather can meet."""
    if request.param == "the loop's":
        return loop.create_future
    if request.param == "C":
        return lambda: asyncio.futures._CFuture(loop=loop)
    if request.param == "Python":
        return lambda: asyncio.futures._PyFuture(loop=loop)

    class Own(names.Future):
        def exception(self):
            self.asked = True
            return super().exception()

    return lambda: Own(loop=loop)


class TestArguments:
    async def test_all_that_can_be_awaited(self, loop, aio):
        future = loop.create_future()
        future.set_result("future")
        task = loop.create_task(give("task"))
        found = await aio.gather(future, task, give("coroutine"), Awaitable(), future)
        assert found == ["future", "task", "coroutine", "awaited", "future"]

    async def test_the_same_coroutine_twice_is_one_child(self, loop, aio):
        coroutine = give("same")
        outer = aio.gather(coroutine, coroutine)
        assert outer._children[0] is outer._children[1]
        assert await outer == ["same", "same"]

    @pytest.mark.parametrize("value", [1, None, "text", object(), [], print], ids=shown)
    async def test_what_cannot_be_awaited(self, loop, aio, value):
        assert outcome(lambda: aio.gather(value)) == outcome(lambda: asyncio.gather(value))

    @pytest.mark.parametrize(
        "call",
        [
            lambda gather: gather(loop=None),
            lambda gather: gather(return_exceptions=False, other=1),
            lambda gather: gather(coros_or_futures=()),
        ],
    )
    async def test_wrong_keywords(self, loop, aio, call):
        assert outcome(lambda: call(aio.gather)) == outcome(lambda: call(asyncio.gather))

    async def test_a_bad_argument_leaves_the_tasks_made_before_it(self, loop, aio, reports):
        with pytest.raises(TypeError):
            aio.gather(fail(ValueError("nobody asks")), object())
        await turns(3)
        gc.collect()
        assert reports == []

    async def test_futures_of_two_loops(self, loop, loop_factory, aio):
        other = loop_factory()
        with pytest.raises(ValueError, match="belongs to a different loop"):
            aio.gather(loop.create_future(), other.create_future())
        other.close()

    def test_futures_without_a_running_loop(self, loop, aio):
        future = loop.create_future()
        outer = aio.gather(future)
        assert outer.get_loop() is loop
        loop.call_soon(future.set_result, 1)
        assert loop.run_until_complete(outer) == [1]

    def test_coroutines_without_a_running_loop(self, loop, aio):
        coroutine = give(1)

        def call():
            asyncio.set_event_loop(None)
            return aio.gather(coroutine)

        with pytest.raises(RuntimeError):
            call()
        coroutine.close()

    def test_coroutines_on_a_closed_loop(self, loop, aio):
        coroutine = give(1)
        future = loop.create_future()
        loop.close()
        with pytest.raises(RuntimeError, match="^Event loop is closed$"):
            aio.gather(future, coroutine)
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            coroutine.send(None)

    async def test_is_a_done_future_when_there_is_nothing_to_wait_for(self, loop, aio):
        outer = aio.gather()
        assert outer.done()
        assert outer.result() == []


class TestResults:
    async def test_in_the_order_of_the_arguments(self, loop, aio, make_future):
        futures = [make_future() for _ in range(4)]
        outer = aio.gather(*futures)
        for index in (2, 0, 3, 1):
            assert not outer.done()
            futures[index].set_result(index)
            await turns(2)
        assert outer.result() == [0, 1, 2, 3]

    async def test_the_first_exception_is_raised_in_the_turn_after(self, loop, aio, make_future):
        first, second, never = make_future(), make_future(), make_future()
        outer = aio.gather(never, first, second)
        error = ValueError("first")
        first.set_exception(error)
        second.set_exception(KeyError("second"))
        assert not outer.done()
        await turns(1)
        assert outer.exception() is error
        never.cancel()

    async def test_exceptions_as_results(self, loop, aio, make_future):
        futures = [make_future() for _ in range(3)]
        outer = aio.gather(*futures, return_exceptions=1)
        error = ValueError("kept")
        futures[0].set_exception(error)
        futures[1].set_result(1)
        futures[2].cancel("why")
        kept, value, cancelled = await outer
        assert kept is error
        assert value == 1
        assert type(cancelled) is asyncio.CancelledError
        assert cancelled.args == ("why",)
        error.__traceback__ = None

    async def test_a_cancellation_without_a_message_as_result(self, loop, aio, make_future):
        future = make_future()
        outer = aio.gather(future, return_exceptions=True)
        future.cancel()
        (cancelled,) = await outer
        assert cancelled.args == ("",)

    async def test_a_cancelled_child_is_an_exception_of_the_outer(self, loop, aio, make_future):
        future, other = make_future(), make_future()
        outer = aio.gather(future, other)
        future.cancel("child")
        await turns(1)
        assert outer.done()
        assert not outer.cancelled()
        with pytest.raises(asyncio.CancelledError, match="^child$"):
            outer.result()
        other.cancel()

    async def test_a_task_raises_its_own_cancellation(self, loop, aio):
        task = loop.create_task(for_ever())
        outer = aio.gather(task)
        await turns(1)
        task.cancel("task")
        with pytest.raises(asyncio.CancelledError, match="^task$"):
            await outer

    async def test_how_many_turns_it_takes(self, loop, aio):
        trail = []

        async def wait(number):
            await aio.gather(*(give(None, number) for _ in range(number)))
            trail.append(number)

        tasks = [loop.create_task(wait(number)) for number in (1, 2, 3)]
        for _ in range(9):
            trail.append("turn")
            await asyncio.sleep(0)
        assert trail == [*["turn"] * 5, 1, "turn", 2, "turn", 3, *["turn"] * 2]
        await asyncio.wait(tasks)

    @since(3, 12)
    async def test_what_is_done_already_counts_at_once(self, loop, aio, make_future):
        futures = [make_future() for _ in range(2)]
        for future in futures:
            future.set_result(1)
        assert aio.gather(*futures).result() == [1, 1]

    @since(3, 12)
    async def test_what_has_failed_already_counts_at_once(self, loop, aio, make_future):
        failed, pending = make_future(), make_future()
        failed.set_exception(ValueError("already"))
        assert repr(aio.gather(pending, failed).exception()) == "ValueError('already')"
        pending.cancel()

    @since(3, 12)
    async def test_eager_children_end_it_at_once(self, loop, aio):
        async def at_once():
            return "eager"

        loop.set_task_factory(asyncio.eager_task_factory)
        outer = aio.gather(at_once(), at_once())
        loop.set_task_factory(None)
        assert outer.result() == ["eager", "eager"]


class TestCancelling:
    async def test_cancels_the_children_that_are_pending(self, loop, aio, make_future):
        done, pending = make_future(), make_future()
        outer = aio.gather(done, pending)
        done.set_result(1)
        await turns(1)
        assert outer.cancel("why")
        assert outer._cancel_requested
        assert not outer.done()
        assert pending.cancelled()
        with pytest.raises(asyncio.CancelledError, match="^why$"):
            await outer

    async def test_ends_as_cancelled_also_with_return_exceptions(self, loop, aio):
        outer = aio.gather(for_ever(), for_ever(), return_exceptions=True)
        await turns(1)
        outer.cancel("all")
        with pytest.raises(asyncio.CancelledError, match="^all$"):
            await outer

    async def test_refusing_children(self, loop, aio):
        async def refuse():
            try:
                await for_ever()
            except asyncio.CancelledError:
                return "refused"

        outer = aio.gather(refuse(), refuse())
        await turns(1)
        outer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer

    async def test_does_nothing_once_done(self, loop, aio, make_future):
        failed, pending = make_future(), make_future()
        outer = aio.gather(failed, pending)
        failed.set_exception(ValueError())
        await turns(1)
        assert outer.cancel() is False
        assert not pending.cancelled()
        assert isinstance(outer.exception(), ValueError)
        pending.cancel()

    async def test_does_nothing_when_all_are_done(self, loop, aio, make_future):
        future = make_future()
        outer = aio.gather(future)
        future.set_result(1)
        assert outer.cancel() is False
        assert outer._cancel_requested is False
        assert await outer == [1]

    async def test_through_the_task_that_awaits_it(self, loop, aio):
        async def wait():
            await aio.gather(for_ever(), for_ever())

        task = loop.create_task(wait())
        await turns(2)
        task.cancel("outside")
        with pytest.raises(asyncio.CancelledError, match="^outside$"):
            await task

    async def test_a_gather_of_gathers(self, loop, aio):
        inner = aio.gather(for_ever(), for_ever())
        outer = aio.gather(inner, for_ever())
        await turns(1)
        outer.cancel("deep")
        with pytest.raises(asyncio.CancelledError, match="^deep$"):
            await outer
        assert inner.done()


class TestReports:
    async def test_exceptions_after_the_first_are_nobodys_business(self, loop, aio, reports):
        outer = aio.gather(*(fail(ValueError(n), n) for n in range(1, 4)))
        with pytest.raises(ValueError, match="^1$"):
            await outer
        await turns(4)
        del outer
        gc.collect()
        assert reports == []

    async def test_an_exception_that_nobody_fetches_from_the_outer(self, loop, aio, reports):
        outer = aio.gather(fail(ValueError("unseen")))
        await turns(4)
        assert outer.done()
        del outer
        gc.collect()
        (report,) = reports
        assert report["message"] == "_GatheringFuture exception was never retrieved"
        assert str(report["exception"]) == "unseen"

    async def test_a_destroyed_child_is_not_reported(self, loop, aio, reports):
        async def lost():
            await loop.create_future()

        outer = aio.gather(lost())
        await turns(1)
        children = weakref.WeakSet(outer._children)
        del outer
        gc.collect()
        assert not children
        assert reports == []

    async def test_a_callback_after_the_loop_was_given_another_call_soon(self, loop, aio):
        seen = []
        call_soon = loop.call_soon

        def noting(callback, *args, context=None):
            seen.append(getattr(callback, "__qualname__", None))
            return call_soon(callback, *args, context=context)

        future = loop.create_future()
        outer = aio.gather(future)
        loop.call_soon = noting
        future.set_result(1)
        assert await outer == [1]
        del loop.call_soon
        assert "gather.<locals>._done_callback" in seen


class TestFuture:
    async def test_is_a_future_of_the_loop(self, loop, aio, names):
        outer = aio.gather(loop.create_future())
        assert isinstance(outer, asyncio.Future)
        assert asyncio.isfuture(outer)
        assert outer.get_loop() is loop
        assert normalized(repr(outer)) == "<_GatheringFuture pending>"
        assert outer.__class__.__name__ == "_GatheringFuture"
        outer._children[0].cancel()
        await asyncio.wait([outer])
        assert repr(outer) == "<_GatheringFuture finished exception=CancelledError()>"
        outer.exception()

    async def test_is_awaited_like_any_other(self, loop, aio):
        async def wait():
            return await outer

        future = loop.create_future()
        outer = aio.gather(future)
        tasks = [loop.create_task(wait()) for _ in range(2)]
        await turns(1)
        assert tasks[0]._fut_waiter is outer
        future.set_result("both")
        assert await asyncio.gather(*tasks) == [["both"], ["both"]]

    async def test_calls_back(self, loop, aio):
        seen = []
        future = loop.create_future()
        outer = aio.gather(future)
        outer.add_done_callback(seen.append)
        future.set_result(1)
        await turns(2)
        assert seen == [outer]

    async def test_in_debug_mode_knows_where_it_was_made(self, loop, aio):
        loop.set_debug(True)
        outer = aio.gather(loop.create_future())
        assert any(__file__ == frame.filename for frame in outer._source_traceback)
        outer.cancel()
        await asyncio.wait([outer])
        outer.exception()

    async def test_nothing_is_left_of_it(self, loop, aio, make_future):
        class Result:
            pass

        future, result = make_future(), Result()
        gone = weakref.ref(result)
        outer = aio.gather(future)
        future.set_result(result)
        del result
        await outer
        del outer, future
        # The step that the future woke holds it to its end.
        await turns(1)
        gc.collect()
        assert gone() is None

    async def test_a_circle_through_it_is_collected(self, loop, aio):
        class Witness:
            pass

        witness = Witness()
        future = loop.create_future()
        outer = witness.outer = aio.gather(future)
        outer.witness = future.witness = witness
        gone = weakref.ref(witness)
        del witness, outer, future
        gc.collect()
        assert gone() is None
