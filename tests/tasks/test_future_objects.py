"""Futures as Python objects: subclasses, weak references, cycles, chains, copies."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import types
import weakref

import pytest
from harness.outcome import outcome
from harness.versions import since, until


class TestClasses:
    def test_a_future_is_an_asyncio_future(self, loop, names):
        for future in (loop.create_future(), names.Future(loop=loop)):
            assert isinstance(future, asyncio.Future)
            assert not isinstance(future, asyncio.Task)
            assert asyncio.isfuture(future)

    def test_a_task_is_an_asyncio_future_and_task(self, loop, names):
        async def work():
            pass

        for task in (loop.create_task(work()), names.Task(work(), loop=loop)):
            assert isinstance(task, asyncio.Future)
            assert isinstance(task, asyncio.Task)
            assert asyncio.isfuture(task)
            loop.run_until_complete(task)

    def test_the_task_class_is_a_future_class(self, names):
        assert issubclass(names.Task, names.Future)

    def test_can_be_subscripted(self, names):
        for cls in (names.Future, names.Task):
            alias = cls[int]
            assert isinstance(alias, types.GenericAlias)
            assert alias.__origin__ is cls
            assert alias.__args__ == (int,)

    def test_names_and_modules_are_public(self, names):
        assert names.Future.__name__ == "Future"
        assert names.Task.__name__ == "Task"

    def test_public_members_are_asyncios(self, names):
        for ours, stock in ((names.Future, asyncio.Future), (names.Task, asyncio.Task)):
            wanted = {name for name in dir(stock) if not name.startswith("_")}
            assert wanted <= set(dir(ours))
            extra = {name for name in dir(ours) if not name.startswith("_")} - wanted
            assert extra == set()


class TestSubclasses:
    def test_may_have_attributes_and_methods(self, loop, names):
        class Promise(names.Future):
            def __init__(self, value, **options):
                super().__init__(**options)
                self.value = value

            def keep(self):
                self.set_result(self.value)

        promise = Promise(7, loop=loop)
        promise.keep()
        assert loop.run_until_complete(promise) == 7

    def test_may_replace_methods_that_asyncio_calls(self, loop, names):
        calls = []

        class Promise(names.Future):
            def add_done_callback(self, callback, *, context=None):
                calls.append("add_done_callback")
                super().add_done_callback(callback, context=context)

            def cancel(self, msg=None):
                calls.append("cancel")
                return super().cancel(msg)

        promise = Promise(loop=loop)

        async def waiter():
            await promise

        task = loop.create_task(waiter())
        loop.run_until_complete(asyncio.sleep(0))
        assert calls == ["add_done_callback"]
        task.cancel()
        assert calls == ["add_done_callback", "cancel"]
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)

    def test_may_replace_result(self, loop, names):
        class Doubled(names.Future):
            def result(self):
                return super().result() * 2

        future = Doubled(loop=loop)
        future.set_result(21)
        assert future.result() == 42

    def test_not_initialised_is_an_error_and_no_crash(self, names):
        class Promise(names.Future):
            def __init__(self):
                pass

        class StockPromise(asyncio.Future):
            def __init__(self):
                pass

        promise, stock = Promise(), StockPromise()
        for use in (
            lambda future: future.result(),
            lambda future: future.exception(),
            lambda future: future.set_result(1),
            lambda future: future.set_exception(ValueError()),
            lambda future: future.add_done_callback(print),
            lambda future: future.remove_done_callback(print),
            lambda future: future.get_loop(),
            lambda future: next(iter(future)),
            repr,
        ):
            assert outcome(lambda use=use: use(promise)) == outcome(lambda use=use: use(stock))

    @until(3, 15)
    def test_a_second_init_resets_it(self, loop, names):
        future = names.Future(loop=loop)
        future.set_result(1)
        future.__init__(loop=loop)
        assert not future.done()

    @since(3, 15)
    def test_a_second_init_is_refused(self, loop, names):
        future = names.Future(loop=loop)
        future.set_result(1)
        with pytest.raises(RuntimeError, match=r"Future object is already initialized$"):
            future.__init__(loop=loop)
        assert future.result() == 1

        async def work():
            return 2

        coroutine = work()
        task = names.Task(coroutine, loop=loop)
        with pytest.raises(RuntimeError, match=r"Task object is already initialized$"):
            task.__init__(coroutine, loop=loop)
        assert loop.run_until_complete(task) == 2

    def test_slots_and_other_bases_are_possible(self, loop, names):
        class Named:
            def name(self):
                return "named"

        class Promise(names.Future, Named):
            __slots__ = ("extra",)

        promise = Promise(loop=loop)
        promise.extra = 1
        assert (promise.extra, promise.name()) == (1, "named")

    def test_instances_of_python_subclasses_say_their_class(self, loop, names):
        class Promise(names.Future):
            pass

        promise = Promise(loop=loop)
        assert promise.__class__ is Promise
        assert type(promise) is Promise
        assert asyncio.isfuture(promise)


class TestReferences:
    def test_weak(self, make_future):
        future = make_future()
        alive = weakref.ref(future)
        assert alive() is future
        del future
        gc.collect()
        assert alive() is None

    def test_a_future_goes_at_once_without_a_cycle(self, loop):
        gc.disable()
        try:
            future = loop.create_future()
            alive = weakref.ref(future)
            del future
            assert alive() is None
        finally:
            gc.enable()

    def test_weak_keys(self, make_future):
        future = make_future()
        mapping = weakref.WeakKeyDictionary({future: 1})
        assert mapping[future] == 1
        del future
        gc.collect()
        assert len(mapping) == 0

    @pytest.mark.parametrize("through", ["result", "exception", "callback", "attribute"])
    def test_cycles_are_collected(self, loop, names, through):
        class Future(names.Future):
            pass

        future = Future(loop=loop)
        alive = weakref.ref(future)
        if through == "result":
            future.set_result([future])
        elif through == "exception":
            error = ValueError()
            error.future = future
            future.set_exception(error)
            future.exception()
            del error
        elif through == "callback":
            for _ in range(3):
                future.add_done_callback(lambda _, future=future: None)
        else:
            future.itself = future
        del future
        gc.collect()
        assert alive() is None

    def test_a_task_waiting_for_a_future_that_nobody_holds_is_collected(self, loop, log):
        async def wait():
            await asyncio.get_running_loop().create_future()

        task = loop.create_task(wait())
        loop.run_until_complete(asyncio.sleep(0))
        alive = weakref.ref(task)
        del task
        gc.collect()
        assert alive() is None
        assert "Task was destroyed but it is pending!" in log.messages()[0]

    def test_a_finished_task_lets_go_of_its_coroutines_locals(self, loop, make_task):
        class Local:
            pass

        async def work():
            local = Local()
            refs.append(weakref.ref(local))
            await asyncio.sleep(0)

        refs = []
        task = make_task(work())
        loop.run_until_complete(task)
        gc.collect()
        assert refs[0]() is None

    def test_a_finished_task_goes_at_once(self, loop):
        async def work():
            await asyncio.sleep(0)

        gc.disable()
        try:
            task = loop.create_task(work())
            alive = weakref.ref(task)
            loop.run_until_complete(task)
            loop.run_until_complete(asyncio.sleep(0))
            del task
            assert alive() is None
        finally:
            gc.enable()


class TestLongChains:
    COUNT = 100_000

    def test_of_callbacks_are_freed_without_deep_recursion(self, loop):
        first = loop.create_future()
        last = first
        for _ in range(self.COUNT):
            following = loop.create_future()
            following.add_done_callback(last.set_result)
            last = following
        del first, following
        alive = weakref.ref(last)
        del last
        gc.collect()
        assert alive() is None

    def test_of_results_are_freed_without_deep_recursion(self, loop):
        last = loop.create_future()
        for _ in range(self.COUNT):
            following = loop.create_future()
            following.set_result(last)
            last = following
        del following
        alive = weakref.ref(last)
        del last
        gc.collect()
        assert alive() is None

    def test_run_one_link_a_turn(self, loop):
        first = loop.create_future()
        last = first
        for _ in range(10_000):
            following = loop.create_future()
            last.add_done_callback(lambda _, following=following: following.set_result("end"))
            last = following
        loop.call_soon(first.set_result, "begin")
        assert loop.run_until_complete(last) == "end"


class TestCopies:
    @pytest.mark.parametrize("make_copy", [copy.copy, copy.deepcopy, pickle.dumps])
    def test_are_refused_as_in_asyncio(self, loop, make_copy):
        expected = outcome(lambda: make_copy(asyncio.Future(loop=loop)))
        found = outcome(lambda: make_copy(loop.create_future()))
        assert expected.raised
        assert (found.raised, found.cls) == (expected.raised, expected.cls)

    def test_a_task_cannot_be_pickled(self, loop):
        async def work():
            pass

        task = loop.create_task(work())
        with pytest.raises(TypeError):
            pickle.dumps(task)
        loop.run_until_complete(task)
