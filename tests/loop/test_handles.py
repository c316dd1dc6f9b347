"""Handle and TimerHandle: what call_soon and its relatives give back."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import sys
import threading
import weakref

import pytest
from harness.versions import since


def function(*args):
    pass


LINE = function.__code__.co_firstlineno


class Callable:
    def method(self):
        pass

    def __call__(self):
        pass

    def __repr__(self):
        return "<a callable>"


@pytest.fixture
def handle_of(loop):
    handles = []

    def make(callback, *args):
        handles.append(loop.call_soon(callback, *args))
        return handles[-1]

    yield make
    for handle in handles:
        handle.cancel()


class TestClasses:
    def test_are_asyncios(self, loop, names):
        handle = loop.call_soon(function)
        timer = loop.call_later(1, function)
        assert isinstance(handle, asyncio.Handle)
        assert not isinstance(handle, asyncio.TimerHandle)
        assert isinstance(timer, asyncio.Handle)
        assert isinstance(timer, asyncio.TimerHandle)
        assert type(handle) is names.Handle
        assert type(timer) is names.TimerHandle
        handle.cancel()
        timer.cancel()

    def test_a_timer_class_is_a_handle_class(self, names):
        assert issubclass(names.TimerHandle, names.Handle)

    def test_can_be_referred_to_weakly(self, loop):
        for handle in (loop.call_soon(function), loop.call_later(1, function)):
            assert weakref.ref(handle)() is handle
            handle.cancel()

    def test_can_be_keys_of_a_mapping(self, loop):
        handle, timer = loop.call_soon(function), loop.call_later(1, function)
        assert {handle: 1, timer: 2}[timer] == 2
        handle.cancel()
        timer.cancel()


class TestCancel:
    def test_gives_nothing_and_is_remembered(self, handle_of):
        handle = handle_of(function)
        assert handle.cancelled() is False
        assert handle.cancel() is None
        assert handle.cancelled() is True
        assert handle.cancel() is None

    def test_lets_go_of_callback_and_arguments(self, handle_of):
        thing = Callable()
        alive = weakref.ref(thing)
        handle = handle_of(thing, thing)
        del thing
        assert alive() is not None
        handle.cancel()
        assert alive() is None

    @pytest.mark.parametrize("when", ["soon", "later"])
    def test_in_debug_mode_a_failing_repr_does_not_undo_it(self, loop, when):
        class Callback:
            def __repr__(self):
                raise ZeroDivisionError

            def __call__(self):
                ran.append(self)

        ran = []
        loop.set_debug(True)
        loop.slow_callback_duration = 100
        make = loop.call_soon if when == "soon" else functools.partial(loop.call_later, 0)
        handle = make(Callback())
        with pytest.raises(ZeroDivisionError):
            handle.cancel()
        assert handle.cancelled()
        loop.call_later(0.001, loop.stop)
        loop.run_forever()
        assert ran == []

    def test_one_that_ran_is_not_cancelled(self, loop):
        handle = loop.call_soon(loop.stop)
        loop.run_forever()
        assert handle.cancelled() is False

    def test_a_callback_may_cancel_its_own_handle(self, loop):
        def cancel():
            handle.cancel()
            loop.stop()

        handle = loop.call_soon(cancel)
        loop.run_forever()
        assert handle.cancelled() is True


def shown(*arguments):
    """Arguments are kept out of reprs since 3.13, but in debug mode."""
    return ", ".join(arguments) if sys.version_info < (3, 13) else ""


class TestRepr:
    def test_of_a_function(self, handle_of):
        assert repr(handle_of(function)) == f"<Handle function() at {__file__}:{LINE}>"

    def test_shows_arguments(self, handle_of):
        expected = f"<Handle function({shown('1', repr('two'))}) at {__file__}:{LINE}>"
        assert repr(handle_of(function, 1, "two")) == expected

    def test_shows_arguments_in_debug_mode(self, loop, handle_of):
        loop.set_debug(True)
        handle = handle_of(function, 1, "two")
        assert repr(handle).startswith(f"<Handle function(1, 'two') at {__file__}:{LINE} created")

    def test_of_a_partial(self, handle_of):
        partial = functools.partial(function, 1, key=2)
        inner, outer = shown("1", "key=2"), shown("3")
        expected = f"<Handle function({inner})({outer}) at {__file__}:{LINE}>"
        assert repr(handle_of(partial, 3)) == expected

    def test_of_a_builtin(self, handle_of):
        assert repr(handle_of(print)) == "<Handle print()>"

    def test_of_a_bound_method(self, handle_of):
        assert repr(handle_of(Callable().method)) == "<Handle Callable.method()>"

    def test_of_a_decorated_function_shows_the_wrapped_one(self, handle_of):
        @functools.wraps(function)
        def wrapper():
            pass

        assert repr(handle_of(wrapper)) == f"<Handle function() at {__file__}:{LINE}>"

    def test_of_an_object_that_can_be_called(self, handle_of):
        assert repr(handle_of(Callable())) == "<Handle <a callable>()>"

    def test_of_a_cancelled_one(self, handle_of):
        handle = handle_of(function)
        handle.cancel()
        assert repr(handle) == "<Handle cancelled>"

    def test_of_a_timer(self, loop):
        timer = loop.call_at(12.5, function)
        assert repr(timer) == f"<TimerHandle when=12.5 function() at {__file__}:{LINE}>"
        timer.cancel()
        assert repr(timer) == "<TimerHandle cancelled when=12.5>"

    def test_of_long_arguments_is_shortened(self, handle_of):
        text = repr(handle_of(function, "x" * 1000, list(range(1000))))
        assert len(text) < 300


class TestContext:
    @since(3, 12)
    def test_is_the_one_given(self, loop):
        context = contextvars.copy_context()
        handle = loop.call_soon(function, context=context)
        timer = loop.call_later(1, function, context=context)
        assert handle.get_context() is context
        assert timer.get_context() is context
        handle.cancel()
        timer.cancel()

    def test_is_a_copy_of_the_current_one_otherwise(self, loop):
        variable = contextvars.ContextVar("variable", default="unset")
        seen = []
        variable.set("at the call")
        loop.call_soon(lambda: seen.append(variable.get()))
        loop.call_soon(lambda: variable.set("in a callback"))
        loop.call_soon(lambda: seen.append(variable.get()))
        loop.call_later(0, lambda: seen.append(variable.get()))
        variable.set("after the call")
        loop.call_soon(loop.call_soon, loop.stop)
        loop.run_forever()
        assert seen == ["at the call"] * 3
        assert variable.get() == "after the call"

    def test_changes_stay_in_the_one_given(self, loop):
        variable = contextvars.ContextVar("variable", default="unset")
        context = contextvars.copy_context()
        seen = []
        loop.call_soon(variable.set, "first", context=context)
        loop.call_soon(lambda: seen.append(variable.get()), context=context)
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == ["first"]
        assert context[variable] == "first"
        assert variable.get() == "unset"

    def test_each_callback_has_a_copy_of_its_own(self, loop):
        variable = contextvars.ContextVar("variable", default="unset")
        seen = []

        def run(number):
            seen.append(variable.get())
            variable.set(number)

        for number in range(5):
            loop.call_soon(run, number)
            loop.call_later(0, run, number)
        loop.call_later(0.001, loop.stop)
        loop.run_forever()
        assert seen == ["unset"] * 10

    @since(3, 12)
    def test_two_handles_never_show_the_same_context(self, loop):
        first, second = loop.call_soon(function), loop.call_soon(function)
        timer = loop.call_later(3600, function)
        contexts = [each.get_context() for each in (first, second, timer)]
        assert len({id(context) for context in contexts}) == 3
        # Contexts with the same variables are equal, so only `is` tells.
        again = [each.get_context() for each in (first, second, timer)]
        assert all(context is other for context, other in zip(contexts, again, strict=True))
        for each in (first, second, timer):
            each.cancel()

    @since(3, 12)
    def test_shows_what_the_callback_has_set(self, loop):
        variable = contextvars.ContextVar("variable")
        handle = loop.call_soon(variable.set, "by the callback")
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert handle.get_context()[variable] == "by the callback"

    @pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe"])
    def test_a_failed_callbacks_report_shows_what_it_has_set(self, loop, method):
        variable = contextvars.ContextVar("variable", default="unset")
        seen = []

        def fail():
            variable.set("by the callback")
            raise ZeroDivisionError

        def report(_loop, details):
            # Since 3.12 the handler itself runs in the handle's context.
            here = variable.get() if sys.version_info >= (3, 12) else "by the callback"
            seen.append((here, details["handle"]._context.get(variable)))
            loop.stop()

        loop.set_exception_handler(report)
        getattr(loop, method)(fail)
        loop.run_forever()
        assert seen == [("by the callback", "by the callback")]

    @pytest.mark.parametrize("delay", [None, 0])
    def test_a_weak_reference_shows_the_one_that_the_callback_runs_in(self, loop, delay):
        variable = contextvars.ContextVar("variable")
        seen = []

        def callback():
            variable.set("set")
            seen.append(weak()._context.get(variable))
            loop.stop()

        if delay is None:
            weak = weakref.ref(loop.call_soon(callback))
        else:
            weak = weakref.ref(loop.call_later(delay, callback))
        loop.run_forever()
        assert seen == ["set"]

    def test_follows_every_change_between_two_calls(self, loop):
        variable = contextvars.ContextVar("variable", default="unset")
        seen = []

        def schedule():
            loop.call_soon(lambda: seen.append(variable.get()))

        schedule()
        token = variable.set("set")
        schedule()
        contextvars.copy_context().run(lambda: (variable.set("nested"), schedule()))
        contextvars.Context().run(schedule)
        schedule()
        variable.reset(token)
        schedule()
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == ["unset", "set", "nested", "unset", "set", "unset"]

    def test_is_that_of_the_calling_thread(self, loop):
        variable = contextvars.ContextVar("variable", default="unset")
        seen = []

        def call(value):
            variable.set(value)
            loop.call_soon_threadsafe(lambda: seen.append(variable.get()))

        variable.set("here")
        loop.call_soon(lambda: seen.append(variable.get()))
        thread = threading.Thread(target=call, args=["there"])
        thread.start()
        thread.join()
        loop.call_soon(lambda: seen.append(variable.get()))
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == ["here", "there", "here"]

    def test_nothing_keeps_a_value_once_the_loop_waits(self, loop):
        class Value:
            pass

        variable = contextvars.ContextVar("variable")
        alive = []

        def set_and_schedule():
            value = Value()
            alive.append(weakref.ref(value))
            variable.set(value)
            loop.call_soon(function)

        loop.call_soon(set_and_schedule)
        loop.call_later(0.01, lambda: alive.append(alive[0]() is None))
        loop.call_later(0.02, loop.stop)
        loop.run_forever()
        assert alive[1:] == [True]

    def test_nothing_keeps_a_value_while_the_loop_is_busy(self, loop):
        class Value:
            pass

        variable = contextvars.ContextVar("variable")

        def set_and_schedule():
            value = Value()
            variable.set(value)
            loop.call_soon(function)
            return weakref.ref(value)

        async def main():
            await asyncio.sleep(0)
            alive = contextvars.copy_context().run(set_and_schedule)
            for _ in range(3):
                await asyncio.sleep(0)
            return alive()

        assert loop.run_until_complete(main()) is None

    def test_one_that_is_entered_already_is_reported(self, loop, log):
        context = contextvars.copy_context()

        def run():
            loop.call_soon(function, context=context)
            loop.call_soon(loop.stop)
            loop.run_forever()

        context.run(run)
        assert log.messages()[0].startswith("Exception in callback function() at ")
        assert str(log.records[-1].exc_info[1]).startswith("cannot enter context")


class TestTimerOrder:
    def test_compares_by_time(self, loop):
        early, late = loop.call_at(1, function), loop.call_at(2, function)
        assert early < late
        assert late > early
        assert early <= late
        assert late >= early
        assert not late < early
        assert early != late
        early.cancel()
        late.cancel()

    def test_equal_when_all_is_equal(self, loop):
        one, two = loop.call_at(1, function, 5), loop.call_at(1, function, 5)
        other = loop.call_at(1, function, 6)
        assert one == two
        assert one <= two
        assert one >= two
        assert one != other
        assert hash(one) == hash(two)
        two.cancel()
        assert one != two
        one.cancel()
        other.cancel()

    def test_cannot_be_ordered_with_anything_else(self, loop):
        timer = loop.call_at(1, function)
        assert timer != 1
        with pytest.raises(TypeError):
            timer < 1  # noqa: B015
        timer.cancel()


class TestUserMade:
    def test_the_classes_can_be_called(self, loop, names):
        seen = []
        handle = names.Handle(seen.append, (1,), loop)
        handle._run()
        assert seen == [1]
        timer = names.TimerHandle(5.0, seen.append, (2,), loop)
        assert timer.when() == 5.0
        timer._run()
        assert seen == [1, 2]

    def test_a_failing_one_is_reported(self, loop, names, reports):
        handle = names.Handle(lambda: 1 / 0, (), loop)
        handle._run()
        assert isinstance(reports[0]["exception"], ZeroDivisionError)
        assert reports[0]["handle"] is handle

    def test_a_cycle_through_the_callback_is_collected(self, loop):
        class Owner:
            pass

        def owned(schedule):
            owner = Owner()
            owner.handle = schedule(lambda: owner)
            return weakref.ref(owner)

        alive = [
            owned(loop.call_soon),
            owned(lambda callback: loop.call_later(1000, callback)),
        ]
        loop.close()
        gc.collect()
        assert [ref() for ref in alive] == [None, None]


def test_a_running_handle_found_by_the_collector_has_the_context_it_runs_in(loop):
    variable = contextvars.ContextVar("variable", default=0)
    seen = []

    def callback():
        variable.set(5)
        for thing in gc.get_objects():
            if isinstance(thing, asyncio.Handle) and thing._callback is callback:
                seen.append(thing._context.get(variable))

    loop.call_soon(callback)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [5]
