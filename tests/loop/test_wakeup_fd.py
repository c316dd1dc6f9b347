"""signal.set_wakeup_fd is one for the whole process: how loops and others share it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest
from harness.parked import once_parked

pytestmark = pytest.mark.timeout(60, method="thread")


class Theirs:
    """A wakeup descriptor that somebody else installed, as trio and others do."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self.write, warn_on_full_buffer=False)

    def is_installed(self) -> bool:
        current = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(current, warn_on_full_buffer=False)
        return current == self.write

    def received(self) -> list[int]:
        try:
            return list(os.read(self.read, 1000))
        except BlockingIOError:
            return []

    def close(self) -> None:
        os.close(self.read)
        os.close(self.write)


@pytest.fixture
def theirs() -> Iterator[Theirs]:
    made = Theirs()
    yield made
    signal.set_wakeup_fd(-1)
    made.close()


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    yield
    assert signal.set_wakeup_fd(-1) == -1


def run_briefly(loop) -> None:
    loop.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def ignored_usr2() -> Iterator[None]:
    """SIGUSR2 has a handler of the signal module that does nothing."""
    signal.signal(signal.SIGUSR2, lambda *_: None)
    yield
    signal.signal(signal.SIGUSR2, signal.SIG_DFL)


@pytest.mark.only("asyncioxide")
class TestSomebodyElse:
    def test_has_the_place_back_after_a_run(self, loop, theirs):
        run_briefly(loop)
        assert theirs.is_installed()

    def test_has_it_back_after_a_run_that_raised(self, loop, theirs):
        def fail():
            raise KeyboardInterrupt

        loop.call_soon(fail)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        assert theirs.is_installed()

    def test_has_it_back_with_the_last_handler(self, loop, theirs):
        loop.add_signal_handler(signal.SIGUSR1, print)
        loop.add_signal_handler(signal.SIGHUP, print)
        loop.remove_signal_handler(signal.SIGUSR1)
        assert not theirs.is_installed()
        loop.remove_signal_handler(signal.SIGHUP)
        assert theirs.is_installed()

    def test_has_it_back_when_the_loop_is_closed(self, loop, theirs):
        loop.add_signal_handler(signal.SIGUSR1, print)
        run_briefly(loop)
        loop.close()
        assert theirs.is_installed()

    def test_has_it_back_when_no_handler_could_be_added(self, loop, theirs):
        with pytest.raises(RuntimeError):
            loop.add_signal_handler(signal.SIGKILL, print)
        assert theirs.is_installed()

    def test_gets_the_signals_that_the_loop_has_no_handler_for(self, loop, theirs, ignored_usr2):
        loop.add_signal_handler(signal.SIGUSR1, loop.stop)
        loop.call_soon(signal.raise_signal, signal.SIGUSR2)
        loop.call_soon(signal.raise_signal, signal.SIGUSR1)
        loop.run_forever()
        assert theirs.received() == [signal.SIGUSR2]
        loop.remove_signal_handler(signal.SIGUSR1)

    def test_that_comes_while_the_loop_runs_stays(self, loop, ignored_usr2):
        made = []
        loop.call_soon(lambda: made.append(Theirs()))
        run_briefly(loop)
        run_briefly(loop)
        assert made[0].is_installed()
        run_briefly(loop)
        assert made[0].is_installed()
        signal.set_wakeup_fd(-1)
        made[0].close()

    def test_that_leaves_a_closed_descriptor_behind_does_not_fail_the_run(self, loop, theirs):
        def come_and_go():
            Theirs().close()

        loop.call_soon(come_and_go)
        run_briefly(loop)
        assert theirs.is_installed()

    def test_that_comes_over_a_loop_with_handlers_has_it_back_after_its_run(self, loop):
        loop.add_signal_handler(signal.SIGUSR1, loop.stop)
        over = Theirs()
        thread = once_parked(signal.pthread_kill, threading.get_ident(), signal.SIGUSR1)
        thread.start()
        loop.run_forever()
        thread.join()
        assert over.is_installed()
        loop.remove_signal_handler(signal.SIGUSR1)
        assert over.is_installed()
        signal.set_wakeup_fd(-1)
        over.close()

    def test_that_has_closed_its_descriptor_gets_nothing(self, loop, theirs, ignored_usr2):
        loop.add_signal_handler(signal.SIGUSR1, loop.stop)
        read, write = os.pipe2(os.O_NONBLOCK)
        os.dup2(write, theirs.write)
        loop.call_soon(signal.raise_signal, signal.SIGUSR2)
        loop.call_soon(signal.raise_signal, signal.SIGUSR1)
        loop.run_forever()
        loop.remove_signal_handler(signal.SIGUSR1)
        assert not theirs.is_installed()
        with pytest.raises(BlockingIOError):
            os.read(read, 10)
        os.close(read)
        os.close(write)

    def test_whose_descriptor_blocks_by_now_is_let_go(self, loop, theirs):
        loop.add_signal_handler(signal.SIGUSR1, print)
        os.set_blocking(theirs.write, True)
        loop.remove_signal_handler(signal.SIGUSR1)
        assert not theirs.is_installed()


class TestSeveralLoops:
    def test_one_after_the_other(self, loop_factory):
        seen = []
        for _ in range(3):
            loop = loop_factory()
            loop.add_signal_handler(signal.SIGUSR1, seen.append, 1)
            loop.add_signal_handler(signal.SIGUSR2, loop.stop)
            loop.call_soon(signal.raise_signal, signal.SIGUSR1)
            loop.call_soon(signal.raise_signal, signal.SIGUSR2)
            loop.run_forever()
            loop.close()
        assert seen == [1, 1, 1]
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL

    def test_a_signal_waits_for_the_loop_that_has_its_handler(self, loop_factory):
        one, other = loop_factory(), loop_factory()
        seen = []
        one.add_signal_handler(signal.SIGUSR1, lambda: (seen.append("one"), one.stop()))
        other.call_soon(signal.raise_signal, signal.SIGUSR1)
        run_briefly(other)
        other.run_until_complete(asyncio.sleep(0))
        assert seen == []
        one.run_forever()
        assert seen == ["one"]
        one.close()
        other.close()

    @pytest.mark.only("asyncioxide")
    @pytest.mark.parametrize("first_closed", [0, 1])
    def test_each_has_its_own_signal(self, loop_factory, theirs, first_closed):
        loops = [loop_factory(), loop_factory()]
        seen = []
        for index, (loop, number) in enumerate(
            zip(loops, (signal.SIGUSR1, signal.SIGUSR2), strict=True)
        ):
            loop.add_signal_handler(number, seen.append, index)
        for _ in range(3):
            for number in (signal.SIGUSR1, signal.SIGUSR2):
                loops[0].call_soon(signal.raise_signal, number)
                loops[1].call_soon(signal.raise_signal, number)
            for loop in (*loops, *loops):
                loop.run_until_complete(asyncio.sleep(0.001))
        assert sorted(seen) == [0] * 6 + [1] * 6
        loops.pop(first_closed).close()
        assert not theirs.is_installed()
        loops.pop().close()
        assert theirs.is_installed()

    def test_a_loop_in_a_thread_beside_the_main_one(self, loop_factory):
        main, other = loop_factory(), loop_factory()
        seen = []

        def run_other():
            other.run_until_complete(asyncio.sleep(0))
            seen.append("other")
            main.call_soon_threadsafe(signal.raise_signal, signal.SIGUSR1)

        main.add_signal_handler(signal.SIGUSR1, lambda: (seen.append("signal"), main.stop()))
        thread = threading.Thread(target=run_other)
        main.call_soon(thread.start)
        main.run_forever()
        thread.join()
        assert seen == ["other", "signal"]
        main.close()
        other.close()

    def test_one_inside_another_is_refused(self, loop_factory):
        outer, inner = loop_factory(), loop_factory()

        async def main():
            coroutine = asyncio.sleep(0)
            with pytest.raises(RuntimeError) as caught:
                inner.run_until_complete(coroutine)
            coroutine.close()
            return str(caught.value)

        assert (
            outer.run_until_complete(main())
            == "Cannot run the event loop while another loop is running"
        )
        for made in (outer, inner):
            made.close()

    @pytest.mark.only("asyncioxide")
    def test_one_that_is_run_inside_another_hands_the_signals_back(self, loop_factory):
        """As libraries do that hide the running loop for a moment."""
        outer, inner = loop_factory(), loop_factory()
        seen = []

        def nested():
            asyncio._set_running_loop(None)
            try:
                inner.call_soon(signal.raise_signal, signal.SIGUSR1)
                run_briefly(inner)
                run_briefly(inner)
            finally:
                asyncio._set_running_loop(outer)

        outer.add_signal_handler(signal.SIGUSR1, lambda: (seen.append(1), outer.stop()))
        outer.call_soon(nested)
        outer.run_forever()
        assert seen == [1]
        outer.close()
        inner.close()

    @pytest.mark.only("asyncioxide")
    def test_a_stock_loop_beside_ours(self, loop):
        stock = asyncio.SelectorEventLoop()
        seen = []
        loop.add_signal_handler(signal.SIGUSR1, lambda: (seen.append("ours"), loop.stop()))
        stock.add_signal_handler(signal.SIGUSR2, lambda: (seen.append("stock"), stock.stop()))
        # The stock loop has the place now, and does not pass anything on.
        loop.call_soon(signal.raise_signal, signal.SIGUSR1)
        loop.run_forever()
        stock.call_soon(signal.raise_signal, signal.SIGUSR2)
        stock.run_forever()
        assert seen == ["ours", "stock"]
        stock.close()
        loop.remove_signal_handler(signal.SIGUSR1)


class TestRunner:
    def test_ctrl_c_without_a_runner_leaves_the_loop(self, loop):
        loop.call_soon(signal.raise_signal, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        loop.call_soon(loop.stop)
        loop.run_forever()

    def test_ctrl_c_between_runs_is_python_s(self, loop):
        run_briefly(loop)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        run_briefly(loop)

    def test_a_handler_of_the_loop_comes_before_the_runner_s(self, loop_factory):
        seen = []

        async def main():
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            loop.add_signal_handler(signal.SIGINT, done.set_result, "handled")
            loop.call_soon(signal.raise_signal, signal.SIGINT)
            seen.append(await done)
            loop.remove_signal_handler(signal.SIGINT)

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main())
        assert seen == ["handled"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
