"""run_in_executor and the default executor's life."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading

import pytest
from harness.versions import since


@pytest.fixture
def gate():
    """An event for threads to wait at; opened at the end whatever happens."""
    event = threading.Event()
    yield event
    event.set()


async def test_runs_in_another_thread_and_gives_the_result(loop):
    def work(left, right):
        return threading.get_ident(), left * right

    thread, product = await loop.run_in_executor(None, work, 6, 7)
    assert product == 42
    assert thread != threading.get_ident()


async def test_the_default_executors_threads_are_named_after_asyncio(loop):
    name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
    assert name == "asyncio_0"


async def test_takes_the_executor_and_the_function_by_name_too(loop):
    assert await loop.run_in_executor(executor=None, func=threading.get_ident)
    assert await loop.run_in_executor(None, func=threading.get_ident)


async def test_raises_the_functions_exception(loop):
    error = KeyError("from the thread")

    def work():
        raise error

    with pytest.raises(KeyError) as caught:
        await loop.run_in_executor(None, work)
    assert caught.value is error
    error.__traceback__ = None


async def test_gives_a_future_of_the_loop_at_once(loop, names, gate):
    future = loop.run_in_executor(None, gate.wait)
    assert isinstance(future, asyncio.Future)
    assert future.get_loop() is loop
    assert not future.done()
    gate.set()
    assert await future is True


async def test_the_loop_stays_free_while_threads_work(loop):
    both = threading.Barrier(3)
    waiting = [loop.run_in_executor(None, both.wait) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(future.done() for future in waiting)
    both.wait()
    assert sorted(await asyncio.gather(*waiting)) <= [0, 1, 2]


async def test_uses_the_executor_it_is_given(loop):
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
        name = await loop.run_in_executor(pool, lambda: threading.current_thread().name)
    assert name == "mine_0"


async def test_any_object_with_submit_is_an_executor(loop):
    class Immediate:
        def submit(self, function, *args):
            future = concurrent.futures.Future()
            future.set_result(function(*args))
            return future

    assert await loop.run_in_executor(Immediate(), max, 3, 5) == 5


async def test_cancelling_the_future_cancels_work_not_begun(loop, gate):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = loop.run_in_executor(pool, gate.wait)
        second = loop.run_in_executor(pool, pytest.fail, "ran")
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        gate.set()
        await first


async def test_the_context_is_not_passed_but_to_thread_passes_it(loop):
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("set")
    assert await loop.run_in_executor(None, variable.get) == "unset"
    assert await asyncio.to_thread(variable.get) == "set"


async def test_to_thread_passes_keywords(loop):
    assert await asyncio.to_thread(sorted, [1, 3, 2], reverse=True) == [3, 2, 1]


def test_a_thread_that_ends_after_the_loop_closed_is_harmless(loop, gate):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = loop.run_in_executor(pool, gate.wait)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        gate.set()
    assert not future.done()


class TestSetDefaultExecutor:
    async def test_is_used_from_then_on(self, loop):
        loop.set_default_executor(
            concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="chosen")
        )
        name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        assert name == "chosen_0"

    @pytest.mark.parametrize("wrong", [None, 1, object(), concurrent.futures.Executor()])
    def test_takes_thread_pools_only(self, loop, wrong):
        text = "^executor must be ThreadPoolExecutor instance$"
        with pytest.raises(TypeError, match=text):
            loop.set_default_executor(wrong)

    def test_is_shut_down_by_close(self, loop):
        pool = concurrent.futures.ThreadPoolExecutor(1)
        loop.set_default_executor(pool)
        loop.close()
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            pool.submit(print)


class TestShutdown:
    async def test_waits_for_the_threads(self, loop, gate):
        future = loop.run_in_executor(None, gate.wait)
        ending = loop.create_task(loop.shutdown_default_executor())
        await asyncio.sleep(0)
        assert not ending.done()
        gate.set()
        await ending
        assert future.done() or await future

    async def test_without_an_executor_does_nothing(self, loop):
        assert await loop.shutdown_default_executor() is None

    async def test_the_default_executor_is_refused_afterwards(self, loop):
        await loop.shutdown_default_executor()
        with pytest.raises(RuntimeError, match="^Executor shutdown has been called$"):
            loop.run_in_executor(None, print)

    async def test_another_executor_is_still_taken_afterwards(self, loop):
        await loop.shutdown_default_executor()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            assert await loop.run_in_executor(pool, int) == 0

    async def test_raises_what_the_executors_shutdown_raises(self, loop):
        class Stubborn(concurrent.futures.ThreadPoolExecutor):
            def shutdown(self, wait=True, **options):
                super().shutdown(wait=wait, **options)
                if wait:
                    raise ValueError("will not")

        loop.set_default_executor(Stubborn(1))
        with pytest.raises(ValueError, match="^will not$"):
            await loop.shutdown_default_executor()
        # A second attempt, by the fixture, must not meet it again.
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))

    # The method is the running Python's own, and that of 3.12 waits for the threads before it looks
    # at the timeout.
    @since(3, 13)
    async def test_gives_up_after_the_timeout_with_a_warning(self, loop, gate):
        future = loop.run_in_executor(None, gate.wait)
        text = r"^The executor did not finishing joining its threads within 0\.01 seconds\.$"
        with pytest.warns(RuntimeWarning, match=text):
            await loop.shutdown_default_executor(timeout=0.01)
        gate.set()
        await future

    @since(3, 12)
    async def test_in_time_does_not_warn(self, loop):
        await loop.run_in_executor(None, int)
        await loop.shutdown_default_executor(timeout=30)

    # Up to 3.12 asyncio reports an InvalidStateError.
    @pytest.mark.only("asyncioxide", "asyncioxide-poll")
    async def test_that_nobody_waits_for_any_more_is_not_reported(self, loop, gate, reports):
        future = loop.run_in_executor(None, gate.wait)
        ending = loop.create_task(loop.shutdown_default_executor())
        await asyncio.sleep(0)
        ending.cancel()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await ending
        await future
        answered = loop.create_future()
        loop.call_soon_threadsafe(answered.set_result, None)
        await answered
        assert reports == []
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))

    def test_on_a_closed_loop_run_in_executor_raises(self, loop):
        loop.close()
        with pytest.raises(RuntimeError, match="^Event loop is closed$"):
            loop.run_in_executor(None, print)
