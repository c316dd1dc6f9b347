"""The await protocol: our futures in any coroutine, any future in our tasks."""

from __future__ import annotations

import asyncio
import types

import pytest
from harness.outcome import shown


class MakesNoException(Exception):
    """A class of exceptions whose instances are none."""

    def __new__(cls, *args):
        return 5


class LooksLikeAnError:
    """What `isinstance` takes for an exception, and the interpreter does not."""

    __class__ = ValueError


class Foreign:
    """A future-like object of another package: all it has is the await protocol."""

    def __init__(self, loop):
        self._asyncio_future_blocking = False
        self.loop = loop
        self.callbacks = []
        self.value = None
        self.is_done = False
        self.cancelled_with = []

    def __await__(self):
        if not self.is_done:
            self._asyncio_future_blocking = True
            yield self
        return self.value

    def get_loop(self):
        return self.loop

    def done(self):
        return self.is_done

    def result(self):
        return self.value

    def add_done_callback(self, callback, *, context=None):
        self.callbacks.append((callback, context))

    def cancel(self, msg=None):
        self.cancelled_with.append(msg)
        return True

    def finish(self, value):
        self.is_done, self.value = True, value
        for callback, context in self.callbacks:
            self.loop.call_soon(callback, self, context=context)


class TestTheIterator:
    def test_yields_the_future_once_and_marks_it(self, make_future):
        future = make_future()
        iterator = iter(future.__await__())
        assert future._asyncio_future_blocking is False
        assert next(iterator) is future
        assert future._asyncio_future_blocking is True

    def test_gives_the_result_by_stop_iteration(self, make_future):
        future = make_future()
        iterator = future.__await__()
        next(iterator)
        future.set_result("value")
        with pytest.raises(StopIteration) as caught:
            next(iterator)
        assert caught.value.value == "value"

    def test_of_a_done_future_does_not_yield(self, make_future):
        future = make_future()
        future.set_result(None)
        with pytest.raises(StopIteration) as caught:
            next(future.__await__())
        assert caught.value.value is None

    @pytest.mark.parametrize("value", [(1, 2), StopIteration(3), ValueError("x"), ()], ids=repr)
    def test_odd_results_come_through_unchanged(self, loop, make_future, value):
        future = make_future()

        async def waiter():
            return await future

        loop.call_soon(future.set_result, value)
        assert loop.run_until_complete(waiter()) is value
        iterator = future.__await__()
        with pytest.raises(StopIteration) as caught:
            next(iterator)
        assert caught.value.value is value

    def test_raises_the_exception(self, make_future):
        future = make_future()
        future.set_exception(ValueError("wrong"))
        with pytest.raises(ValueError, match="^wrong$"):
            next(future.__await__())

    def test_resumed_before_the_end_is_an_error(self, make_future):
        future = make_future()
        iterator = future.__await__()
        next(iterator)
        with pytest.raises(RuntimeError, match="^await wasn't used with future$"):
            next(iterator)

    def test_iter_is_the_same_as_await(self, make_future):
        future = make_future()
        future.set_result(5)

        def generator():
            return (yield from future)

        with pytest.raises(StopIteration) as caught:
            next(generator())
        assert caught.value.value == 5

    def test_the_stop_iteration_caught_in_a_step_is_complete(self, loop, make_future, make_task):
        async def work():
            seen = []
            for value in ("a", "b", (1, 2)):
                future = make_future()
                future.set_result(value)
                try:
                    next(future.__await__())
                except StopIteration as stop:
                    seen.append((stop.value, stop.args, repr(stop)))
            return seen

        assert loop.run_until_complete(make_task(work())) == [
            ("a", ("a",), "StopIteration('a')"),
            ("b", ("b",), "StopIteration('b')"),
            ((1, 2), ((1, 2),), "StopIteration((1, 2))"),
        ]

    def test_what_is_done_to_a_caught_stop_iteration_stays_with_it(
        self, loop, make_future, make_task
    ):
        async def work():
            seen = []
            for value in ("a", "b"):
                future = make_future()
                future.set_result(value)
                try:
                    next(future.__await__())
                except StopIteration as stop:
                    seen.append((stop.__dict__.copy(), stop.__suppress_context__, stop.__cause__))
                    stop.add_note("a note")
                    stop.attribute = value
                    stop.__cause__ = ZeroDivisionError()
            return seen

        assert loop.run_until_complete(make_task(work())) == [({}, False, None)] * 2

    def test_a_stop_iteration_kept_in_a_step_does_not_hide_what_the_step_raises(
        self, loop, make_future, make_task
    ):
        kept = []

        async def leave():
            future = make_future()
            future.set_result("value")
            try:
                next(future.__await__())
            except StopIteration as stop:
                kept.append(stop)
            raise SystemExit(3)

        task = make_task(leave())
        with pytest.raises(SystemExit) as caught:
            loop.run_until_complete(task)
        assert caught.value.code == 3
        assert kept.pop().value == "value"

    def test_the_last_result_may_end_another_iterator_when_it_goes(
        self, loop, make_future, make_task
    ):
        def result_of(future, value):
            future.set_result(value)
            try:
                next(future.__await__())
            except StopIteration as stop:
                return stop.value

        class Asks:
            def __del__(self):
                seen.append(result_of(make_future(), "inner"))

        async def work():
            result_of(make_future(), Asks())
            return result_of(make_future(), "outer")

        seen = []
        assert loop.run_until_complete(make_task(work())) == "outer"
        assert seen == ["inner"]

    def test_throw_comes_out_at_the_await(self, make_future):
        future = make_future()

        async def waiter():
            try:
                await future
            except KeyError as error:
                return error

        coro = waiter()
        coro.send(None)
        error = KeyError("thrown")
        with pytest.raises(StopIteration) as caught:
            coro.throw(error)
        assert caught.value.value is error

    def test_throw_takes_a_class_too(self, make_future):
        iterator = iter(make_future())
        next(iterator)
        with pytest.raises(KeyError):
            iterator.throw(KeyError)

    @pytest.mark.parametrize("thrown", [MakesNoException, LooksLikeAnError(), 5, int], ids=shown)
    def test_throw_refuses_what_is_no_exception(self, loop, make_future, thrown):
        for waiting in (
            make_future().__await__(),
            loop.create_connection(asyncio.Protocol, "127.0.0.1", 1),
        ):
            with pytest.raises(TypeError):
                waiting.throw(thrown)
            waiting.close()

    @pytest.mark.filterwarnings("ignore:the .type, exc, tb. signature:DeprecationWarning")
    def test_throw_of_a_class_and_a_value(self, make_future):
        error = KeyError("given")
        for value, args in ((error, ("given",)), ("one", ("one",)), (("a", "b"), ("a", "b"))):
            with pytest.raises(KeyError) as caught:
                make_future().__await__().throw(KeyError, value)
            assert caught.value.args == args
        with pytest.raises(TypeError):
            make_future().__await__().throw(MakesNoException, "value")

    def test_close_ends_the_waiting_coroutine(self, make_future):
        trail = []

        async def waiter():
            try:
                await make_future()
            finally:
                trail.append("closed")

        coro = waiter()
        coro.send(None)
        coro.close()
        assert trail == ["closed"]

    def test_cr_await_leads_to_the_future(self, make_future):
        future = make_future()

        async def inner():
            await future

        async def outer():
            await inner()

        coro = outer()
        coro.send(None)
        assert coro.cr_await.__name__ == "inner"
        assert coro.cr_await.cr_await is not None
        coro.close()


class TestWaiters:
    async def test_many_wait_for_one(self, loop, make_future):
        future = make_future()

        async def waiter(number):
            return number, await future

        tasks = [loop.create_task(waiter(number)) for number in range(20)]
        loop.call_soon(loop.call_soon, future.set_result, "all")
        assert await asyncio.gather(*tasks) == [(number, "all") for number in range(20)]

    async def test_one_waits_for_many(self, loop, make_future):
        futures = [make_future() for _ in range(20)]
        for number, future in enumerate(futures):
            loop.call_soon(future.set_result, number)
        assert [await future for future in futures] == list(range(20))

    async def test_awaiting_again_gives_the_result_again(self, loop, make_future):
        future = make_future()
        loop.call_soon(future.set_result, 1)
        assert [await future, await future] == [1, 1]

    async def test_an_exception_is_the_same_object_for_all(self, loop, make_future):
        future = make_future()
        error = ValueError("wrong")

        async def waiter():
            try:
                await future
            except ValueError as caught:
                return caught

        tasks = [loop.create_task(waiter()) for _ in range(3)]
        loop.call_soon(loop.call_soon, future.set_exception, error)
        assert await asyncio.gather(*tasks) == [error] * 3
        error.__traceback__ = None

    async def test_a_cancelled_future_raises_in_its_waiter(self, loop, make_future):
        future = make_future()
        loop.call_soon(future.cancel, "why")
        with pytest.raises(asyncio.CancelledError, match="^why$"):
            await future

    async def test_a_generator_of_types_coroutine_may_wait(self, loop, make_future):
        future = make_future()

        @types.coroutine
        def old_style():
            first = yield from future
            second = yield from future.__await__()
            return first, second

        loop.call_soon(future.set_result, 1)
        assert await old_style() == (1, 1)

    async def test_waiting_inside_of_an_async_generator(self, loop, make_future):
        future = make_future()

        async def generate():
            yield await future
            yield "second"

        loop.call_soon(future.set_result, "first")
        assert [value async for value in generate()] == ["first", "second"]


class TestForeignFutures:
    async def test_a_task_waits_for_one(self, loop, make_task):
        foreign = Foreign(loop)

        async def waiter():
            return await foreign

        task = make_task(waiter())
        await asyncio.sleep(0)
        assert len(foreign.callbacks) == 1
        assert foreign._asyncio_future_blocking is False
        foreign.finish("from afar")
        assert await task == "from afar"

    async def test_cancelling_the_task_cancels_it(self, loop, make_task):
        foreign = Foreign(loop)

        async def waiter():
            return await foreign

        task = make_task(waiter())
        await asyncio.sleep(0)
        task.cancel("why")
        assert foreign.cancelled_with == ["why"]
        foreign.finish("too late to refuse")
        assert await task == "too late to refuse"

    async def test_stock_futures_in_our_tasks(self, loop, make_task):
        future = asyncio.Future(loop=loop)

        async def waiter():
            return await future

        task = make_task(waiter())
        loop.call_soon(loop.call_soon, future.set_result, "stock")
        assert await task == "stock"

    async def test_pure_python_futures_in_our_tasks(self, loop, make_task):
        future = asyncio.futures._PyFuture(loop=loop)

        async def waiter():
            return await future

        task = make_task(waiter())
        loop.call_soon(loop.call_soon, future.set_result, "pure")
        assert await task == "pure"

    @pytest.mark.parametrize("cls", ["_CTask", "_PyTask"])
    async def test_our_futures_in_stock_tasks(self, loop, make_future, cls):
        future = make_future()

        async def waiter():
            return await future

        task = getattr(asyncio.tasks, cls)(waiter(), loop=loop)
        loop.call_soon(loop.call_soon, future.set_result, "ours")
        assert await task == "ours"

    @pytest.mark.parametrize("cls", ["_CTask", "_PyTask"])
    async def test_cancelling_a_stock_task_cancels_our_future(self, loop, make_future, cls):
        future = make_future()

        async def waiter():
            await future

        task = getattr(asyncio.tasks, cls)(waiter(), loop=loop)
        await asyncio.sleep(0)
        task.cancel("why")
        assert future.cancelled()
        with pytest.raises(asyncio.CancelledError, match="^why$"):
            await task

    @pytest.mark.parametrize("cls", ["_CTask", "_PyTask"])
    async def test_stock_tasks_and_ours_wait_for_each_other(self, loop, make_task, cls):
        async def bottom():
            await asyncio.sleep(0)
            return "bottom"

        async def waiter(task):
            return await task

        task = make_task(bottom())
        for _ in range(3):
            task = getattr(asyncio.tasks, cls)(waiter(task), loop=loop)
            task = make_task(waiter(task))
        assert await task == "bottom"

    async def test_a_subclass_of_the_stock_future_in_our_tasks(self, loop, make_task):
        class Promise(asyncio.Future):
            pass

        future = Promise(loop=loop)

        async def waiter():
            return await future

        task = make_task(waiter())
        loop.call_soon(loop.call_soon, future.set_result, "sub")
        assert await task == "sub"

    async def test_an_awaitable_with_its_own_iterator(self, loop, make_task, make_future):
        future = make_future()

        class Awaitable:
            def __await__(self):
                value = yield from future
                return value + 1

        async def waiter():
            return await Awaitable()

        loop.call_soon(loop.call_soon, future.set_result, 1)
        assert await make_task(waiter()) == 2
