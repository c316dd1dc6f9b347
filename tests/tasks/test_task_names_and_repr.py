"""Names of tasks, and what tasks look like."""

from __future__ import annotations

import asyncio
import re
import sys

import pytest
from harness.outcome import normalized


async def work():
    await asyncio.sleep(0)


WORK_LINE = work.__code__.co_firstlineno


def run_turn(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


class TestNames:
    def test_are_numbered(self, loop, make_task):
        first, second = make_task(work()), make_task(work())
        numbers = []
        for task in (first, second):
            match = re.fullmatch(r"Task-(\d+)", task.get_name())
            numbers.append(int(match[1]))
        assert numbers[1] == numbers[0] + 1
        loop.run_until_complete(asyncio.gather(first, second))

    def test_share_the_numbers_with_stock_tasks_or_have_their_own(self, loop, make_task):
        tasks = [make_task(work()), asyncio.Task(work(), loop=loop), make_task(work())]
        assert all(task.get_name().startswith("Task-") for task in tasks)
        loop.run_until_complete(asyncio.gather(*tasks))

    def test_can_be_given_and_changed(self, loop, make_task):
        task = make_task(work(), name="first")
        assert task.get_name() == "first"
        task.set_name("second")
        assert task.get_name() == "second"
        loop.run_until_complete(task)
        task.set_name("after the end")
        assert task.get_name() == "after the end"

    @pytest.mark.parametrize("name", [5, 1.5, ("a",), ValueError("x")], ids=repr)
    def test_become_text(self, loop, make_task, name):
        task = make_task(work(), name=name)
        assert task.get_name() == str(name)
        task.set_name(name)
        assert task.get_name() == str(name)
        loop.run_until_complete(task)

    def test_none_means_numbered(self, loop, make_task):
        task = make_task(work(), name=None)
        assert task.get_name().startswith("Task-")
        loop.run_until_complete(task)

    def test_the_empty_name_is_kept(self, loop, make_task):
        task = make_task(work(), name="")
        assert task.get_name() == ""
        loop.run_until_complete(task)

    def test_a_name_whose_str_fails(self, loop, names, log):
        # `log`: asyncio complains of the half-made task, which is neither wanted nor needed.
        class Bad:
            def __str__(self):
                raise KeyError("str")

        coro = work()
        with pytest.raises(KeyError):
            names.Task(coro, loop=loop, name=Bad())
        coro.close()


class TestRepr:
    def test_of_a_new_one(self, loop):
        task = loop.create_task(work(), name="T")
        assert repr(task) == (
            f"<Task pending name='T' coro=<work() running at {__file__}:{WORK_LINE}>>"
        )
        loop.run_until_complete(task)

    def test_of_one_that_waits_for_a_future(self, loop):
        future = loop.create_future()

        async def waiter():
            await future

        line = waiter.__code__.co_firstlineno + 1
        task = loop.create_task(waiter(), name="T")
        run_turn(loop)
        name = waiter.__qualname__
        expected = (
            f"<Task pending name='T' coro=<{name}() running at {__file__}:{line}> "
            "wait_for=<Future pending cb=[task_wakeup()]>>"
        )
        assert normalized(repr(task)) == normalized(expected)
        future.set_result(1)
        loop.run_until_complete(task)

    def test_of_one_that_waits_for_a_task(self, loop):
        inner = loop.create_task(loop.create_server(asyncio.Protocol), name="I")
        inner.cancel()

        async def waiter():
            await asyncio.wait([inner])

        task = loop.create_task(waiter(), name="T")
        run_turn(loop)
        assert "wait_for=<Future " in repr(task)
        loop.run_until_complete(task)

    def test_of_a_running_one(self, loop):
        async def look():
            return repr(asyncio.current_task())

        line = look.__code__.co_firstlineno + 1
        task = loop.create_task(look(), name="T")
        shown = loop.run_until_complete(task)
        assert shown.startswith(
            f"<Task pending name='T' coro=<{look.__qualname__}() running at {__file__}:{line}>"
        )

    def test_of_a_finished_one(self, loop):
        async def look():
            return 5

        task = loop.create_task(look(), name="T")
        loop.run_until_complete(task)
        line = look.__code__.co_firstlineno
        assert repr(task) == (
            f"<Task finished name='T' coro=<{look.__qualname__}() done, "
            f"defined at {__file__}:{line}> result=5>"
        )

    def test_of_a_failed_one(self, loop):
        async def fail():
            raise ValueError("wrong")

        task = loop.create_task(fail(), name="T")
        loop.run_until_complete(asyncio.wait([task]))
        assert repr(task).endswith("> exception=ValueError('wrong')>")
        assert repr(task).startswith("<Task finished name='T' coro=<")
        task.exception()

    def test_of_one_being_cancelled(self, loop):
        task = loop.create_task(work(), name="T")
        task.cancel()
        assert repr(task).startswith("<Task cancelling name='T' coro=<work() running at ")
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        assert repr(task) == (
            f"<Task cancelled name='T' coro=<work() done, defined at {__file__}:{WORK_LINE}>>"
        )

    def test_shows_callbacks(self, loop):
        def callback(task):
            pass

        task = loop.create_task(work(), name="T")
        task.add_done_callback(callback)
        line = callback.__code__.co_firstlineno
        assert repr(task).endswith(f" cb=[{callback.__qualname__}() at {__file__}:{line}]>")
        loop.run_until_complete(task)

    def test_shows_the_place_of_creation_in_debug_mode(self, loop):
        loop.set_debug(True)
        task = loop.create_task(work(), name="T")
        line = sys._getframe().f_lineno - 1
        assert repr(task).endswith(f" created at {__file__}:{line}>")
        loop.run_until_complete(task)
        assert f" created at {__file__}:{line}" in repr(task)

    def test_of_a_subclass_has_its_name(self, loop, names):
        class Job(names.Task):
            pass

        task = Job(work(), loop=loop, name="J")
        assert repr(task).startswith("<Job pending name='J' coro=<work() running at ")
        loop.run_until_complete(task)

    def test_does_not_begin_the_task(self, loop):
        begun = []

        async def begin():
            begun.append(1)

        task = loop.create_task(begin())
        for _ in range(3):
            repr(task)
        assert begun == []
        loop.run_until_complete(task)
