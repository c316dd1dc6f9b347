"""install() replaces every name of ours in asyncio's modules, uninstall() puts every one back."""

import asyncio
import collections.abc
import subprocess
import sys
from asyncio import Queue as QueueTakenBefore

import asyncioxide
import pytest
from asyncioxide import _install

STOCK_FUTURE = asyncio.Future
STOCK_LOOP = asyncio.SelectorEventLoop


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


def test_a_name_that_somebody_else_has_replaced_stays_so(installed, monkeypatch):
    theirs = object()
    monkeypatch.setattr(asyncio.tasks, "gather", theirs)
    _install.uninstall()
    assert asyncio.tasks.gather is theirs
    assert asyncio.gather is not asyncioxide.gather


def test_asyncios_own_loops_still_serve(installed):
    async def main():
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            assert isinstance(server, asyncio.Server)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            received = await reader.read()
            writer.close()
            await writer.wait_closed()
        return received, loop

    loop = STOCK_LOOP()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(main()) == (b"", loop)


def test_functions_know_futures_of_asyncios_kind(installed):
    """Since 3.14 asyncio is told who waits for them, by a name that is ours now."""

    async def main():
        futures = [STOCK_FUTURE() for _ in range(4)]
        for number, future in enumerate(futures):
            asyncio.get_running_loop().call_soon(future.set_result, number)
        gathered, shielded, waited, taken = futures
        done, _ = await asyncio.wait([waited])
        (each,) = asyncio.as_completed([taken])
        assert done == {waited}
        return await asyncio.gather(gathered), await asyncio.shield(shielded), await each

    assert asyncio.run(main()) == ([0], 1, 3)


def test_our_servers_are_asyncios(installed):
    async def main():
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
            return isinstance(server, asyncio.Server), type(server)

    assert asyncio.run(main()) == (True, asyncioxide.Server)


def test_twice_is_once(installed):
    _install.install()
    assert _install.installed() == installed
    _install.uninstall()
    _install.uninstall()
    assert asyncio.Queue is QueueTakenBefore


def test_classes_hold_both_kinds():
    StockFuture, StockTask = asyncio.Future, asyncio.Task

    def check(futures, tasks):
        """What holds before, during and after alike."""
        for future_class in (asyncio.Future, StockFuture, asyncioxide.Future):
            assert all(isinstance(future, future_class) for future in futures + tasks)
        for task_class in (asyncio.Task, StockTask, asyncioxide.Task):
            assert all(isinstance(task, task_class) for task in tasks)
            assert not any(isinstance(future, task_class) for future in futures)
        assert not isinstance(object(), asyncio.Future)
        assert issubclass(StockFuture, asyncioxide.Future)
        assert issubclass(StockTask, asyncioxide.Task)
        assert issubclass(StockTask, asyncioxide.Future)
        assert not issubclass(StockFuture, asyncioxide.Task)
        assert not issubclass(object, asyncioxide.Future)

    async def main():
        loop = asyncio.get_running_loop()
        other = StockTask(asyncio.sleep(0), loop=loop)
        futures, tasks = [StockFuture(), asyncioxide.Future()], [other, asyncio.current_task()]
        check(futures, tasks)
        _install.install()
        try:
            assert type(asyncio.Future()) is asyncio.Future
            assert type(asyncio.current_task()) is asyncio.Task

            class Mine(asyncio.Future):
                pass

            check([*futures, asyncio.Future()], tasks)
            assert isinstance(Mine(), asyncio.Future)
            for future in (*futures, Mine()):
                assert isinstance(future, Mine) is (type(future) is Mine)
        finally:
            _install.uninstall()
        check(futures, tasks)
        await other

    asyncioxide.run(main())


def test_a_class_can_derive_from_a_future_and_an_abstract_one(installed):
    class Whole(asyncio.Future, collections.abc.Sized):
        def __len__(self):
            return 3

    class Worker(asyncio.Task, collections.abc.Sized):
        def __len__(self):
            return 4

    async def main():
        future = Whole()
        future.set_result(len(future))
        task = Worker(asyncio.sleep(0, "slept"))
        assert isinstance(future, Whole)
        assert not isinstance(asyncio.Future(), Whole)
        return await future, await task, len(task)

    assert asyncio.run(main()) == (3, "slept", 4)


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
