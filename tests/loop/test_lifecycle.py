"""Starting, stopping, nesting and closing a loop."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import threading
import warnings
import weakref

import pytest
from harness.child import run_child
from harness.versions import skip_stock_bug


def test_states_through_a_life(loop_factory):
    loop = loop_factory()
    assert (loop.is_running(), loop.is_closed()) == (False, False)
    inside = []
    loop.call_soon(lambda: inside.append((loop.is_running(), loop.is_closed())))
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert inside == [(True, False)]
    assert (loop.is_running(), loop.is_closed()) == (False, False)
    loop.close()
    assert (loop.is_running(), loop.is_closed()) == (False, True)


def test_is_an_abstract_event_loop(loop):
    assert isinstance(loop, asyncio.AbstractEventLoop)


def test_two_loops_are_two_objects_with_states_of_their_own(loop_factory):
    first, second = loop_factory(), loop_factory()
    first.close()
    assert not second.is_closed()
    second.close()


def test_repr_names_the_class_and_the_states(loop_factory):
    loop = loop_factory()
    name = type(loop).__name__
    assert repr(loop) == f"<{name} running=False closed=False debug=False>"
    loop.set_debug(True)
    inside = []
    loop.call_soon(lambda: inside.append(repr(loop)))
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert inside == [f"<{name} running=True closed=False debug=True>"]
    assert repr(loop) == f"<{name} running=False closed=True debug=True>"


def test_runs_again_after_it_stopped(loop):
    seen = []
    for number in range(3):
        loop.call_soon(seen.append, number)
        loop.call_soon(loop.stop)
        loop.run_forever()
    assert seen == [0, 1, 2]


def test_stop_before_run_gives_one_turn(loop):
    seen = []
    loop.call_soon(seen.append, "ready")
    loop.call_soon(lambda: loop.call_soon(seen.append, "next"))
    loop.stop()
    loop.run_forever()
    assert seen == ["ready"]
    loop.stop()
    loop.run_forever()
    assert seen == ["ready", "next"]


def test_stop_holds_for_one_run_only(loop):
    loop.stop()
    loop.stop()
    loop.run_forever()
    seen = []
    loop.call_soon(loop.call_soon, loop.call_soon, lambda: (seen.append(1), loop.stop()))
    loop.run_forever()
    assert seen == [1]


def test_stop_in_a_task(loop):
    async def main():
        loop.stop()
        return "went on to its end"

    task = loop.create_task(main())
    loop.run_forever()
    assert task.result() == "went on to its end"


def test_stop_from_another_thread_through_call_soon_threadsafe(loop):
    running = threading.Event()
    loop.call_soon(running.set)

    def stop():
        running.wait()
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=stop)
    thread.start()
    loop.run_forever()
    thread.join()


def skip_the_bug_of_3130(names):
    wrong = sys.version_info[:3] == (3, 13, 0)
    skip_stock_bug(names, wrong, "a refused run cleans up after the run that is on")


def test_running_it_inside_of_itself_is_refused(loop, names):
    skip_the_bug_of_3130(names)

    async def main():
        with pytest.raises(RuntimeError, match="^This event loop is already running$"):
            loop.run_forever()
        future = loop.create_future()
        with pytest.raises(RuntimeError, match="^This event loop is already running$"):
            loop.run_until_complete(future)
        return "went on"

    assert loop.run_until_complete(main()) == "went on"


def test_running_another_loop_inside_is_refused(loop, loop_factory, names):
    skip_the_bug_of_3130(names)
    other = loop_factory()
    text = "^Cannot run the event loop while another loop is running$"

    async def main():
        with pytest.raises(RuntimeError, match=text):
            other.run_forever()
        with pytest.raises(RuntimeError, match=text):
            other.run_until_complete(other.create_future())
        return other.is_running()

    assert loop.run_until_complete(main()) is False
    other.close()


def test_stock_and_tested_loop_refuse_to_run_inside_each_other(loop):
    text = "^Cannot run the event loop while another loop is running$"
    stock = asyncio.new_event_loop()

    async def run(other):
        with pytest.raises(RuntimeError, match=text):
            other.run_forever()

    stock.run_until_complete(run(loop))
    loop.run_until_complete(run(stock))
    stock.close()


def test_the_running_loop_is_known_inside_only(loop):
    async def main():
        return asyncio.get_running_loop()

    assert loop.run_until_complete(main()) is loop
    with pytest.raises(RuntimeError, match="^no running event loop$"):
        asyncio.get_running_loop()
    assert asyncio._get_running_loop() is None


def test_the_running_loop_is_known_in_callbacks(loop):
    seen = []
    loop.call_soon(lambda: seen.append(asyncio.get_running_loop()))
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [loop]


def test_loops_in_two_threads_run_at_once(loop, loop_factory):
    other = loop_factory()
    at_the_same_time = threading.Barrier(2)
    seen = {}

    def run(name, which):
        def both_here():
            at_the_same_time.wait()
            seen[name] = asyncio.get_running_loop()
            which.stop()

        which.call_soon(both_here)
        which.run_forever()

    thread = threading.Thread(target=run, args=("other", other))
    thread.start()
    run("main", loop)
    thread.join()
    other.close()
    assert seen == {"main": loop, "other": other}


def test_a_loop_can_run_in_one_thread_and_then_in_another(loop):
    seen = []

    def run():
        loop.call_soon(lambda: seen.append(threading.get_ident()))
        loop.call_soon(loop.stop)
        loop.run_forever()

    run()
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert len(set(seen)) == 2


class TestRunUntilComplete:
    def test_gives_the_result_of_a_coroutine(self, loop):
        async def main():
            await asyncio.sleep(0)
            return 42

        assert loop.run_until_complete(main()) == 42

    def test_raises_the_exception_of_a_coroutine(self, loop):
        error = ValueError("from inside")

        async def main():
            raise error

        with pytest.raises(ValueError) as caught:
            loop.run_until_complete(main())
        assert caught.value is error

    def test_takes_a_future(self, loop):
        future = loop.create_future()
        loop.call_soon(future.set_result, "set")
        assert loop.run_until_complete(future) == "set"

    def test_takes_a_task(self, loop):
        async def main():
            return "done"

        assert loop.run_until_complete(loop.create_task(main())) == "done"

    def test_takes_what_is_done_already(self, loop):
        future = loop.create_future()
        future.set_result("early")
        assert loop.run_until_complete(future) == "early"

    def test_takes_any_awaitable(self, loop):
        class Awaitable:
            def __await__(self):
                yield from asyncio.sleep(0).__await__()
                return "awaited"

        assert loop.run_until_complete(Awaitable()) == "awaited"

    def test_a_cancelled_future_raises_cancelled_error(self, loop):
        future = loop.create_future()
        loop.call_soon(future.cancel, "why")
        with pytest.raises(asyncio.CancelledError, match="^why$"):
            loop.run_until_complete(future)

    def test_stopped_early_is_an_error(self, loop):
        future = loop.create_future()
        loop.call_soon(loop.stop)
        text = r"^Event loop stopped before Future completed\.$"
        with pytest.raises(RuntimeError, match=text):
            loop.run_until_complete(future)
        assert not future.done()

    def test_a_future_stopped_early_can_be_waited_for_again(self, loop):
        future = loop.create_future()
        loop.call_soon(loop.stop)
        with pytest.raises(RuntimeError):
            loop.run_until_complete(future)
        loop.call_soon(future.set_result, 1)
        assert loop.run_until_complete(future) == 1

    def test_a_future_of_another_loop_is_refused(self, loop, loop_factory):
        other = loop_factory()
        future = other.create_future()
        text = (
            "^The future belongs to a different loop than the one specified as the loop argument$"
        )
        with pytest.raises(ValueError, match=text):
            loop.run_until_complete(future)
        other.close()

    def test_what_cannot_be_awaited_is_refused(self, loop):
        for wrong in (None, 1, "text", lambda: None):
            text = r"^An asyncio\.Future, a coroutine or an awaitable is required$"
            with pytest.raises(TypeError, match=text):
                loop.run_until_complete(wrong)

    def test_takes_its_callback_off_the_future(self, loop):
        future = loop.create_future()
        loop.call_soon(loop.stop)
        with pytest.raises(RuntimeError):
            loop.run_until_complete(future)
        assert not future._callbacks

    def test_the_root_task_carries_the_callback_that_anyio_looks_for(self, loop):
        async def main():
            callbacks = asyncio.current_task()._callbacks
            return [callback for callback, _ in callbacks]

        assert loop.run_until_complete(main()) == [asyncio.base_events._run_until_complete_cb]

    def test_leaves_what_comes_after_for_the_next_run(self, loop):
        seen = []

        async def main():
            loop.call_soon(seen.append, "same turn as the stop")
            loop.call_soon(loop.call_soon, seen.append, "later")

        loop.run_until_complete(main())
        assert seen == ["same turn as the stop"]
        loop.run_until_complete(asyncio.sleep(0))
        assert seen == ["same turn as the stop", "later"]


class TestLeavingThroughAnException:
    @pytest.mark.parametrize("kind_of_exit", [KeyboardInterrupt, SystemExit])
    def test_a_callback_that_exits_leaves_the_rest_queued(self, loop, kind_of_exit):
        seen = []

        def leave():
            raise kind_of_exit("now")

        loop.call_soon(seen.append, "before")
        loop.call_soon(leave)
        loop.call_soon(seen.append, "after")
        with pytest.raises(kind_of_exit, match="^now$"):
            loop.run_forever()
        assert seen == ["before"]
        assert not loop.is_running()
        assert asyncio._get_running_loop() is None
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == ["before", "after"]

    @pytest.mark.parametrize("kind_of_exit", [KeyboardInterrupt, SystemExit])
    def test_a_task_that_exits_is_finished_and_leaves_the_loop(self, loop, kind_of_exit):
        async def main():
            raise kind_of_exit("from a task")

        task = loop.create_task(main())
        with pytest.raises(kind_of_exit, match="^from a task$"):
            loop.run_forever()
        assert task.done()
        assert isinstance(task.exception(), kind_of_exit)

    @pytest.mark.parametrize("kind_of_exit", [KeyboardInterrupt, SystemExit])
    def test_run_until_complete_passes_it_on_and_reports_nothing(self, loop, kind_of_exit, reports):
        async def main():
            raise kind_of_exit("out")

        with pytest.raises(kind_of_exit, match="^out$"):
            loop.run_until_complete(main())
        gc.collect()
        assert reports == []
        # The stop that the finished task asked for must not end the next run early.
        assert loop.run_until_complete(asyncio.sleep(0, "again")) == "again"

    def test_a_timer_that_exits_leaves_later_timers(self, loop):
        seen = []

        def leave():
            raise KeyboardInterrupt

        now = loop.time()
        loop.call_at(now - 2, leave)
        loop.call_at(now - 1, seen.append, "after")
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == ["after"]

    def test_any_other_base_exception_goes_to_the_handler(self, loop, reports):
        class Odd(BaseException):
            pass

        error = Odd("odd")

        def fail():
            raise error

        loop.call_soon(fail)
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert [report["exception"] for report in reports] == [error]


class TestClose:
    def test_a_running_loop_cannot_be_closed(self, loop):
        async def main():
            with pytest.raises(RuntimeError, match="^Cannot close a running event loop$"):
                loop.close()

        loop.run_until_complete(main())
        assert not loop.is_closed()

    def test_a_second_close_does_nothing(self, loop):
        loop.close()
        loop.close()
        assert loop.is_closed()

    def test_running_a_closed_loop_is_refused(self, loop):
        future = loop.create_future()
        loop.close()
        with pytest.raises(RuntimeError, match="^Event loop is closed$"):
            loop.run_forever()
        with pytest.raises(RuntimeError, match="^Event loop is closed$"):
            loop.run_until_complete(future)

    def test_lets_go_of_what_was_queued(self, loop):
        class Argument:
            pass

        argument = Argument()
        alive = weakref.ref(argument)
        loop.call_soon(print, argument)
        loop.call_soon_threadsafe(print, argument)
        loop.call_later(1000, print, argument)
        del argument
        assert alive() is not None
        loop.close()
        gc.collect()
        assert alive() is None

    def test_cancelling_a_handle_after_close_is_harmless(self, loop):
        handles = [loop.call_soon(print), loop.call_later(1, print)]
        loop.close()
        for handle in handles:
            handle.cancel()
            assert handle.cancelled()

    def test_stop_after_close_is_harmless(self, loop):
        loop.close()
        loop.stop()
        assert loop.is_closed()

    def test_a_closed_loop_still_tells_the_time_and_its_settings(self, loop):
        loop.close()
        assert loop.time() > 0
        assert loop.get_debug() is False
        assert loop.get_task_factory() is None
        assert loop.get_exception_handler() is None

    def test_closing_in_another_thread_than_it_ran_in(self, loop):
        loop.run_until_complete(asyncio.sleep(0))
        thread = threading.Thread(target=loop.close)
        thread.start()
        thread.join()
        assert loop.is_closed()

    def test_a_loop_that_is_never_closed_warns(self, loop_factory):
        loop = loop_factory()
        text = re.escape(f"unclosed event loop {loop!r}")
        with pytest.warns(ResourceWarning, match=f"^{text}$"):
            del loop
            gc.collect()

    def test_a_closed_loop_does_not_warn(self, loop_factory):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            loop_factory().close()
            gc.collect()
        assert seen == []


class TestAsAnObject:
    def test_can_be_referred_to_weakly(self, loop_factory):
        loop = loop_factory()
        alive = weakref.ref(loop)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        del loop
        gc.collect()
        assert alive() is None

    def test_takes_attributes(self, loop):
        loop.of_my_own = 1
        assert loop.of_my_own == 1

    def test_is_hashable_and_equal_to_itself_only(self, loop, loop_factory):
        other = loop_factory()
        assert {loop: 1}[loop] == 1
        assert loop != other
        other.close()

    def test_can_be_subclassed(self, loop):
        calls = []

        class Loud(type(loop)):
            def call_soon(self, callback, *args, context=None):
                calls.append(callback)
                return super().call_soon(callback, *args, context=context)

        loud = Loud()
        loud.call_soon(loud.stop)
        loud.run_forever()
        loud.close()
        assert calls == [loud.stop]
        calls.clear()

    def test_time_is_the_monotonic_clock(self, loop):
        import time

        before = time.monotonic()
        now = loop.time()
        assert isinstance(now, float)
        # asyncioxide reads the clock once a turn; outside of a run it is read anew.
        assert before <= now <= time.monotonic()


def test_call_soon_replaced_on_the_class_is_asked_from_the_next_run(loop, monkeypatch):
    cls = type(loop)
    before = cls.call_soon
    calls = []

    def call_soon(self, callback, *args, context=None):
        calls.append(callback)
        return before(self, callback, *args, context=context)

    loop.run_until_complete(asyncio.sleep(0))
    monkeypatch.setattr(cls, "call_soon", call_soon)
    loop.run_until_complete(asyncio.sleep(0))
    assert calls


class TestRunsThatGoWrong:
    def run(self, kind, program):
        done = run_child(kind, program)
        assert done.stderr == ""
        return done.stdout.splitlines()

    def test_a_task_that_unsets_the_running_loop_leaves_nothing_behind(self, loop_kind):
        program = """
        import contextlib, logging, signal
        logging.disable()
        loop = new_event_loop()

        async def main():
            asyncio._set_running_loop(None)
            loop.stop()

        task = loop.create_task(main())
        # From 3.14 the task is the running loop's only.
        with contextlib.suppress(RuntimeError):
            loop.run_forever()
        print(loop.is_running(), asyncio._get_running_loop())
        print(*sys.get_asyncgen_hooks(), signal.set_wakeup_fd(-1))
        loop.close()
        print(loop.is_closed())
        """
        assert self.run(loop_kind, program) == ["False None", "None None -1", "True"]

    def test_a_loop_that_was_made_runs_without_a_descriptor_left(self, loop_kind):
        program = """
        import os, resource
        loop = new_event_loop()
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
        while True:
            try:
                os.open("/dev/null", os.O_RDONLY)
            except OSError:
                break
        print(loop.run_until_complete(asyncio.sleep(0, "ran")))
        loop.close()
        """
        assert self.run(loop_kind, program) == ["ran"]

    # asyncio's fails in its __del__.
    @pytest.mark.only("asyncioxide")
    def test_a_loop_that_cannot_be_made_leaves_no_descriptor(self, loop_kind):
        program = """
        import gc, os, resource
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        new_event_loop().close()

        def count():
            return len(os.listdir("/proc/self/fd"))

        before = count()
        refused = 0
        for spare in range(6):
            resource.setrlimit(resource.RLIMIT_NOFILE, (before - 1 + spare, most))
            try:
                new_event_loop().close()
            except OSError:
                refused += 1
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
            gc.collect()
            assert count() == before
        print(refused > 2)
        """
        assert self.run(loop_kind, program) == ["True"]
