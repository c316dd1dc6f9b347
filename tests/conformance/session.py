"""One run over the modules of a suite, from the command line to the exit status.

A suite's `run.py` describes itself as a `Suite` and calls `main`.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from . import report
from .job import Job
from .outcomes import Status
from .progress import Progress, progress_display
from .rules import Rule, Rulebook
from .supervisor import Limits, ModuleResult, Supervisor
from .target import STOCK
from .verdicts import Judge, ModuleReport

OURS = "asyncioxide"
RETRY_LIMIT = 40
BACKSTOP_S = 120.0
UNWANTED_ENV = ("PYTHONASYNCIODEBUG", "PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONPROFILEIMPORTTIME")


@dataclass(frozen=True)
class Suite:
    """What is run: where the test modules are, who runs one, and the rules about them.

    `checks_rules` is false if the rules are about another suite, as when the runner runs
    a made-up one.
    """

    title: str
    package: str
    folder: Path
    worker: Path
    modules_left_out: Sequence[Rule]
    tests_left_out: Sequence[Rule]
    expected_failures: Sequence[Rule] = ()
    checks_rules: bool = True
    env: Mapping[str, str] = field(default_factory=dict)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that every suite has."""
    _add_target_options(parser.add_argument_group("what is tested"))
    _add_test_options(parser.add_argument_group("which tests"))
    _add_run_options(parser.add_argument_group("how they are run"))


def _add_target_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--loop",
        default=OURS,
        metavar="LOOP",
        help="asyncioxide (default), stock, a module with new_event_loop() such as uvloop, "
        "or MODULE:CALLABLE",
    )
    group.add_argument(
        "--poll-every-turn", action="store_true", help="make the loops with poll_every_turn=True"
    )
    group.add_argument(
        "--expect",
        choices=("auto", "failures", "passes"),
        default="auto",
        help="whether the list of expected failures holds (auto: with --loop asyncioxide only)",
    )


def _add_test_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--module",
        action="append",
        metavar="GLOB",
        default=[],
        help="only these test modules, with or without 'test_'; may be repeated",
    )
    group.add_argument(
        "--match",
        action="append",
        metavar="GLOB",
        default=[],
        help="only tests whose 'Class.test' matches; may be repeated",
    )
    group.add_argument(
        "--list", action="store_true", help="list the tests and what is done with each"
    )


def _add_run_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--jobs", "-j", type=int, metavar="N", default=2, help="modules at a time (default 2)"
    )
    group.add_argument(
        "--timeout",
        type=float,
        metavar="S",
        default=60.0,
        help="seconds after which a test counts as hung (default 60)",
    )
    group.add_argument(
        "--retries",
        type=int,
        metavar="N",
        default=0,
        help="repeat failing tests up to N times; one that then passes is listed as flaky",
    )
    group.add_argument("--json", type=Path, metavar="FILE", help="write everything to this file")
    group.add_argument(
        "--log-dir",
        type=Path,
        metavar="DIR",
        help="keep the workers' output there (default: a temporary folder, kept on failure)",
    )


def main(options: argparse.Namespace, describe: Callable[[], Suite], **job: Any) -> int:
    """The exit status: 0 only if all that applies passed and all that was expected to fail did.

    `describe` raises LookupError if there is no such suite; `job` adds fields to the jobs.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        session = Session(options, describe(), job)
        return session.list_tests() if options.list else session.run()
    except LookupError as exc:
        print(exc, file=sys.stderr)
        return 2


def spec_of(module: str) -> ModuleSpec:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None:
        raise LookupError(f"{sys.executable} has no module {module}")
    return spec


class Session:
    """One run over the modules that were asked for."""

    def __init__(self, options: argparse.Namespace, suite: Suite, job: dict[str, Any]) -> None:
        self.options = options
        self.suite = suite
        self.modules, self.left_out = _discover(suite, options.module)
        ours = options.loop == OURS
        expects = options.expect == "failures" or (options.expect == "auto" and ours)
        self.judge = Judge(suite.expected_failures if expects else ())
        self.job = Job(
            module="",
            package=suite.package,
            loop=options.loop,
            poll_every_turn=options.poll_every_turn,
            match=tuple(options.match),
            plan_only=options.list,
            backstop_s=options.timeout + BACKSTOP_S,
            **job,
        )
        for named in (options.loop, self.job.task, self.job.future):
            if named is not None and named != STOCK:
                spec_of(named.partition(":")[0])
        self.log_dir = options.log_dir or Path(tempfile.mkdtemp(prefix="asyncio-tests-"))
        self.log_dir.mkdir(parents=True, exist_ok=True)

    def run(self) -> int:
        with progress_display(len(self.modules)) as progress:
            reports = self._run_modules(progress)
        if not any(done.tests or done.result.skipped or done.result.broken for done in reports):
            self._remove_logs()
            raise LookupError(f"no test matches {self.options.match}")
        stale = self._stale_rules(reports)
        self._show(reports, stale)
        if self.options.json:
            report.write_json(self.options.json, self._about(), reports, self.left_out, stale)
        if not all(done.ok for done in reports):
            print(f"workers' output: {self.log_dir}")
            return 1
        self._remove_logs()
        return 0

    def list_tests(self) -> int:
        supervisor = self._supervisor(None)
        for module in self.modules:
            result = supervisor.run(dataclasses.replace(self.job, module=module))
            for name in result.plan.tests:
                rule = self.judge.expected.find(module, name)
                print(
                    f"{module}.{name}" + (f"  expected failure: needs {rule.kind}" if rule else "")
                )
            for name, (kind, reason) in result.plan.excluded.items():
                print(f"{module}.{name}  excluded, {kind}: {reason}")
            if result.skipped or result.broken:
                print(f"{module}  {result.skipped or result.broken}")
        for module, rule in self.left_out.items():
            print(f"{module}  excluded, {rule.kind}: {rule.reason}")
        self._remove_logs()
        return 0

    def _run_modules(self, progress: Progress) -> list[ModuleReport]:
        supervisor = self._supervisor(progress)

        def run(module: str) -> ModuleReport:
            done = self._run_module(supervisor, module)
            progress.module_over(done)
            return done

        with concurrent.futures.ThreadPoolExecutor(max(1, self.options.jobs)) as pool:
            try:
                return list(pool.map(run, self.modules))
            except BaseException:
                supervisor.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _supervisor(self, progress: Progress | None) -> Supervisor:
        env = {key: value for key, value in os.environ.items() if key not in UNWANTED_ENV}
        env |= {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(self.log_dir.resolve())}
        return Supervisor(
            self.suite.worker,
            Limits(self.options.timeout, self.judge.hangs),
            self.log_dir.resolve(),
            env | self.suite.env,
            progress.test_over if progress else None,
        )

    def _run_module(self, supervisor: Supervisor, module: str) -> ModuleReport:
        job = dataclasses.replace(self.job, module=module)
        result = supervisor.run(job)
        flaky: list[str] = []
        for attempt in range(self.options.retries):
            failing = tuple(self.judge.report(result).failures)
            repeatable = tuple(
                name for name in failing if result.outcomes[name].status is not Status.PASSED
            )
            if not repeatable or len(repeatable) > RETRY_LIMIT:
                break
            again = supervisor.run(dataclasses.replace(job, only=repeatable), f".retry{attempt}")
            flaky += _take_passed(result, again)
        return self.judge.report(result, flaky)

    def _stale_rules(self, reports: Sequence[ModuleReport]) -> list[Rule]:
        """Rules that named no test, as far as this run could tell."""
        if self.options.match or not self.suite.checks_rules:
            return []
        excluded: dict[str, list[str]] = {}
        left: dict[str, list[str]] = {}
        for module in reports:
            if not module.result.broken:
                plan = module.result.plan
                left[module.result.module] = plan.tests
                excluded[module.result.module] = [*plan.tests, *plan.excluded]
        out = Rulebook(self.suite.tests_left_out, sys.version_info[:3]).stale(excluded)
        return out + self.judge.expected.stale(left)

    def _show(self, reports: Sequence[ModuleReport], stale: Sequence[Rule]) -> None:
        about = f"{self.suite.title}, loop {self.options.loop}"
        for name in ("task", "future"):
            if getattr(self.job, name):
                about += f", {name} {getattr(self.job, name)}"
        print(about + (", poll_every_turn" if self.options.poll_every_turn else ""))
        print(report.table(reports))
        for module, rule in self.left_out.items():
            print(f"left out {module}: {rule.kind}: {rule.reason}")
        for line in report.failures(reports) + report.flaky(reports):
            print(line)
        for rule in stale:
            print(f"STALE  this rule names no test: {rule}")

    def _remove_logs(self) -> None:
        if self.options.log_dir is None:
            shutil.rmtree(self.log_dir)

    def _about(self) -> dict[str, Any]:
        return {
            "python": ".".join(map(str, sys.version_info[:3])),
            "package": self.suite.package,
            "loop": self.options.loop,
            "task": self.job.task,
            "future": self.job.future,
            "poll_every_turn": self.options.poll_every_turn,
        }


def _discover(suite: Suite, wanted: Sequence[str]) -> tuple[list[str], dict[str, Rule]]:
    """The test modules to run, and those left out."""
    found = sorted(path.stem for path in suite.folder.glob("test_*.py"))
    names = [name for name in found if _is_wanted(name, wanted)]
    if not names:
        raise LookupError(f"no test module of {suite.package} matches {wanted}")
    book = Rulebook(suite.modules_left_out, sys.version_info[:3])
    left_out = {name: rule for name in names if (rule := book.find(name, "*"))}
    return [name for name in names if name not in left_out], left_out


def _is_wanted(module: str, globs: Sequence[str]) -> bool:
    names = (module, module.removeprefix("test_"))
    return not globs or any(fnmatchcase(name, glob) for glob in globs for name in names)


def _take_passed(result: ModuleResult, again: ModuleResult) -> list[str]:
    passed = {
        name: outcome for name, outcome in again.outcomes.items() if outcome.status is Status.PASSED
    }
    result.outcomes |= passed
    return list(passed)
