"""current_task and all_tasks, in every mix of stock tasks and ours."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import weakref

import pytest
from harness import functions

KINDS = ["ours", "subclass of ours", "stock C", "subclass of stock"]
if sys.version_info < (3, 14):
    # Since 3.14 the pure Python Task has a registry of its own, apart from all_tasks().
    KINDS.append("stock Python")


# Since 3.14 there is no other than stdlib's.
@pytest.fixture(
    autouse=True, params=functions.KINDS if sys.version_info < (3, 14) else functions.KINDS[:1]
)
def whose_functions(request, monkeypatch):
    """Has the tests ask stdlib's functions, and the native ones."""
    chosen = functions.functions(request.param)
    for name in ("current_task", "all_tasks"):
        monkeypatch.setattr(asyncio, name, getattr(chosen, name))


@pytest.fixture
def classes(names):
    class Ours(names.Task):
        pass

    class Stock(asyncio.Task):
        pass

    every = {
        "ours": names.Task,
        "subclass of ours": Ours,
        "stock C": asyncio.tasks._CTask,
        "stock Python": asyncio.tasks._PyTask,
        "subclass of stock": Stock,
    }
    return {kind: every[kind] for kind in KINDS}


@pytest.fixture(params=KINDS)
def make(request, loop, classes):
    cls = classes[request.param]
    return lambda coro, **options: cls(coro, loop=loop, **options)


class TestCurrentTask:
    def test_is_the_one_whose_step_runs(self, loop, make):
        async def work():
            seen = [asyncio.current_task()]
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())
            return seen

        task = make(work())
        assert loop.run_until_complete(task) == [task, task]

    def test_is_none_outside_of_steps(self, loop, make):
        seen = []

        async def work():
            loop.call_soon(lambda: seen.append(asyncio.current_task()))
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        task = make(work())
        task.add_done_callback(lambda _: seen.append(asyncio.current_task()))
        loop.run_until_complete(task)
        loop.run_until_complete(asyncio.sleep(0))
        assert seen == [None, None]
        assert asyncio.current_task(loop) is None

    def test_needs_a_running_loop_or_a_loop_given(self, loop):
        with pytest.raises(RuntimeError, match="^no running event loop$"):
            asyncio.current_task()
        assert asyncio.current_task(loop) is None

    def test_alternates_between_kinds(self, loop, classes):
        async def work():
            for _ in range(4):
                assert asyncio.current_task() is tasks[names_of[asyncio.current_task()]]
                await asyncio.sleep(0)

        tasks = {kind: cls(work(), loop=loop) for kind, cls in classes.items()}
        names_of = {task: kind for kind, task in tasks.items()}
        loop.run_until_complete(asyncio.gather(*tasks.values()))

    def test_is_the_awaiting_one_inside_of_nested_coroutines(self, loop, make):
        async def inner():
            return asyncio.current_task()

        async def outer():
            return await inner()

        task = make(outer())
        assert loop.run_until_complete(task) is task

    def test_each_loop_has_its_own(self, loop, loop_factory):
        other = loop_factory()
        seen = {}

        async def work(name):
            seen[name] = (asyncio.current_task(loop), asyncio.current_task(other))

        def run(which, name):
            which.run_until_complete(which.create_task(work(name), name=name))

        run(loop, "first")
        run(other, "second")
        other.close()
        assert seen["first"][0].get_name() == "first"
        assert seen["first"][1] is None
        assert seen["second"][0] is None
        assert seen["second"][1].get_name() == "second"

    def test_a_finished_task_is_not_kept_alive(self, loop, make):
        async def work():
            await asyncio.sleep(0)

        task = make(work())
        alive = weakref.ref(task)
        loop.run_until_complete(task)
        del task
        loop.run_until_complete(asyncio.sleep(0))
        gc.collect()
        assert alive() is None

    def test_an_exception_handler_sees_none(self, loop, make):
        seen = []
        loop.set_exception_handler(lambda loop, context: seen.append(asyncio.current_task()))

        async def work():
            loop.call_soon(lambda: 1 / 0)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        loop.run_until_complete(make(work()))
        loop.set_exception_handler(None)
        assert seen == [None]

    def test_a_reader_callback_sees_none(self, loop, make):
        import socket

        seen = []
        left, right = socket.socketpair()

        async def work():
            done = loop.create_future()

            def on_readable():
                seen.append(asyncio.current_task())
                loop.remove_reader(left)
                done.set_result(None)

            loop.add_reader(left, on_readable)
            right.send(b"x")
            await done

        with left, right:
            loop.run_until_complete(make(work()))
        assert seen == [None]


class TestAllTasks:
    def test_lists_those_not_finished(self, loop, make):
        async def work():
            await asyncio.sleep(0)
            return asyncio.all_tasks()

        tasks = {make(work()) for _ in range(3)}
        assert asyncio.all_tasks(loop) == tasks
        results = loop.run_until_complete(asyncio.gather(*tasks))
        assert all(tasks >= result for result in results)
        assert asyncio.all_tasks(loop) == set()

    def test_lists_every_kind_together(self, loop, classes):
        async def work():
            await asyncio.sleep(0)

        tasks = {cls(work(), loop=loop) for cls in classes.values()}
        assert asyncio.all_tasks(loop) == tasks
        loop.run_until_complete(asyncio.gather(*tasks))

    def test_is_of_one_loop(self, loop, loop_factory, make):
        other = loop_factory()

        async def work():
            pass

        task = make(work())
        assert asyncio.all_tasks(other) == set()
        assert asyncio.all_tasks(loop) == {task}
        loop.run_until_complete(task)
        other.close()

    def test_does_not_keep_tasks_alive(self, loop, make):
        async def work():
            pass

        task = make(work())
        loop.run_until_complete(task)
        alive = weakref.ref(task)
        del task
        gc.collect()
        assert alive() is None

    def test_from_another_thread(self, loop, make):
        ready = threading.Event()
        seen = []

        def look():
            ready.wait()
            seen.append(len(asyncio.all_tasks(loop)))
            loop.call_soon_threadsafe(done.set_result, None)

        async def work():
            await done

        done = loop.create_future()
        tasks = [make(work()) for _ in range(5)]
        thread = threading.Thread(target=look)
        thread.start()
        loop.call_soon(ready.set)
        loop.run_until_complete(asyncio.gather(*tasks))
        thread.join()
        assert seen[0] >= 5

    def test_needs_a_running_loop_or_a_loop_given(self, loop):
        with pytest.raises(RuntimeError, match="^no running event loop$"):
            asyncio.all_tasks()
        assert asyncio.all_tasks(loop) == set()


class TestUserMadeTasks:
    """Objects that enter and leave by the functions that asyncio exports for them."""

    def test_enter_and_leave(self, loop):
        class Own:
            pass

        own = Own()
        seen = []

        def step():
            asyncio._enter_task(loop, own)
            try:
                seen.append(asyncio.current_task())
            finally:
                asyncio._leave_task(loop, own)
            seen.append(asyncio.current_task())

        loop.call_soon(step)
        loop.run_until_complete(asyncio.sleep(0))
        assert seen == [own, None]

    def test_entering_inside_of_a_task_is_refused(self, loop, names):
        async def work():
            task = asyncio.current_task()
            with pytest.raises(RuntimeError, match="^Cannot enter into task "):
                asyncio._enter_task(loop, object())
            assert asyncio.current_task() is task

        loop.run_until_complete(names.Task(work(), loop=loop))

    def test_registered_ones_are_listed(self, loop):
        class Own:
            def get_loop(self):
                return loop

            def done(self):
                return False

        own = Own()
        asyncio._register_task(own)
        assert asyncio.all_tasks(loop) == {own}
        asyncio._unregister_task(own)
        assert asyncio.all_tasks(loop) == set()
