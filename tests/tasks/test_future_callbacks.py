"""Callbacks of futures: order, contexts, removing, and callbacks that misbehave."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref

import pytest


def run_turn(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


class TestAdding:
    def test_are_called_with_the_future_in_the_next_turn(self, loop, make_future):
        future = make_future()
        seen = []
        assert future.add_done_callback(seen.append) is None
        future.set_result(1)
        assert seen == []
        run_turn(loop)
        assert seen == [future]

    @pytest.mark.parametrize("count", [1, 2, 3, 10])
    def test_are_called_in_order_of_adding(self, loop, make_future, count):
        future = make_future()
        seen = []
        for number in range(count):
            future.add_done_callback(lambda _, number=number: seen.append(number))
        future.set_result(None)
        run_turn(loop)
        assert seen == list(range(count))

    @pytest.mark.parametrize(
        "end",
        [
            lambda future: future.set_result(1),
            lambda future: future.set_exception(ValueError()),
            lambda future: future.cancel(),
        ],
        ids=["result", "exception", "cancel"],
    )
    def test_are_called_however_it_ends(self, loop, make_future, end):
        future = make_future()
        seen = []
        future.add_done_callback(lambda f: seen.append(f.cancelled() or f.exception() or 1))
        end(future)
        run_turn(loop)
        assert len(seen) == 1

    def test_one_added_when_it_is_done_is_called_in_the_next_turn(self, loop, make_future):
        future = make_future()
        future.set_result(1)
        seen = []
        future.add_done_callback(seen.append)
        assert seen == []
        run_turn(loop)
        assert seen == [future]

    def test_the_same_one_added_twice_is_called_twice(self, loop, make_future):
        future = make_future()
        seen = []
        future.add_done_callback(seen.append)
        future.add_done_callback(seen.append)
        future.set_result(1)
        run_turn(loop)
        assert seen == [future, future]

    def test_one_added_by_a_callback_is_called_a_turn_later(self, loop, make_future):
        future = make_future()
        seen = []
        future.add_done_callback(lambda f: f.add_done_callback(lambda _: seen.append("second")))
        future.add_done_callback(lambda _: seen.append("first"))
        future.set_result(1)
        run_turn(loop)
        assert seen == ["first"]
        run_turn(loop)
        assert seen == ["first", "second"]

    def test_is_let_go_of_after_the_call(self, loop, make_future):
        class Callback:
            def __call__(self, future):
                pass

        future = make_future()
        callback = Callback()
        alive = weakref.ref(callback)
        future.add_done_callback(callback)
        del callback
        future.set_result(1)
        assert not future._callbacks
        run_turn(loop)
        gc.collect()
        assert alive() is None


class TestContext:
    def test_is_the_one_of_the_adding(self, loop, make_future):
        variable = contextvars.ContextVar("variable", default="unset")
        seen = []
        future = make_future()
        context = contextvars.copy_context()
        context.run(variable.set, "given")
        variable.set("first")
        future.add_done_callback(lambda _: seen.append(variable.get()))
        variable.set("second")
        future.add_done_callback(lambda _: seen.append(variable.get()))
        future.add_done_callback(lambda _: seen.append(variable.get()), context=context)
        variable.set("at the end")
        future.set_result(1)
        run_turn(loop)
        assert seen == ["first", "second", "given"]

    def test_a_callback_added_when_done_has_one_too(self, loop, make_future):
        variable = contextvars.ContextVar("variable", default="unset")
        seen = []
        future = make_future()
        future.set_result(1)
        variable.set("at the adding")
        future.add_done_callback(lambda _: seen.append(variable.get()))
        variable.set("later")
        run_turn(loop)
        assert seen == ["at the adding"]

    def test_is_keyword_only(self, make_future):
        with pytest.raises(TypeError):
            make_future().add_done_callback(print, contextvars.copy_context())


class TestRemoving:
    def test_counts_what_it_removed(self, loop, make_future):
        def one(future):
            seen.append("one")

        def two(future):
            seen.append("two")

        seen = []
        future = make_future()
        for callback in (one, two, one, one, two):
            future.add_done_callback(callback)
        assert future.remove_done_callback(one) == 3
        assert future.remove_done_callback(one) == 0
        assert future.remove_done_callback(print) == 0
        future.set_result(1)
        run_turn(loop)
        assert seen == ["two", "two"]

    @pytest.mark.parametrize("position", [0, 1, 2, 3])
    def test_at_any_position(self, loop, make_future, position):
        seen = []
        callbacks = [lambda _, n=n: seen.append(n) for n in range(4)]
        future = make_future()
        for callback in callbacks:
            future.add_done_callback(callback)
        assert future.remove_done_callback(callbacks[position]) == 1
        future.set_result(1)
        run_turn(loop)
        assert seen == [n for n in range(4) if n != position]

    def test_when_it_is_done_finds_nothing(self, loop, make_future):
        future = make_future()
        future.add_done_callback(int)
        future.remove_done_callback(int)
        future.set_result(1)
        assert future.remove_done_callback(int) == 0

    def test_goes_by_equality(self, make_future):
        class Thing:
            def method(self, future):
                pass

        thing = Thing()
        future = make_future()
        future.add_done_callback(thing.method)
        assert future.remove_done_callback(thing.method) == 1

    def test_an_adding_callback_in_eq_does_not_break_it(self, make_future):
        class Evil:
            def __init__(self, future):
                self.future = future

            def __eq__(self, other):
                future, self.future = self.future, None
                if future is not None:
                    future.remove_done_callback(int)
                    future.add_done_callback(id)
                return False

            __hash__ = None

            def __call__(self, future):
                pass

        future = make_future()
        for _ in range(3):
            future.add_done_callback(Evil(future))
        future.add_done_callback(int)
        future.remove_done_callback(str)
        future.cancel()

    def test_an_exception_of_eq_comes_out(self, make_future):
        class Evil:
            def __eq__(self, other):
                raise KeyError("eq")

            __hash__ = None

        future = make_future()
        future.add_done_callback(Evil())
        with pytest.raises(KeyError, match="eq"):
            future.remove_done_callback(print)
        two = make_future()
        two.add_done_callback(print)
        two.add_done_callback(Evil())
        with pytest.raises(KeyError, match="eq"):
            two.remove_done_callback(str)

    def test_a_removed_one_is_let_go_of(self, make_future):
        class Callback:
            def __call__(self, future):
                pass

        callback = Callback()
        alive = weakref.ref(callback)
        future = make_future()
        future.add_done_callback(callback)
        future.remove_done_callback(callback)
        del callback
        assert alive() is None


class TestMisbehaving:
    def test_an_exception_is_reported_and_the_others_run(self, loop, make_future, reports):
        future = make_future()
        seen = []
        future.add_done_callback(lambda _: 1 / 0)
        future.add_done_callback(lambda _: seen.append("ran"))
        future.set_result(1)
        run_turn(loop)
        assert seen == ["ran"]
        (report,) = reports
        assert isinstance(report["exception"], ZeroDivisionError)
        assert report["message"].startswith("Exception in callback TestMisbehaving.")
        assert isinstance(report["handle"], asyncio.Handle)

    def test_what_cannot_be_called_is_reported_later(self, loop, make_future, reports):
        future = make_future()
        future.add_done_callback(5)
        future.set_result(1)
        run_turn(loop)
        assert isinstance(reports[0]["exception"], TypeError)

    def test_setting_the_future_in_its_callback_is_an_error(self, loop, make_future, reports):
        future = make_future()
        future.add_done_callback(lambda f: f.set_result(2))
        future.set_result(1)
        run_turn(loop)
        assert isinstance(reports[0]["exception"], asyncio.InvalidStateError)

    def test_on_a_closed_loop_setting_with_callbacks_is_an_error(self, loop, make_future):
        future = make_future()
        future.add_done_callback(print)
        loop.close()
        with pytest.raises(RuntimeError, match="^Event loop is closed$"):
            future.set_result(1)
        without = make_future()
        without.set_result(1)
        assert without.result() == 1


class TestPrivateView:
    """`_callbacks` is what anyio walks to find the root task."""

    def test_is_none_without_any(self, make_future):
        assert make_future()._callbacks is None

    def test_pairs_callbacks_with_contexts(self, make_future):
        future = make_future()
        context = contextvars.copy_context()
        future.add_done_callback(print, context=context)
        assert future._callbacks == [(print, context)]
        future.add_done_callback(repr)
        assert [callback for callback, _ in future._callbacks] == [print, repr]
        assert isinstance(future._callbacks[1][1], contextvars.Context)

    def test_a_waiting_task_is_among_them(self, loop, make_future):
        future = make_future()

        async def waiter():
            await future

        task = loop.create_task(waiter())
        run_turn(loop)
        ((callback, context),) = future._callbacks
        assert callable(callback)
        assert isinstance(context, contextvars.Context)
        future.set_result(1)
        loop.run_until_complete(task)
