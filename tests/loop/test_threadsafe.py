"""call_soon_threadsafe: the one door for other threads and signal handlers."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import signal
import threading
import time

import pytest
from harness.parked import once_parked
from harness.versions import since, until

# How long a callback runs at most: for a thread that has to wait for it, and for one that has not.
BRIEFLY_S, LONG_S = 0.05, 30


def test_many_producers_lose_nothing_and_keep_their_order(loop):
    producers, each = 8, 500
    seen = {number: [] for number in range(producers)}
    left = producers

    def finished():
        nonlocal left
        left -= 1
        if not left:
            loop.stop()

    def produce(number):
        for value in range(each):
            loop.call_soon_threadsafe(seen[number].append, value)
        loop.call_soon_threadsafe(finished)

    threads = [threading.Thread(target=produce, args=(n,)) for n in range(producers)]
    loop.call_soon(lambda: [thread.start() for thread in threads])
    loop.run_forever()
    for thread in threads:
        thread.join()
    assert seen == {number: list(range(each)) for number in range(producers)}


def test_wakes_a_loop_that_waits_for_nothing_else(loop):
    # The thread answers only after the loop did, so the loop waits each time.
    asked, answered = queue.SimpleQueue(), queue.SimpleQueue()

    def other_side():
        for number in range(500):
            loop.call_soon_threadsafe(answered.put, number)
            assert answered.get(timeout=30) == number
        loop.call_soon_threadsafe(loop.stop)
        asked.put("ended")

    thread = threading.Thread(target=other_side)
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()
    assert asked.get() == "ended"


def test_calls_made_before_the_run_are_run(loop):
    seen = []
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(seen.append, 1))
    thread.start()
    thread.join()
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [1]


def test_calls_made_between_two_runs_wake_the_second(loop):
    loop.run_until_complete(asyncio.sleep(0))
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(loop.stop,))
    thread.start()
    thread.join()
    loop.run_forever()


def test_returns_a_handle_that_cancels(loop):
    seen = []
    handle = loop.call_soon_threadsafe(seen.append, "cancelled")
    assert isinstance(handle, asyncio.Handle)
    handle.cancel()
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == []


def test_uses_the_context_of_the_calling_thread_or_the_one_given(loop):
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []

    def from_thread():
        variable.set("thread")
        given = contextvars.copy_context()
        given.run(variable.set, "given")
        loop.call_soon_threadsafe(lambda: seen.append(variable.get()))
        loop.call_soon_threadsafe(lambda: seen.append(variable.get()), context=given)
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=from_thread)
    thread.start()
    loop.run_forever()
    thread.join()
    assert seen == ["thread", "given"]


def test_is_allowed_from_another_thread_in_debug_mode(loop):
    loop.set_debug(True)
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(loop.stop,))
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()


def test_wakes_a_parked_loop(loop):
    for _ in range(20):
        thread = once_parked(loop.call_soon_threadsafe, loop.stop)
        thread.start()
        loop.run_forever()
        thread.join()


def test_from_a_python_signal_handler_wakes_a_parked_loop(loop):
    previous = signal.signal(signal.SIGUSR1, lambda *_: loop.call_soon_threadsafe(loop.stop))
    try:
        thread = once_parked(signal.pthread_kill, threading.get_ident(), signal.SIGUSR1)
        thread.start()
        loop.run_forever()
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_on_a_closed_loop_raises(loop):
    loop.close()
    with pytest.raises(RuntimeError, match="^Event loop is closed$"):
        loop.call_soon_threadsafe(print)


def test_racing_with_close_raises_and_nothing_worse(loop):
    errors = []
    going = threading.Barrier(5)

    def produce():
        going.wait()
        try:
            while True:
                loop.call_soon_threadsafe(int)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=produce) for _ in range(4)]
    for thread in threads:
        thread.start()
    going.wait()
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    for thread in threads:
        thread.join()
    assert [(type(e), str(e)) for e in errors] == [(RuntimeError, "Event loop is closed")] * 4


def test_a_flood_does_not_keep_the_loop_from_timers_and_tasks(loop):
    done = threading.Event()

    def flood():
        # No more than the slowest build of a loop gets through in a few seconds.
        for _ in range(500_000):
            if done.is_set():
                return
            loop.call_soon_threadsafe(int)

    async def main():
        for _ in range(20):
            await asyncio.sleep(0.001)
        done.set()
        return "got through"

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        assert loop.run_until_complete(main()) == "got through"
    finally:
        done.set()
        thread.join()


def test_an_exception_in_a_threadsafe_callback_goes_to_the_handler(loop, reports):
    error = ValueError("wrong")

    def fail():
        raise error

    def from_thread():
        loop.call_soon_threadsafe(fail)
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=from_thread)
    thread.start()
    loop.run_forever()
    thread.join()
    assert [report["exception"] for report in reports] == [error]


class TestCancelFromAnotherThread:
    """Since 3.14 the handle of a callback that runs makes other threads wait."""

    @pytest.fixture
    def ask_while_running(self, loop):
        """Runs `ask(handle)` on another thread while the callback runs, and says what came when."""

        def run(ask, fail=None, at_most_s=BRIEFLY_S):
            order, begun, asked = [], threading.Event(), threading.Event()

            def callback():
                order.append("begin")
                begun.set()
                if asked.wait(at_most_s):
                    order.append("did not wait")
                order.append("end")
                if fail:
                    raise fail

            def other_side():
                handle = loop.call_soon_threadsafe(callback)
                begun.wait()
                order.append(ask(handle))
                asked.set()
                order.append(handle.cancelled())
                loop.call_soon_threadsafe(loop.stop)

            thread = threading.Thread(target=other_side)
            loop.call_soon(thread.start)
            loop.run_forever()
            thread.join()
            return order

        return run

    @since(3, 14)
    def test_cancel_waits_for_the_end(self, ask_while_running):
        assert ask_while_running(lambda handle: handle.cancel()) == ["begin", "end", None, True]

    @since(3, 14)
    def test_cancelled_waits_for_the_end(self, ask_while_running):
        answer = ask_while_running(lambda handle: handle.cancelled())
        assert answer == ["begin", "end", False, False]

    @until(3, 14)
    def test_cancel_does_not_wait(self, ask_while_running):
        answer = ask_while_running(lambda handle: handle.cancel(), at_most_s=LONG_S)
        assert answer == ["begin", None, True, "did not wait", "end"]

    @since(3, 14)
    def test_all_who_wait_are_let_go(self, ask_while_running):
        answers = []

        def ask(handle):
            threads = [
                threading.Thread(target=lambda: answers.append(handle.cancelled()))
                for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        assert ask_while_running(ask) == ["begin", "end", None, False]
        assert answers == [False] * 4

    @since(3, 14)
    def test_a_callback_that_fails_lets_go_too(self, ask_while_running, reports):
        error = ValueError("wrong")
        answer = ask_while_running(lambda handle: handle.cancel(), fail=error)
        assert answer == ["begin", "end", None, True]
        assert [report["exception"] for report in reports] == [error]

    def test_the_callback_itself_does_not_wait(self, loop):
        handles, answers = queue.SimpleQueue(), []

        def callback():
            handle = handles.get(timeout=LONG_S)
            answers.append(handle.cancelled())
            handle.cancel()
            answers.append(handle.cancelled())
            loop.stop()

        thread = threading.Thread(target=lambda: handles.put(loop.call_soon_threadsafe(callback)))
        loop.call_soon(thread.start)
        loop.run_forever()
        thread.join()
        assert answers == [False, True]

    @since(3, 14)
    def test_a_signal_interrupts_the_wait(self, loop_factory):
        """The loop runs on another thread here: only the main thread handles signals."""
        loop = loop_factory()
        begun, interrupted, seen = threading.Event(), threading.Event(), []

        class Interrupt(Exception):
            pass

        def raise_it(*_):
            raise Interrupt

        def callback():
            begun.set()
            # Gives the main thread time to begin its wait.
            interrupted.wait(BRIEFLY_S)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            seen.append(interrupted.wait(LONG_S))
            loop.stop()

        previous = signal.signal(signal.SIGUSR1, raise_it)
        handle = loop.call_soon_threadsafe(callback)
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            with pytest.raises(Interrupt):
                begun.wait()
                handle.cancel()
        finally:
            interrupted.set()
            thread.join()
            signal.signal(signal.SIGUSR1, previous)
        assert seen == [True]
        assert not handle.cancelled()
        loop.close()

    @since(3, 14)
    def test_says_that_it_is_asyncios_class(self, loop):
        handle = loop.call_soon_threadsafe(int)
        assert isinstance(handle, asyncio.events._ThreadSafeHandle)
        assert not isinstance(loop.call_soon(loop.stop), asyncio.events._ThreadSafeHandle)
        assert repr(handle).startswith("<_ThreadSafeHandle ")
        loop.run_forever()


def test_a_thread_that_calls_call_soon_too_leaves_the_loop_asleep(loop):
    seen = []

    def both():
        # The loop cannot go on between the two: it needs the GIL.
        loop.call_soon_threadsafe(seen.append, "threadsafe")
        loop.call_soon(seen.append, "soon")

    async def main():
        thread = once_parked(both)
        thread.start()
        await asyncio.sleep(0.1)
        thread.join()
        before = time.thread_time()
        await asyncio.sleep(0.2)
        return time.thread_time() - before

    assert loop.run_until_complete(main()) < 0.1
    assert seen == ["threadsafe", "soon"]


def test_what_came_before_the_loop_stopped_keeps_its_place(loop):
    seen = []

    def in_the_last_turn():
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(seen.append, "thread"))
        thread.start()
        thread.join()
        loop.stop()

    loop.call_soon(in_the_last_turn)
    loop.run_forever()
    loop.call_soon_threadsafe(seen.append, "stopped")
    loop.call_soon(seen.append, "soon")
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == ["thread", "stopped", "soon"]
