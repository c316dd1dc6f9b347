"""Tests of the runner itself, on small test modules made for the purpose."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import exclusions
import expected_failures
import pytest
from conformance.job import Job, Plan
from conformance.outcomes import Status
from conformance.rules import Rule, Rulebook, needs
from conformance.supervisor import Limits, ModuleResult, Outcome, Supervisor
from conformance.verdicts import Judge, Verdict
from run import WORKER
from seams import SUITE
from virtual_time import Timetable

RUN = Path(__file__).parent / "run.py"
PACKAGE = "made_up_suite"
HEADER = "import os, signal, threading, unittest\n"
MIXED = """
    class Case(unittest.TestCase):
        def test_a_passes(self): pass
        def test_b_fails(self): self.assertEqual(1, 2, "one is not two")
        def test_c_errs(self): raise ValueError("two\\nlines")
        def test_d_skips(self): self.skipTest("not today")
        def test_e_subtest_fails(self):
            for number in range(3):
                with self.subTest(number=number):
                    self.assertNotEqual(number, 1)
        @unittest.expectedFailure
        def test_f_fails_as_marked(self): self.fail()
        @unittest.expectedFailure
        def test_g_passes_though_marked(self): pass
"""

AddModule = Callable[[str, str], None]
RunModule = Callable[..., ModuleResult]


@pytest.fixture
def add_module(tmp_path: Path) -> AddModule:
    """Writes a test module of the made-up suite."""
    package = tmp_path / "path" / PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").touch()

    def add(name: str, source: str) -> None:
        (package / f"{name}.py").write_text(HEADER + textwrap.dedent(source))

    return add


@pytest.fixture
def run_module(tmp_path: Path, add_module: AddModule) -> RunModule:
    """Runs one module, made from its source, as the runner would."""
    logs = tmp_path / "logs"
    logs.mkdir()

    def run(source: str, *, hangs: Any = lambda *_: False, **job: Any) -> ModuleResult:
        add_module("test_it", source)
        supervisor = Supervisor(WORKER, Limits(1.0, hangs), logs, _env(tmp_path))
        return supervisor.run(Job("test_it", PACKAGE, **job))

    return run


@pytest.fixture
def run_command(tmp_path: Path, add_module: AddModule) -> Callable[..., tuple[int, str, Any]]:
    """Runs run.py; returns its exit status, its output and what it wrote as JSON."""

    def run(*arguments: str) -> tuple[int, str, Any]:
        path = tmp_path / "out.json"
        command = [*_command(), "--json", str(path), *arguments]
        done = subprocess.run(command, env=_env(tmp_path), capture_output=True, text=True)
        written = json.loads(path.read_text()) if path.exists() else None
        return done.returncode, done.stdout or done.stderr, written

    return run


def _command() -> list[str]:
    return [sys.executable, str(RUN), "--package", PACKAGE, "--loop", "stock", "--timeout", "5"]


def _env(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tmp_path / "path"), "TMPDIR": str(tmp_path)}


def _statuses(result: ModuleResult) -> dict[str, Status]:
    return {name.partition(".")[2]: out.status for name, out in result.outcomes.items()}


def test_each_kind_of_outcome_is_told_apart(run_module: RunModule) -> None:
    result = run_module(MIXED)
    assert _statuses(result) == {
        "test_a_passes": Status.PASSED,
        "test_b_fails": Status.FAILED,
        "test_c_errs": Status.FAILED,
        "test_d_skips": Status.SKIPPED,
        "test_e_subtest_fails": Status.FAILED,
        "test_f_fails_as_marked": Status.PASSED,
        "test_g_passes_though_marked": Status.FAILED,
    }
    assert result.outcomes["Case.test_b_fails"].summary == (
        "AssertionError: 1 != 2 : one is not two"
    )
    assert result.outcomes["Case.test_c_errs"].summary == "ValueError: two lines"
    assert "number=1" in result.outcomes["Case.test_e_subtest_fails"].detail
    assert not result.broken


def test_a_hang_costs_one_test_and_shows_its_stack(run_module: RunModule) -> None:
    result = run_module("""
        class Case(unittest.TestCase):
            def test_a(self): pass
            def test_b_hangs(self): threading.Event().wait()
            def test_c(self): pass
    """)
    assert _statuses(result) == {
        "test_a": Status.PASSED,
        "test_b_hangs": Status.HUNG,
        "test_c": Status.PASSED,
    }
    assert "in test_b_hangs" in result.outcomes["Case.test_b_hangs"].detail


def test_a_crash_costs_one_test(run_module: RunModule) -> None:
    result = run_module("""
        class Case(unittest.TestCase):
            def test_a(self): pass
            def test_b_aborts(self): os.abort()
            def test_c(self): pass
            def test_d_is_killed(self): os.kill(os.getpid(), signal.SIGKILL)
            def test_e_exits(self): os._exit(3)
            def test_f(self): pass
    """)
    assert [out.status for out in result.outcomes.values()] == [
        Status.PASSED,
        Status.CRASHED,
        Status.PASSED,
        Status.CRASHED,
        Status.CRASHED,
        Status.PASSED,
    ]
    summaries = [out.summary for out in result.outcomes.values() if out.summary]
    assert [text.rpartition(" with ")[2] for text in summaries] == [
        "SIGABRT",
        "SIGKILL",
        "status 3",
    ]


def test_what_a_crashed_worker_started_is_ended(run_module: RunModule, tmp_path: Path) -> None:
    fifo = tmp_path / "held open by the child"
    os.mkfifo(fifo)
    with open(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as held:
        run_module(f"""
            class Case(unittest.TestCase):
                def test_a(self):
                    file = open({str(fifo)!r}, "wb", buffering=0)
                    file.write(b"held")
                    if os.fork() == 0:
                        signal.pause()
                    os._exit(1)
        """)
        assert held.read(4) == b"held"
        assert select.select([held], [], [], 10)[0]
        assert held.read() == b""


def test_a_crash_before_the_first_test_ends_the_module(run_module: RunModule) -> None:
    result = run_module("""
        def setUpModule(): os._exit(4)
        class Case(unittest.TestCase):
            def test_a(self): pass
    """)
    assert _statuses(result) == {"test_a": Status.NOT_RUN}
    assert "status 4" in result.broken
    assert not Judge([]).report(result).ok


def test_a_failing_fixture_fails_the_tests_that_did_not_run(run_module: RunModule) -> None:
    result = run_module("""
        def setUpModule(): raise OSError("no room")
        class Case(unittest.TestCase):
            def test_a(self): pass
    """)
    assert result.broken.endswith("OSError: no room")
    assert Judge([]).report(result).failures.keys() == {"Case.test_a"}


def test_a_module_that_cannot_be_loaded_is_a_failure(run_module: RunModule) -> None:
    result = run_module("raise ImportError('gone')")
    assert result.broken == "ImportError: gone"
    assert not Judge([]).report(result).ok


def test_a_module_that_skips_itself_is_none(run_module: RunModule) -> None:
    result = run_module("raise unittest.SkipTest('elsewhere')")
    assert result.skipped == "elsewhere"
    assert Judge([]).report(result).ok


def test_tests_can_be_picked(run_module: RunModule) -> None:
    assert run_module(MIXED, match=("*.test_[ad]*",)).outcomes.keys() == {
        "Case.test_a_passes",
        "Case.test_d_skips",
    }
    assert run_module(MIXED, only=("Case.test_b_fails",)).plan.tests == ["Case.test_b_fails"]
    planned = run_module(MIXED, plan_only=True)
    assert len(planned.plan.tests) == 7
    assert not planned.outcomes


def _judged(status: Status, **rule: Any) -> tuple[Verdict, str]:
    book = needs("wings", "test_it", "Case.test_flies", **rule)
    judged = Judge(book).judge("test_it", "Case.test_flies", Outcome(status, "summary"))
    return judged.verdict, judged.why


def test_an_expected_failure_must_fail() -> None:
    assert _judged(Status.FAILED) == (Verdict.EXPECTED_FAILURE, "wings")
    assert _judged(Status.SKIPPED) == (Verdict.SKIPPED, "summary")
    for status in (Status.PASSED, Status.CRASHED, Status.HUNG, Status.NOT_RUN):
        verdict, why = _judged(status)
        assert verdict is Verdict.FAILED
        assert why == f"{status}, but expected to fail for want of: wings"


def test_only_a_rule_that_says_so_may_hang() -> None:
    assert _judged(Status.HUNG, hangs=True) == (Verdict.EXPECTED_FAILURE, "wings")
    assert _judged(Status.CRASHED, hangs=True)[0] is Verdict.FAILED
    assert _judged(Status.PASSED, hangs=True)[0] is Verdict.FAILED


def test_an_unexpected_pass_makes_the_module_fail(run_module: RunModule) -> None:
    result = run_module(MIXED, only=("Case.test_a_passes", "Case.test_b_fails"))
    expected = Judge(needs("wings", "test_it", "*.test_b_fails")).report(result)
    assert expected.ok
    assert expected.counts == {Verdict.PASSED: 1, Verdict.EXPECTED_FAILURE: 1}
    unexpected = Judge(needs("wings", "test_it", "Case.*")).report(result)
    assert not unexpected.ok
    assert unexpected.failures.keys() == {"Case.test_a_passes"}


def test_a_rule_holds_for_its_versions_only() -> None:
    rule = Rule("test_*", "*.test_x", "kind", "reason", since=(3, 12), before=(3, 13, 1))
    for version, holds in (
        ((3, 11, 9), False),
        ((3, 12, 0), True),
        ((3, 13, 0), True),
        ((3, 13, 1), False),
    ):
        assert (Rulebook([rule], version).find("test_it", "A.test_x") is rule) is holds


def test_a_rule_that_names_no_test_is_stale() -> None:
    used, covered, unused = needs("wings", "test_it", "Case.test_*", "Case.test_a", "Case.no_*")
    elsewhere = needs("wings", "test_other", "*")
    uncertain = needs("wings", "test_it", "Case.maybe", certain=False)
    book = Rulebook([used, covered, unused, *elsewhere, *uncertain], (3, 13, 0))
    assert book.stale({"test_it": ["Case.test_a", "Case.test_b"]}) == [covered, unused]


def test_every_rule_has_a_reason_and_is_written_once() -> None:
    for rules in (
        exclusions.MODULES,
        exclusions.tests_left_out(namespace=False),
        exclusions.tests_left_out(namespace=True),
        expected_failures.TESTS,
        expected_failures.NAMESPACE,
    ):
        assert all(rule.kind and rule.reason for rule in rules)
        assert len({(rule.module, rule.test) for rule in rules}) == len(rules)


def test_exit_status_and_table(run_command: Any, add_module: AddModule) -> None:
    add_module("test_good", "class Case(unittest.TestCase):\n    def test_a(self): pass\n")
    status, output, written = run_command("--module", "good")
    assert status == 0
    assert output.splitlines()[-1].split()[:7] == ["all", "1", "1", "0", "0", "0", "0"]
    assert written["modules"]["test_good"]["tests"]["Case.test_a"]["verdict"] == "passed"

    add_module("test_mixed", MIXED)
    status, output, written = run_command("--jobs", "2")
    assert status == 1
    assert "FAILED test_mixed.Case.test_c_errs: ValueError: two lines" in output
    assert not written["modules"]["test_mixed"]["ok"]


def test_what_cannot_be_run_is_said(run_command: Any, add_module: AddModule) -> None:
    add_module("test_it", MIXED)
    for arguments, said in (
        (("--module", "nothing"), f"no test module of {PACKAGE} matches ['nothing']"),
        (("--match", "nothing"), "no test matches ['nothing']"),
        (("--loop", "no_such_loop"), f"{sys.executable} has no module no_such_loop"),
        (("--task", "no.such:Task"), f"{sys.executable} has no module no.such"),
        (("--package", "asyncio.tasks"), "asyncio.tasks is not a package"),
    ):
        status, output, _ = run_command(*arguments)
        assert status == 2
        assert output.splitlines()[-1] == said


def test_list_runs_nothing(run_command: Any, add_module: AddModule, tmp_path: Path) -> None:
    add_module("test_it", MIXED)
    status, output, written = run_command("--list")
    assert status == 0
    assert "test_it.Case.test_b_fails" in output.splitlines()
    assert written is None


def test_a_repeated_test_that_passes_is_flaky(
    run_command: Any, add_module: AddModule, tmp_path: Path
) -> None:
    flag = tmp_path / "was here"
    add_module(
        "test_it",
        f"""
        class Case(unittest.TestCase):
            def test_a(self):
                seen = os.path.exists({str(flag)!r})
                open({str(flag)!r}, "w").close()
                self.assertTrue(seen)
        """,
    )
    status, output, written = run_command("--retries", "1")
    assert status == 0
    assert "FLAKY  test_it.Case.test_a: passed when repeated" in output
    assert written["modules"]["test_it"]["flaky"] == ["Case.test_a"]


def test_ending_the_runner_ends_its_workers(tmp_path: Path, add_module: AddModule) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    add_module(
        "test_it",
        f"""
        class Case(unittest.TestCase):
            def test_a(self):
                with open({str(fifo)!r}, "w") as file:
                    file.write(str(os.getpid()))
                signal.pause()
        """,
    )
    runner = subprocess.Popen([*_command()], env=_env(tmp_path), stderr=subprocess.DEVNULL)
    worker = int(fifo.read_text())
    runner.send_signal(signal.SIGTERM)
    assert runner.wait() == 128 + signal.SIGTERM
    assert not Path(f"/proc/{worker}").exists()


def _timer(when: float) -> asyncio.TimerHandle:
    return asyncio.TimerHandle(when, lambda: None, (), mock.Mock())


def test_asyncio_means_asyncioxide_in_the_namespace(run_module: RunModule) -> None:
    source = """
        import asyncio, asyncio.locks
        from asyncio import base_events, queues
        from unittest import mock
        import asyncioxide

        class Case(unittest.IsolatedAsyncioTestCase):
            async def test_names(self):
                self.assertIs(asyncio, asyncioxide)
                self.assertIs(asyncio.locks, asyncioxide.locks)
                self.assertIs(queues, asyncioxide.queues)
                self.assertIs(mock.asyncio, asyncioxide)

            async def test_loop(self):
                self.assertIsInstance(asyncio.get_running_loop(), asyncioxide.EventLoop)
                self.assertIsInstance(asyncio.current_task(), asyncioxide.Task)

            def test_patch(self):
                code = base_events.BaseEventLoop.getaddrinfo.__globals__
                original = code["socket"]
                with mock.patch("asyncio.base_events.socket") as socket:
                    self.assertIs(base_events.socket, socket)
                    self.assertIs(code["socket"], socket)
                self.assertIs(base_events.socket, original)
                self.assertIs(code["socket"], original)

            def test_patch_of_ours(self):
                lock = asyncio.Lock
                with mock.patch("asyncio.locks.Lock"):
                    self.assertIs(asyncio.Lock, lock)
                self.assertIs(asyncio.locks.Lock, lock)
    """
    loop = {"loop": "asyncioxide"}
    passed = run_module(source, namespace=True, **loop)
    assert set(_statuses(passed).values()) == {Status.PASSED}
    assert len(passed.outcomes) == 4
    assert _statuses(run_module(source, **loop))["test_names"] is Status.FAILED


def test_the_virtual_clock_follows_the_script() -> None:
    def script() -> Any:
        assert (yield) == 5
        assert (yield 2) == 3
        yield 1

    table = Timetable(script)
    late, soon = _timer(5), _timer(3)
    table.add(late)
    table.report()
    assert table.now == 2
    table.add(soon)
    table.report()
    assert table.now == 3
    assert table.take_due() == [soon]
    table.finish()


def test_the_virtual_clock_misses_a_timer_that_was_not_set() -> None:
    def script() -> Any:
        yield
        yield 0

    with pytest.raises(AssertionError, match="not finished"):
        Timetable(script).finish()


# What stands for the parameter in a stock class, and the class that is added for ours.
MIRRORED = {
    "test_futures": {
        "CFutureTests": "OxideFutureTests",
        "CSubFutureTests": "OxideSubFutureTests",
        "CFutureDoneCallbackTests": "OxideFutureDoneCallbackTests",
        "CSubFutureDoneCallbackTests": "OxideSubFutureDoneCallbackTests",
        "CFutureInheritanceTests": "OxideFutureInheritanceTests",
    },
    "test_futures2": {
        "CFutureTests": "OxideFutureTests",
        "FutureReprTests": "OxideFutureReprTests",
    },
    "test_tasks": {
        "CTask_CFuture_Tests": "OxideTask_OxideFuture_Tests",
        "CTask_CFuture_SubclassTests": "OxideTask_OxideFuture_SubclassTests",
        "CTask_PyFuture_Tests": "OxideTask_PyFuture_Tests",
        "PyTask_CFuture_Tests": "PyTask_OxideFuture_Tests",
        "CTaskSubclass_PyFuture_Tests": "OxideTaskSubclass_PyFuture_Tests",
        "PyTask_CFutureSubclass_Tests": "PyTask_OxideFutureSubclass_Tests",
        "CTask_Future_Tests": "OxideTask_Future_Tests",
        "CCurrentLoopTests": "OxideCurrentLoopTests",
    },
    "test_eager_task_factory": {
        "CEagerTaskFactoryLoopTests": "OxideEagerTaskFactoryLoopTests",
        "EagerCTaskTests": "OxideEagerTaskTests",
        "NonEagerCTaskTests": "OxideNonEagerTaskTests",
    },
    "test_free_threading": {
        "TestCFreeThreading": "OxideFreeThreadingTests",
        "TestEagerCFreeThreading": "OxideEagerFreeThreadingTests",
    },
}
SINCE = {"test_eager_task_factory": (3, 12), "test_free_threading": (3, 14)}


@pytest.mark.parametrize("module", MIRRORED)
def test_all_tests_of_a_parametrised_class_run_for_ours(module: str, tmp_path: Path) -> None:
    if sys.version_info < SINCE.get(module, (3, 11)):
        pytest.skip("this Python's suite does not have the module")
    plan = _plan(module, tmp_path)
    tests: dict[str, set[str]] = {}
    for name in [*plan.tests, *plan.excluded]:
        case, _, test = name.partition(".")
        tests.setdefault(case, set()).add(test)
    for stock, ours in MIRRORED[module].items():
        assert tests[ours] == tests[stock]
    parametrised = {case for case in tests if case.startswith(("C", "TestC", "PyTask_C"))}
    parametrised -= {"CIntrospectionTests", "CTask_OxideFuture_Tests", "CoroutineGatherTests"}
    assert parametrised - {"CompatibilityTests"} <= MIRRORED[module].keys()


def _plan(module: str, tmp_path: Path) -> Plan:
    supervisor = Supervisor(WORKER, Limits(60.0), tmp_path, dict(os.environ))
    job = Job(module, SUITE, task="_asyncio:Task", future="_asyncio:Future", plan_only=True)
    result = supervisor.run(job)
    assert not result.broken
    return result.plan
