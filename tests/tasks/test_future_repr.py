"""What futures look like, to the letter."""

from __future__ import annotations

import asyncio
import functools
import sys

import pytest
from harness.outcome import normalized


def callback(future):
    pass


PLACE = f"{__file__}:{callback.__code__.co_firstlineno}"


@pytest.fixture
def future(loop):
    return loop.create_future()


class TestStates:
    def test_pending(self, future):
        assert repr(future) == "<Future pending>"

    def test_finished(self, future):
        future.set_result(42)
        assert repr(future) == "<Future finished result=42>"

    def test_failed(self, future):
        future.set_exception(ValueError("wrong"))
        assert repr(future) == "<Future finished exception=ValueError('wrong')>"
        future.exception()

    def test_cancelled(self, future):
        future.cancel("why")
        assert repr(future) == "<Future cancelled>"

    def test_a_long_result_is_shortened(self, future, loop):
        future.set_result(list(range(1000)))
        stock = asyncio.Future(loop=loop)
        stock.set_result(list(range(1000)))
        assert repr(future) == repr(stock)
        assert len(repr(future)) < 100

    def test_str_is_the_same(self, future):
        assert str(future) == repr(future)


class TestCallbacks:
    def test_one(self, future):
        future.add_done_callback(callback)
        assert repr(future) == f"<Future pending cb=[callback() at {PLACE}]>"

    def test_two(self, future):
        future.add_done_callback(callback)
        future.add_done_callback(print)
        assert repr(future) == f"<Future pending cb=[callback() at {PLACE}, print()]>"

    def test_more(self, future):
        for _ in range(5):
            future.add_done_callback(callback)
        one = f"callback() at {PLACE}"
        assert repr(future) == f"<Future pending cb=[{one}, <3 more>, {one}]>"

    def test_a_partial(self, future):
        future.add_done_callback(functools.partial(callback, key=1))
        shown = "" if sys.version_info >= (3, 13) else "key=1"
        assert repr(future) == f"<Future pending cb=[callback({shown})() at {PLACE}]>"

    def test_those_of_a_finished_one_are_gone(self, future, loop):
        future.add_done_callback(callback)
        future.set_result(1)
        assert repr(future) == "<Future finished result=1>"
        loop.run_until_complete(asyncio.sleep(0))

    def test_a_waiting_task_shows_its_wakeup(self, future, loop):
        async def waiter():
            await future

        task = loop.create_task(waiter(), name="waiter")
        loop.run_until_complete(asyncio.sleep(0))
        assert normalized(repr(future)) == "<Future pending cb=[task_wakeup()]>"
        future.set_result(1)
        loop.run_until_complete(task)


class TestOthers:
    def test_debug_mode_shows_the_place_of_creation(self, loop):
        loop.set_debug(True)
        stock = asyncio.Future(loop=loop)
        line = sys._getframe().f_lineno - 1
        assert repr(stock) == f"<Future pending created at {__file__}:{line}>"

    def test_the_constructed_one_shows_it_too(self, loop, names):
        loop.set_debug(True)
        future = names.Future(loop=loop)
        line = sys._getframe().f_lineno - 1
        assert repr(future) == f"<Future pending created at {__file__}:{line}>"

    def test_a_subclass_is_shown_by_its_name(self, loop, names):
        class Promise(names.Future):
            pass

        assert repr(Promise(loop=loop)) == "<Promise pending>"

    def test_a_result_that_is_the_future_itself_does_not_recurse(self, future):
        future.set_result(future)
        assert repr(future) == "<Future finished result=...>"

    def test_a_result_that_contains_the_future_does_not_recurse(self, future):
        future.set_result([future])
        assert "..." in repr(future)
        future._result.clear()

    def test_a_result_whose_repr_fails(self, loop, future):
        class Bad:
            def __repr__(self):
                raise KeyError("repr")

        stock = asyncio.Future(loop=loop)
        stock.set_result(Bad())
        future.set_result(Bad())
        assert normalized(repr(future)) == normalized(repr(stock))
