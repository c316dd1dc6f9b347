"""Debug mode: slow callbacks, wrong threads, bad callables, places of creation."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
import traceback

import pytest
from harness.child import run_child


def this_line():
    return sys._getframe(1).f_lineno


@pytest.fixture
def debug_loop(loop):
    loop.set_debug(True)
    return loop


class TestSwitch:
    def test_is_off_by_default_and_can_be_set(self, loop):
        assert loop.get_debug() is False
        loop.set_debug(True)
        assert loop.get_debug() is True
        loop.set_debug(False)
        assert loop.get_debug() is False

    @pytest.mark.parametrize(
        ("options", "env", "expected"),
        [
            ([], {"PYTHONASYNCIODEBUG": "1"}, "True"),
            (["-X", "dev"], {}, "True"),
            (["-E"], {"PYTHONASYNCIODEBUG": "1"}, "False"),
            ([], {}, "False"),
        ],
        ids=["variable", "dev mode", "variable ignored by -E", "nothing"],
    )
    def test_is_switched_on_from_outside(self, loop_kind, options, env, expected):
        program = "loop = new_event_loop(); print(loop.get_debug()); loop.close()"
        child = run_child(loop_kind, program, *options, **env)
        assert (child.stdout.strip(), child.returncode) == (expected, 0)

    def test_origins_of_coroutines_are_tracked_while_it_runs(self, debug_loop):
        async def main():
            return sys.get_coroutine_origin_tracking_depth()

        assert sys.get_coroutine_origin_tracking_depth() == 0
        assert debug_loop.run_until_complete(main()) > 0
        assert sys.get_coroutine_origin_tracking_depth() == 0

    def test_set_while_running_takes_effect_at_once(self, loop):
        async def main():
            loop.set_debug(True)
            await asyncio.sleep(0)
            on = sys.get_coroutine_origin_tracking_depth()
            loop.set_debug(False)
            await asyncio.sleep(0)
            return on, sys.get_coroutine_origin_tracking_depth()

        on, off = loop.run_until_complete(main())
        assert on > 0
        assert off == 0


class TestSlowCallbacks:
    def test_the_default_limit(self, loop):
        assert loop.slow_callback_duration == 0.1

    def test_a_callback_at_the_limit_is_logged(self, debug_loop, log):
        debug_loop.slow_callback_duration = 0

        def slow():
            pass

        line = slow.__code__.co_firstlineno
        debug_loop.call_soon(slow)
        made = this_line() - 1
        debug_loop.call_soon(debug_loop.stop)
        debug_loop.run_forever()
        place = re.escape(__file__)
        expected = (
            rf"^Executing <Handle TestSlowCallbacks\..*\.<locals>\.slow\(\) at {place}:{line} "
            rf"created at {place}:{made}> took \d+\.\d{{3}} seconds$"
        )
        assert any(re.match(expected, message) for message in log.messages())

    def test_a_timer_is_logged_with_its_time(self, debug_loop, log):
        debug_loop.slow_callback_duration = 0
        debug_loop.call_later(0, debug_loop.stop)
        debug_loop.run_forever()
        expected = r"^Executing <TimerHandle when=\d+\.\d+ .*created at .*> took 0\.\d{3} seconds$"
        assert any(re.match(expected, message) for message in log.messages())

    def test_a_task_step_is_logged_as_the_task(self, debug_loop, log):
        debug_loop.slow_callback_duration = 0

        async def slow():
            pass

        task = debug_loop.create_task(slow(), name="the slow one")
        debug_loop.run_until_complete(task)
        expected = r"^Executing <Task finished name='the slow one' coro=<.*slow\(\) done.*took"
        assert any(re.match(expected, message) for message in log.messages())

    def test_below_the_limit_nothing_is_logged(self, debug_loop, log):
        debug_loop.slow_callback_duration = 3600
        debug_loop.call_soon(debug_loop.stop)
        debug_loop.run_forever()
        assert log.messages() == []

    def test_without_debug_mode_nothing_is_logged(self, loop, log):
        loop.slow_callback_duration = 0
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert log.messages() == []


class TestWrongThread:
    @pytest.mark.parametrize("method", ["call_soon", "call_later", "call_at"])
    def test_is_refused_while_the_loop_runs(self, debug_loop, method):
        arguments = {"call_soon": (print,), "call_later": (1, print), "call_at": (1, print)}
        errors = []

        def wrong():
            try:
                getattr(debug_loop, method)(*arguments[method])
            except RuntimeError as error:
                errors.append(str(error))
            debug_loop.call_soon_threadsafe(debug_loop.stop)

        thread = threading.Thread(target=wrong)
        debug_loop.call_soon(thread.start)
        debug_loop.run_forever()
        thread.join()
        assert errors == [
            "Non-thread-safe operation invoked on an event loop other than the current one"
        ]

    def test_setting_a_future_with_callbacks_is_refused(self, debug_loop):
        future = debug_loop.create_future()
        future.add_done_callback(lambda _: None)
        errors = []

        def wrong():
            try:
                future.set_result(1)
            except RuntimeError as error:
                errors.append(str(error))
            debug_loop.call_soon_threadsafe(debug_loop.stop)

        thread = threading.Thread(target=wrong)
        debug_loop.call_soon(thread.start)
        debug_loop.run_forever()
        thread.join()
        assert errors == [
            "Non-thread-safe operation invoked on an event loop other than the current one"
        ]

    def test_is_allowed_while_the_loop_does_not_run(self, debug_loop):
        seen = []
        thread = threading.Thread(target=debug_loop.call_soon, args=(seen.append, 1))
        thread.start()
        thread.join()
        debug_loop.call_soon(debug_loop.stop)
        debug_loop.run_forever()
        assert seen == [1]

    def test_is_not_looked_at_without_debug_mode(self, loop):
        seen = []
        handled = threading.Event()

        def from_thread():
            loop.call_soon(seen.append, 1)
            loop.call_soon_threadsafe(loop.stop)
            handled.set()

        thread = threading.Thread(target=from_thread)
        loop.call_soon(thread.start)
        loop.run_forever()
        thread.join()
        assert seen == [1]


class TestBadCallables:
    METHODS = pytest.mark.parametrize(
        ("method", "before"),
        [
            ("call_soon", ()),
            ("call_soon_threadsafe", ()),
            ("call_later", (1,)),
            ("call_at", (1,)),
            ("run_in_executor", (None,)),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )

    @METHODS
    def test_what_cannot_be_called_is_refused(self, debug_loop, method, before):
        # call_later hands over to call_at, and the text says so.
        named = "call_at" if method == "call_later" else method
        with pytest.raises(TypeError) as caught:
            getattr(debug_loop, method)(*before, 5)
        assert str(caught.value) == f"a callable object was expected by {named}(), got 5"

    @METHODS
    def test_coroutines_and_coroutine_functions_are_refused(self, debug_loop, method, before):
        async def coroutine():
            pass

        named = "call_at" if method == "call_later" else method
        made = coroutine()
        for wrong in (coroutine, made):
            with pytest.raises(TypeError) as caught:
                getattr(debug_loop, method)(*before, wrong)
            assert str(caught.value) == f"coroutines cannot be used with {named}()"
        made.close()

    def test_without_debug_mode_the_call_fails_later(self, loop, reports):
        loop.call_soon(5)
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert isinstance(reports[0]["exception"], TypeError)


class TestPlacesOfCreation:
    def test_futures_tasks_and_handles_know_theirs(self, debug_loop):
        async def work():
            pass

        lines = []
        future = debug_loop.create_future()
        lines.append(this_line() - 1)
        task = debug_loop.create_task(work())
        lines.append(this_line() - 1)
        soon = debug_loop.call_soon(print)
        lines.append(this_line() - 1)
        later = debug_loop.call_later(10, print)
        lines.append(this_line() - 1)
        at = debug_loop.call_at(10, print)
        lines.append(this_line() - 1)
        threadsafe = debug_loop.call_soon_threadsafe(print)
        lines.append(this_line() - 1)
        things = [future, task, soon, later, at, threadsafe]
        places = []
        for thing in things:
            assert isinstance(thing._source_traceback, traceback.StackSummary)
            last = thing._source_traceback[-1]
            places.append((last.filename, last.lineno))
        # create_future() is a frame of stock asyncio's and is left in there.
        assert places[1:] == [(__file__, line) for line in lines[1:]]
        assert (__file__, lines[0]) in [(f.filename, f.lineno) for f in future._source_traceback]
        for handle in (soon, later, at, threadsafe):
            handle.cancel()
        debug_loop.run_until_complete(task)

    def test_nothing_is_kept_without_debug_mode(self, loop):
        async def work():
            pass

        task = loop.create_task(work())
        handle = loop.call_soon(print)
        handle.cancel()
        assert loop.create_future()._source_traceback is None
        assert task._source_traceback is None
        assert handle._source_traceback is None
        loop.run_until_complete(task)

    def test_a_failing_callbacks_report_has_it(self, debug_loop, reports):
        debug_loop.call_soon(lambda: 1 / 0)
        line = this_line() - 1
        debug_loop.call_soon(debug_loop.stop)
        debug_loop.run_forever()
        last = reports[0]["source_traceback"][-1]
        assert (last.filename, last.lineno) == (__file__, line)

    def test_reprs_show_it(self, debug_loop):
        handle = debug_loop.call_soon(print)
        line = this_line() - 1
        assert repr(handle) == f"<Handle print() created at {__file__}:{line}>"
        handle.cancel()
        assert repr(handle) == (f"<Handle cancelled print() created at {__file__}:{line}>")

    def test_a_cancelled_handle_remembers_its_callback_as_text(self, debug_loop):
        handle = debug_loop.call_soon(print, 1, "two")
        handle.cancel()
        assert repr(handle).startswith("<Handle cancelled print(1, 'two') created at ")

    def test_closing_is_logged(self, loop_factory, log):
        loop = loop_factory()
        loop.set_debug(True)
        text = f"Close {loop!r}"
        loop.close()
        assert text in log.messages(0)
