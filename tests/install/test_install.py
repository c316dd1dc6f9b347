"""install() replaces every name of ours in asyncio's modules, uninstall() puts every one back."""

import asyncio
import subprocess
import sys
from asyncio import Queue as QueueTakenBefore

import asyncioxide
import pytest
from asyncioxide import _install


@pytest.fixture
def installed():
    _install.install()
    yield _install.installed()
    _install.uninstall()


def test_each_row_before_during_and_after(installed):
    assert {row.name for row in installed} >= {"Future", "Task", "Lock", "run", "_loop_factory"}
    for row in installed:
        assert vars(row.owner)[row.name] is row.ours
        assert row.ours is not row.stock
    _install.uninstall()
    assert _install.installed() == ()
    for row in installed:
        assert vars(row.owner)[row.name] is row.stock


def test_twice_is_once(installed):
    _install.install()
    assert _install.installed() == installed
    _install.uninstall()
    _install.uninstall()
    assert asyncio.Queue is QueueTakenBefore


def test_classes_hold_both_kinds():
    StockFuture, StockTask = asyncio.Future, asyncio.Task

    async def main():
        before = StockFuture()
        _install.install()
        try:
            ours = asyncio.Future()
            task = asyncio.current_task()

            class Mine(asyncio.Future):
                pass

            assert type(ours) is not StockFuture
            for each in (before, ours, task, Mine()):
                assert isinstance(each, asyncio.Future)
                assert isinstance(each, Mine) is (type(each) is Mine)
            assert isinstance(task, asyncio.Task)
            assert not isinstance(ours, asyncio.Task)
            assert issubclass(StockFuture, asyncio.Future)
            assert issubclass(StockTask, asyncio.Task)
            assert isinstance(ours, StockFuture)
            assert isinstance(task, StockTask)
        finally:
            _install.uninstall()
        assert isinstance(ours, asyncio.Future)
        assert isinstance(task, asyncio.Task)

    asyncioxide.run(main())


def test_names_taken_before_work_on_our_loop(installed):
    async def main():
        queue = QueueTakenBefore()
        getter = asyncio.create_task(queue.get())
        await queue.put(1)
        return await getter, type(asyncio.get_running_loop())

    value, loop = asyncio.run(main())
    assert value == 1
    assert loop is asyncio.SelectorEventLoop


ASYNC_CASES = """
import sys, unittest
import asyncioxide
asyncioxide.install()
package = "test.test_unittest" if sys.version_info >= (3, 12) else "unittest.test"
suite = unittest.defaultTestLoader.loadTestsFromName(package + ".test_async_case")
assert suite.countTestCases() > 10
sys.exit(not unittest.TextTestRunner().run(suite).wasSuccessful())
"""


def test_cpythons_tests_of_async_cases_pass():
    done = subprocess.run([sys.executable, "-c", ASYNC_CASES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
