"""The ways in: run, Runner, the policy, and unittest's asynchronous test cases."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import threading
import unittest
import warnings
from typing import ClassVar

import pytest
from harness.outcome import outcome, shown


@contextlib.contextmanager
def policy_set(policy):
    """Makes it the process's policy, and puts back what was there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        before = asyncio.events._event_loop_policy
        asyncio.set_event_loop_policy(policy)
    try:
        yield policy
    finally:
        asyncio.events._event_loop_policy = before


class TestPolicy:
    @pytest.fixture(autouse=True)
    def no_policy_left(self):
        yield
        asyncio.events._event_loop_policy = None

    def test_new_event_loop_makes_loops_of_its_kind(self, names, loop):
        with policy_set(names.policy()):
            made = asyncio.new_event_loop()
        assert type(made) is type(loop)
        made.close()

    def test_asyncio_run_runs_on_its_loops(self, names, loop):
        async def main():
            return type(asyncio.get_running_loop())

        with policy_set(names.policy()):
            assert asyncio.run(main()) is type(loop)

    def test_keeps_the_loop_that_was_set(self, names, loop):
        policy = names.policy()
        policy.set_event_loop(loop)
        assert policy.get_event_loop() is loop
        policy.set_event_loop(None)
        with pytest.raises(RuntimeError, match="^There is no current event loop in thread"):
            policy.get_event_loop()

    def test_refuses_to_set_what_is_no_loop(self, names):
        with pytest.raises((TypeError, AssertionError)):
            names.policy().set_event_loop(1)

    def test_every_thread_has_its_own_current_loop(self, names, loop):
        policy = names.policy()
        policy.set_event_loop(loop)
        seen = []

        def other():
            try:
                policy.get_event_loop()
            except RuntimeError as error:
                seen.append(str(error))

        thread = threading.Thread(target=other, name="other")
        thread.start()
        thread.join()
        policy.set_event_loop(None)
        assert seen == ["There is no current event loop in thread 'other'."]


def test_set_event_loop_takes_it(loop):
    asyncio.set_event_loop(loop)
    try:
        assert asyncio.get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        asyncio.events._event_loop_policy = None


class TestRun:
    def test_gives_the_result(self, names):
        async def main():
            await asyncio.sleep(0)
            return 42

        assert names.run(main()) == 42

    def test_runs_on_the_implementations_loop(self, names, loop):
        async def main():
            return type(asyncio.get_running_loop())

        if not names.is_stock:
            assert names.run(main()) is type(loop)

    def test_raises_the_exception(self, names):
        async def main():
            raise KeyError("out")

        with pytest.raises(KeyError, match="out"):
            names.run(main())

    @pytest.mark.parametrize("debug", [True, False])
    def test_sets_debug_mode(self, names, debug):
        async def main():
            return asyncio.get_running_loop().get_debug()

        assert names.run(main(), debug=debug) is debug

    def test_cancels_what_is_left(self, names):
        trail = []

        async def forever():
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                trail.append(asyncio.current_task().get_name())

        async def main():
            tasks.append(asyncio.create_task(forever(), name="left"))
            await asyncio.sleep(0)

        tasks = []
        names.run(main())
        assert trail == ["left"]

    def test_shuts_down_generators_and_threads(self, names):
        trail = []

        async def generate():
            try:
                yield 1
            finally:
                trail.append("closed")

        async def main():
            generators.append(generate())
            await generators[0].__anext__()
            await asyncio.to_thread(trail.append, "thread")

        generators = []
        names.run(main())
        assert trail == ["thread", "closed"]

    def test_closes_its_loop(self, names):
        async def main():
            return asyncio.get_running_loop()

        assert names.run(main()).is_closed()

    def test_is_refused_inside_of_a_running_loop(self, names):
        async def main():
            inner = asyncio.sleep(0)
            with pytest.raises(RuntimeError) as caught:
                names.run(inner)
            inner.close()
            return str(caught.value)

        expected = r"asyncio.run() cannot be called from a running event loop"
        assert names.run(main()) == expected

    @pytest.mark.parametrize("wrong", [1, None, "main", lambda: None], ids=shown)
    def test_refuses_what_is_no_coroutine_as_asyncio_does(self, names, wrong):
        assert outcome(lambda: names.run(wrong)) == outcome(lambda: asyncio.run(wrong))

    def test_leaves_no_current_loop(self, names):
        names.run(asyncio.sleep(0))
        assert asyncio._get_running_loop() is None


class TestRunner:
    def test_runs_many_on_one_loop(self, loop_factory):
        async def main():
            return asyncio.get_running_loop()

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            loop = runner.get_loop()
            assert runner.run(main()) is loop
            assert runner.run(main()) is loop
        assert loop.is_closed()

    def test_keeps_one_context(self, loop_factory):
        variable = contextvars.ContextVar("variable", default="unset")

        async def change():
            variable.set("changed")

        async def read():
            return variable.get()

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(change())
            assert runner.run(read()) == "changed"
        assert variable.get() == "unset"

    def test_takes_a_context_for_one_run(self, loop_factory):
        variable = contextvars.ContextVar("variable", default="unset")
        context = contextvars.copy_context()
        context.run(variable.set, "given")

        async def read():
            return variable.get()

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            assert runner.run(read(), context=context) == "given"
            assert runner.run(read()) == "unset"

    def test_tasks_go_on_from_one_run_to_the_next(self, loop_factory):
        seen = []

        async def background():
            for number in range(4):
                seen.append(number)
                await asyncio.sleep(0)

        async def start():
            tasks.append(asyncio.create_task(background()))
            await asyncio.sleep(0)

        tasks = []
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(start())
            assert 0 < len(seen) < 4
            runner.run(asyncio.wait(tasks))
        assert seen == [0, 1, 2, 3]

    @pytest.mark.parametrize("debug", [True, False])
    def test_sets_debug_mode(self, loop_factory, debug):
        with asyncio.Runner(loop_factory=loop_factory, debug=debug) as runner:
            assert runner.get_loop().get_debug() is debug

    def test_works_in_another_thread(self, loop_factory):
        seen = []

        def work():
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                seen.append(runner.run(asyncio.sleep(0, "in a thread")))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert seen == ["in a thread"]

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="loop_factory= came in 3.12")
    def test_asyncio_run_takes_the_factory(self, loop_factory, loop):
        async def main():
            return type(asyncio.get_running_loop())

        assert asyncio.run(main(), loop_factory=loop_factory) is type(loop)


def isolated_case(loop_factory, body):
    """A test case class whose one test is `body`, on loops of the factory."""

    class Case(unittest.IsolatedAsyncioTestCase):
        trail: ClassVar[list[str]] = []

        async def asyncSetUp(self):
            self.trail.append("set up")

        async def asyncTearDown(self):
            self.trail.append("torn down")

        async def test(self):
            self.trail.append(type(asyncio.get_running_loop()).__name__)
            await body(self)

    if sys.version_info >= (3, 13):
        Case.loop_factory = staticmethod(loop_factory)
    return Case


class TestIsolatedAsyncioTestCase:
    def run_case(self, names, loop_factory, body):
        case = isolated_case(loop_factory, body)
        result = unittest.TestResult()
        suite = unittest.TestLoader().loadTestsFromTestCase(case)
        if sys.version_info >= (3, 13):
            suite.run(result)
        else:
            with policy_set(names.policy()):
                suite.run(result)
        return result, case.trail

    def test_a_passing_test(self, names, loop_factory, loop):
        async def body(case):
            await asyncio.sleep(0)
            case.addAsyncCleanup(asyncio.sleep, 0)

        result, trail = self.run_case(names, loop_factory, body)
        assert result.wasSuccessful()
        assert result.testsRun == 1
        assert trail == ["set up", type(loop).__name__, "torn down"]

    def test_a_failing_test(self, names, loop_factory):
        async def body(case):
            await asyncio.sleep(0)
            case.assertEqual(1, 2)

        result, trail = self.run_case(names, loop_factory, body)
        assert (len(result.failures), len(result.errors)) == (1, 0)
        assert trail[-1] == "torn down"
        result.failures.clear()

    def test_an_erroneous_test(self, names, loop_factory):
        async def body(case):
            raise KeyError("wrong")

        result, trail = self.run_case(names, loop_factory, body)
        assert (len(result.failures), len(result.errors)) == (0, 1)
        assert trail[-1] == "torn down"

    def test_set_up_test_and_tear_down_share_a_task_context(self, names, loop_factory):
        variable = contextvars.ContextVar("variable", default="unset")
        seen = []

        async def body(case):
            variable.set("in the test")

            async def look():
                seen.append(variable.get())

            case.addAsyncCleanup(look)

        result, _ = self.run_case(names, loop_factory, body)
        assert result.wasSuccessful()
        assert seen == ["in the test"]
