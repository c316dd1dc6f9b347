"""Tasks destroyed while pending, and coroutines that nobody awaited."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import threading
import warnings

import pytest


def run_turn(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


async def wait_for_ever():
    await asyncio.get_running_loop().create_future()


class TestDestroyedPending:
    def test_is_reported_with_the_task(self, loop, make_task):
        seen = []
        loop.set_exception_handler(
            lambda loop, context: seen.append((sorted(context), repr(context["task"])))
        )
        task = make_task(wait_for_ever(), name="lost")
        run_turn(loop)
        beginning = f"<{type(task).__name__} pending name='lost' coro=<wait_for_ever() "
        del task
        gc.collect()
        ((keys, reported),) = seen
        assert keys == ["message", "task"]
        assert reported.startswith(beginning)
        loop.set_exception_handler(None)

    def test_has_its_message(self, loop, make_task, reports):
        task = make_task(wait_for_ever())
        run_turn(loop)
        del task
        gc.collect()
        (report,) = reports
        assert report["message"] == "Task was destroyed but it is pending!"

    def test_every_one_is_reported(self, loop, make_task, reports):
        tasks = [make_task(wait_for_ever()) for _ in range(5)]
        run_turn(loop)
        del tasks
        gc.collect()
        messages = [report["message"] for report in reports]
        assert messages == ["Task was destroyed but it is pending!"] * 5

    def test_has_the_place_of_creation_in_debug_mode(self, loop, make_task, reports):
        loop.set_debug(True)
        task = make_task(wait_for_ever())
        line = sys._getframe().f_lineno - 1
        run_turn(loop)
        del task
        gc.collect()
        (report,) = reports
        places = [(frame.filename, frame.lineno) for frame in report["source_traceback"]]
        assert (__file__, line) in places

    def test_the_default_handler_logs_it(self, loop, log):
        task = loop.create_task(wait_for_ever(), name="lost")
        run_turn(loop)
        del task
        gc.collect()
        (message,) = log.messages()
        assert message.startswith(
            "Task was destroyed but it is pending!\ntask: <Task pending name='lost' coro=<"
        )

    def test_can_be_switched_off(self, loop, make_task, reports):
        task = make_task(wait_for_ever())
        assert task._log_destroy_pending is True
        task._log_destroy_pending = False
        run_turn(loop)
        del task
        gc.collect()
        assert reports == []

    def test_a_finished_one_is_not_reported(self, loop, make_task, reports):
        async def work():
            pass

        task = make_task(work())
        loop.run_until_complete(task)
        del task
        gc.collect()
        assert reports == []

    def test_one_never_begun_in_a_closed_loop(self, loop_factory, log):
        loop = loop_factory()
        task = loop.create_task(wait_for_ever(), name="not begun")
        loop.close()
        with warnings.catch_warnings():
            # Whether its coroutine warns depends on which goes first.
            warnings.simplefilter("ignore", RuntimeWarning)
            del task, loop
            gc.collect()
        assert any("Task was destroyed but it is pending!" in text for text in log.messages())

    def test_the_coroutine_is_closed(self, loop, make_task, reports):
        trail = []

        async def work():
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                trail.append("closed")

        task = make_task(work())
        run_turn(loop)
        del task
        gc.collect()
        reports.clear()
        gc.collect()
        assert trail == ["closed"]

    def test_the_task_of_run_until_complete_is_not_reported(self, loop, reports):
        async def work():
            loop.stop()
            await loop.create_future()

        with pytest.raises(RuntimeError, match="stopped before Future completed"):
            loop.run_until_complete(work())
        gc.collect()
        assert reports == []


class TestNeverAwaited:
    def test_a_coroutine_dropped_warns(self, loop):
        async def main():
            with pytest.warns(RuntimeWarning, match="was never awaited"):
                asyncio.sleep(0)
                gc.collect()

        loop.run_until_complete(main())

    def test_debug_mode_tells_where_it_was_made(self, loop):
        loop.set_debug(True)
        # A collection can take longer than the 0.1 s after which debug mode complains.
        loop.slow_callback_duration = 3600

        async def forgotten():
            pass

        async def main():
            with pytest.warns(RuntimeWarning) as caught:
                forgotten()
                line = sys._getframe().f_lineno - 1
                gc.collect()
            return str(caught[0].message), line

        message, line = loop.run_until_complete(main())
        place = rf'File "{re.escape(__file__)}", line {line}, in main'
        assert re.search("Coroutine created at \\(most recent call last\\)", message)
        assert re.search(place, message)

    def test_without_debug_mode_it_does_not(self, loop):
        async def forgotten():
            pass

        async def main():
            with pytest.warns(RuntimeWarning) as caught:
                forgotten()
                gc.collect()
            return str(caught[0].message)

        assert "created at" not in loop.run_until_complete(main())


@pytest.mark.parametrize("answer", ["stop", "call_soon", "call_later"])
def test_a_report_made_before_the_loop_waits_is_acted_on(loop, make_task, answer):
    async def fail():
        raise ValueError("nobody asks")

    def handler(loop, context):
        if answer == "stop":
            loop.stop()
        elif answer == "call_soon":
            loop.call_soon(loop.stop)
        else:
            loop.call_later(0.001, loop.stop)

    loop.set_exception_handler(handler)
    # Without the rescue a loop that waits for nothing would never come back.
    rescue = threading.Timer(5, loop.call_soon_threadsafe, (loop.stop,))
    rescue.start()
    make_task(fail())
    loop.run_forever()
    assert rescue.is_alive()
    rescue.cancel()
    rescue.join()


def test_what_a_finished_task_held_may_give_the_loop_work_when_it_goes(loop, make_task):
    class Stops:
        def __del__(self):
            loop.call_soon(loop.stop)

    async def hold():
        return Stops()

    rescue = threading.Timer(5, loop.call_soon_threadsafe, (loop.stop,))
    rescue.start()
    make_task(hold())
    loop.run_forever()
    assert rescue.is_alive()
    rescue.cancel()
    rescue.join()
