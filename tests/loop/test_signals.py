"""add_signal_handler, and Ctrl-C, on a loop that waits and on one that is busy."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import os
import signal
import socket
import threading

import pytest
from harness.parked import once_parked

# pytest-timeout's usual method is SIGALRM, which is tested here.
pytestmark = pytest.mark.timeout(60, method="thread")

SIGNALS = [
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCHLD,
    signal.SIGWINCH,
    signal.SIGQUIT,
    signal.SIGTSTP,
    signal.SIGRTMIN,
    signal.SIGRTMIN + 5,
    signal.SIGRTMAX,
]


def send_once_parked(number):
    """Starts a thread that sends the signal to this one as soon as its loop waits."""
    thread = once_parked(signal.pthread_kill, threading.get_ident(), number)
    thread.start()
    return thread


def send_when_running(loop, number):
    """Sends the signal to this thread while its loop runs, and never waits."""
    running = threading.Event()
    target = threading.get_ident()

    def send():
        running.wait()
        signal.pthread_kill(target, number)

    thread = threading.Thread(target=send)
    thread.start()
    loop.call_soon(loop.call_soon, running.set)
    return thread


def endless_native_chain(loop):
    """A callback that schedules itself for ever without executing any bytecode of ours."""
    again = functools.partial(loop.call_soon)
    again.__setstate__((loop.call_soon, (again,), {}, {}))
    loop.call_soon(again)


@pytest.mark.parametrize("number", SIGNALS, ids=str)
def test_wakes_a_loop_that_waits(loop, number):
    seen = []

    def handler(*args):
        seen.append(args)
        loop.stop()

    loop.add_signal_handler(number, handler, 1, "two")
    thread = send_once_parked(number)
    loop.run_forever()
    thread.join()
    assert loop.remove_signal_handler(number) is True
    assert seen == [(1, "two")]


def test_reaches_a_loop_busy_with_native_callbacks(loop):
    endless_native_chain(loop)
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    thread = send_when_running(loop, signal.SIGUSR1)
    loop.run_forever()
    thread.join()
    loop.remove_signal_handler(signal.SIGUSR1)


def test_ctrl_c_reaches_a_loop_that_waits(loop):
    thread = send_once_parked(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    thread.join()
    assert not loop.is_running()


def test_ctrl_c_reaches_a_loop_busy_with_native_callbacks(loop):
    endless_native_chain(loop)
    thread = send_when_running(loop, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    thread.join()


def test_a_handler_of_the_signal_module_runs_while_the_loop_waits(loop):
    seen = []

    def handler(number, frame):
        seen.append(number)
        loop.call_soon_threadsafe(loop.stop)

    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        thread = send_once_parked(signal.SIGUSR1)
        loop.run_forever()
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert seen == [signal.SIGUSR1]


def test_an_exception_of_a_signal_module_handler_leaves_the_loop(loop):
    class Alarm(Exception):
        pass

    def handler(number, frame):
        raise Alarm

    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        thread = send_once_parked(signal.SIGUSR1)
        with pytest.raises(Alarm):
            loop.run_forever()
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_a_timer_of_the_kernel_wakes_the_loop(loop):
    loop.add_signal_handler(signal.SIGALRM, loop.stop)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    loop.run_forever()
    loop.remove_signal_handler(signal.SIGALRM)


def test_handlers_run_as_callbacks_of_the_loop(loop):
    seen = []

    async def main():
        done = loop.create_future()

        def handler():
            seen.append(asyncio.get_running_loop())
            done.set_result(threading.get_ident())

        loop.add_signal_handler(signal.SIGUSR1, handler)
        signal.raise_signal(signal.SIGUSR1)
        seen.append("not at once")
        return await done

    assert loop.run_until_complete(main()) == threading.get_ident()
    assert seen == ["not at once", loop]
    loop.remove_signal_handler(signal.SIGUSR1)


def test_an_exception_in_a_handler_is_reported_and_the_next_signal_is_handled(loop, reports):
    calls = []

    async def main():
        again = loop.create_future()

        def handler():
            calls.append(1)
            if len(calls) == 2:
                again.set_result(None)
                return
            loop.call_soon(signal.raise_signal, signal.SIGUSR1)
            raise ValueError("in the handler")

        loop.add_signal_handler(signal.SIGUSR1, handler)
        signal.raise_signal(signal.SIGUSR1)
        await again

    loop.run_until_complete(main())
    loop.remove_signal_handler(signal.SIGUSR1)
    assert [str(report["exception"]) for report in reports] == ["in the handler"]


def test_a_signal_between_two_runs_is_handled_in_the_second(loop):
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    loop.run_until_complete(asyncio.sleep(0))
    signal.raise_signal(signal.SIGUSR1)
    loop.run_forever()
    loop.remove_signal_handler(signal.SIGUSR1)


def test_a_second_handler_takes_the_place_of_the_first(loop):
    seen = []
    loop.add_signal_handler(signal.SIGUSR1, seen.append, "first")
    loop.add_signal_handler(signal.SIGUSR1, lambda: (seen.append("second"), loop.stop()))
    signal.raise_signal(signal.SIGUSR1)
    loop.run_forever()
    assert loop.remove_signal_handler(signal.SIGUSR1) is True
    assert loop.remove_signal_handler(signal.SIGUSR1) is False
    assert seen == ["second"]


def test_two_signals_have_a_handler_each(loop):
    seen = []

    async def main():
        both = asyncio.Barrier(3)

        def handler(name):
            seen.append(name)
            waiters.append(loop.create_task(both.wait()))

        waiters = []
        loop.add_signal_handler(signal.SIGUSR1, handler, "one")
        loop.add_signal_handler(signal.SIGUSR2, handler, "two")
        signal.raise_signal(signal.SIGUSR2)
        signal.raise_signal(signal.SIGUSR1)
        await both.wait()
        await asyncio.gather(*waiters)

    loop.run_until_complete(main())
    assert sorted(seen) == ["one", "two"]
    loop.remove_signal_handler(signal.SIGUSR1)
    seen.clear()
    loop.add_signal_handler(signal.SIGUSR2, loop.stop)
    signal.raise_signal(signal.SIGUSR2)
    loop.run_forever()
    loop.remove_signal_handler(signal.SIGUSR2)


def test_signals_that_queue_call_the_handler_each_time(loop):
    seen = []
    loop.add_signal_handler(
        signal.SIGRTMIN, lambda: (seen.append(1), len(seen) == 3 and loop.stop())
    )
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
    for _ in range(3):
        signal.pthread_kill(threading.get_ident(), signal.SIGRTMIN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGRTMIN])
    loop.run_forever()
    loop.remove_signal_handler(signal.SIGRTMIN)
    assert seen == [1, 1, 1]


@pytest.mark.only("asyncioxide")
def test_thousands_between_two_runs_do_not_hide_the_last(loop):
    # asyncio's socket pair is full after less than 300.
    seen = []
    loop.add_signal_handler(signal.SIGUSR1, seen.append, 1)
    loop.add_signal_handler(signal.SIGTERM, loop.stop)
    for _ in range(5000):
        signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGTERM)
    loop.run_forever()
    assert len(seen) == 5000
    loop.remove_signal_handler(signal.SIGUSR1)
    loop.remove_signal_handler(signal.SIGTERM)


def test_a_cancelled_handle_is_removed_by_the_signal(loop):
    loop.add_signal_handler(signal.SIGUSR1, print)
    loop._signal_handlers[signal.SIGUSR1].cancel()
    loop.add_signal_handler(signal.SIGUSR2, loop.stop)
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR2)
    loop.run_forever()
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    assert loop.remove_signal_handler(signal.SIGUSR1) is False
    loop.remove_signal_handler(signal.SIGUSR2)


def test_a_handler_may_remove_itself_and_add_another(loop):
    seen = []

    def first():
        seen.append("first")
        loop.remove_signal_handler(signal.SIGUSR1)
        loop.add_signal_handler(signal.SIGUSR2, loop.stop)
        signal.raise_signal(signal.SIGUSR2)

    loop.add_signal_handler(signal.SIGUSR1, first)
    signal.raise_signal(signal.SIGUSR1)
    loop.run_forever()
    assert seen == ["first"]
    loop.remove_signal_handler(signal.SIGUSR2)


def test_a_handler_runs_in_the_context_in_which_it_was_added(loop):
    import contextvars

    variable = contextvars.ContextVar("variable", default="none")
    seen = []

    def add():
        variable.set("set")
        loop.add_signal_handler(signal.SIGUSR1, lambda: (seen.append(variable.get()), loop.stop()))

    contextvars.copy_context().run(add)
    signal.raise_signal(signal.SIGUSR1)
    loop.run_forever()
    loop.remove_signal_handler(signal.SIGUSR1)
    assert seen == ["set"]


class TestPuttingBack:
    def test_removing_restores_the_default_action(self, loop):
        loop.add_signal_handler(signal.SIGUSR1, print)
        assert signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL
        loop.remove_signal_handler(signal.SIGUSR1)
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL

    def test_removing_sigints_handler_brings_keyboard_interrupt_back(self, loop):
        loop.add_signal_handler(signal.SIGINT, print)
        loop.remove_signal_handler(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_close_removes_all_of_them(self, loop):
        loop.add_signal_handler(signal.SIGUSR1, print)
        loop.add_signal_handler(signal.SIGINT, print)
        loop.close()
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_a_handler_outlives_a_run(self, loop):
        loop.add_signal_handler(signal.SIGUSR1, loop.stop)
        for _ in range(3):
            loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
            loop.run_forever()
        loop.remove_signal_handler(signal.SIGUSR1)

    def test_a_refused_signal_leaves_the_others(self, loop):
        loop.add_signal_handler(signal.SIGUSR1, loop.stop)
        with pytest.raises(RuntimeError):
            loop.add_signal_handler(signal.SIGKILL, print)
        signal.raise_signal(signal.SIGUSR1)
        loop.run_forever()
        loop.remove_signal_handler(signal.SIGUSR1)

    @pytest.mark.only("asyncioxide")
    def test_a_wakeup_descriptor_set_before_is_back_after_the_run(self, loop):
        # asyncio leaves -1 behind once it had a handler.
        left, right = socket.socketpair()
        with left, right:
            right.setblocking(False)
            previous = signal.set_wakeup_fd(right.fileno())
            try:
                loop.add_signal_handler(signal.SIGUSR1, loop.stop)
                signal.raise_signal(signal.SIGUSR1)
                loop.run_forever()
                loop.remove_signal_handler(signal.SIGUSR1)
            finally:
                current = signal.set_wakeup_fd(previous)
            assert current == right.fileno()

    def test_a_loop_in_another_thread_leaves_signals_alone(self, loop):
        seen = []

        def run():
            loop.call_soon(loop.stop)
            loop.run_forever()
            seen.append("ran")

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert seen == ["ran"]


class TestOtherThreads:
    def call(self, method, *args):
        """What the method raises in another thread."""
        errors = []

        def run():
            try:
                method(*args)
            except Exception as error:
                errors.append(f"{type(error).__name__}: {error}")

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return errors

    def test_removing_is_refused(self, loop):
        loop.add_signal_handler(signal.SIGUSR1, print)
        errors = self.call(loop.remove_signal_handler, signal.SIGUSR1)
        assert errors == ["ValueError: signal only works in main thread of the main interpreter"]
        # It is forgotten all the same, and only the interpreter's part is left.
        assert loop.remove_signal_handler(signal.SIGUSR1) is False
        assert loop._signal_handlers == {}
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)

    def test_removing_what_is_not_there_is_not(self, loop):
        assert self.call(loop.remove_signal_handler, signal.SIGUSR1) == []

    def test_closing_with_handlers_closes_the_loop_and_leaves_the_signals(self, loop_factory):
        loop = loop_factory()
        executor = concurrent.futures.ThreadPoolExecutor(1)
        loop.set_default_executor(executor)
        loop.add_signal_handler(signal.SIGUSR1, print)
        loop.add_signal_handler(signal.SIGUSR2, print)
        errors = self.call(loop.close)
        assert errors == ["ValueError: signal only works in main thread of the main interpreter"]
        assert loop.is_closed()
        assert list(loop._signal_handlers) == [signal.SIGUSR2]
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(print)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            assert signal.getsignal(number) is not signal.SIG_DFL
        # In the main thread it gives back what has a handler still.
        loop.close()
        assert signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        assert signal.set_wakeup_fd(-1) == -1

    @pytest.mark.only("asyncioxide")
    def test_closing_with_a_handler_keeps_the_number_from_others(self, loop_factory):
        loop = loop_factory()
        loop.add_signal_handler(signal.SIGUSR1, print)
        ours = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(ours)
        self.call(loop.close)
        pairs = [os.pipe() for _ in range(8)]
        assert all(ours not in pair for pair in pairs)
        signal.raise_signal(signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        for fd in sum(pairs, ()):
            os.close(fd)
        after = loop_factory()
        after.run_until_complete(asyncio.sleep(0))
        after.close()
        assert signal.set_wakeup_fd(-1) == -1

    def test_closing_without_one_is_not(self, loop):
        loop.run_until_complete(asyncio.sleep(0))
        assert self.call(loop.close) == []
        assert loop.is_closed()


class TestRefusals:
    def test_in_another_thread(self, loop):
        errors = []

        def wrong():
            try:
                loop.add_signal_handler(signal.SIGUSR1, print)
            except RuntimeError as error:
                errors.append(str(error))

        thread = threading.Thread(target=wrong)
        thread.start()
        thread.join()
        assert errors == ["set_wakeup_fd only works in main thread of the main interpreter"]
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
    def test_what_cannot_be_caught(self, loop, number):
        with pytest.raises(RuntimeError, match=f"^sig {int(number)} cannot be caught$"):
            loop.add_signal_handler(number, print)

    @pytest.mark.parametrize("number", [0, -1, 1000])
    def test_what_is_no_signal(self, loop, number):
        for method in (loop.add_signal_handler, loop.remove_signal_handler):
            with pytest.raises(ValueError, match=f"^invalid signal number {number}$"):
                method(number, *([print] if method == loop.add_signal_handler else []))

    @pytest.mark.parametrize("number", ["SIGINT", None, 2.0])
    def test_what_is_no_number(self, loop, number):
        with pytest.raises(TypeError) as caught:
            loop.add_signal_handler(number, print)
        assert str(caught.value) == f"sig must be an int, not {number!r}"

    def test_coroutines(self, loop):
        async def coroutine():
            pass

        made = coroutine()
        for wrong in (coroutine, made):
            text = r"^coroutines cannot be used with add_signal_handler\(\)$"
            with pytest.raises(TypeError, match=text):
                loop.add_signal_handler(signal.SIGUSR1, wrong)
        made.close()

    def test_a_closed_loop(self, loop):
        loop.close()
        with pytest.raises(RuntimeError, match="^Event loop is closed$"):
            loop.add_signal_handler(signal.SIGUSR1, print)
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


class TestRunner:
    def test_ctrl_c_cancels_the_main_task(self, loop_factory):
        seen = []

        async def main():
            try:
                asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            with pytest.raises(KeyboardInterrupt):
                runner.run(main())
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            assert runner.run(asyncio.sleep(0, "again")) == "again"
        assert seen == ["cancelled"]

    def test_a_second_ctrl_c_interrupts_at_once(self, loop_factory):
        async def main():
            loop = asyncio.get_running_loop()
            while True:
                try:
                    loop.call_soon(signal.raise_signal, signal.SIGINT)
                    await loop.create_future()
                except asyncio.CancelledError:
                    continue

        # The task outlives the first signal; the second one leaves the loop through it.
        runner = asyncio.Runner(loop_factory=loop_factory)
        with pytest.raises(KeyboardInterrupt):
            runner.run(main())
        (task,) = asyncio.all_tasks(runner.get_loop())
        task.get_coro().close()
        task._log_destroy_pending = False
        runner.get_loop().close()
