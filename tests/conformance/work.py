"""What a worker process does: loads one module of a suite, runs it and reports each test.

A worker script is started as

    worker.py JOB EVENTS    JOB is a file made by Job.save, EVENTS a file descriptor

and calls `run` with what its suite is about.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import traceback
import types
import unittest
import warnings
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from .job import EventSender, Job, Plan
from .outcomes import Status, StreamingResult, describe
from .rules import Rule, Rulebook


def run(
    arguments: Sequence[str],
    load_module: Callable[[Job], types.ModuleType],
    left_out: Sequence[Rule],
) -> None:
    """Never returns: ends the process when the module's tests are over."""
    job_file, events_fd = arguments
    job = Job.load(Path(job_file))
    events = EventSender(int(events_fd))
    faulthandler.enable(all_threads=True)
    _restore_signals()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = load_module(job)
    except unittest.SkipTest as exc:
        events.send("skip", reason=str(exc))
        return
    except BaseException as exc:
        traceback.print_exc()
        events.send("broken", text=describe((type(exc), exc, exc.__traceback__))[0])
        return
    cases = {case.id().removeprefix(_prefix(job)): case for case in _cases(module)}
    plan = _plan(job, list(cases), left_out)
    events.send("plan", tests=plan.tests, excluded=plan.excluded)
    if not job.plan_only:
        _run([cases[name] for name in plan.tests if name not in job.settled], job, events)
    events.send("done")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads that a test left behind must not keep the process


def _prefix(job: Job) -> str:
    return f"{job.package}.{job.module}."


def _cases(module: types.ModuleType) -> Iterator[unittest.TestCase]:
    return _flatten(unittest.defaultTestLoader.loadTestsFromModule(module))


def _flatten(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flatten(test)
        else:
            yield test


def _plan(job: Job, names: list[str], left_out: Sequence[Rule]) -> Plan:
    book = Rulebook(left_out, sys.version_info[:3])
    plan = Plan()
    for name in names:
        if job.only is not None and name not in job.only:
            continue
        if job.match and not any(fnmatchcase(name, glob) for glob in job.match):
            continue
        rule = book.find(job.module, name)
        if rule is None:
            plan.tests.append(name)
        else:
            plan.excluded[name] = [rule.kind, rule.reason]
    return plan


def _run(cases: list[unittest.TestCase], job: Job, events: EventSender) -> None:
    if not sys.warnoptions:
        warnings.simplefilter("default")
    between = BetweenTests(job.backstop_s)
    result = StreamingResult(events, _prefix(job), between.before, between.after)
    unittest.TestSuite(cases).run(result)


class BetweenTests:
    """Keeps what a failing test left behind from failing the next one."""

    def __init__(self, backstop_s: float) -> None:
        self._backstop_s = backstop_s
        self._failed = False

    def before(self) -> None:
        faulthandler.dump_traceback_later(self._backstop_s, exit=True)
        if self._failed:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                gc.collect()

    def after(self, status: Status) -> None:
        asyncio._set_running_loop(None)
        self._failed = status is Status.FAILED
        if self._failed:
            set_policy = getattr(asyncio.events, "_set_event_loop_policy", None)
            (set_policy or asyncio.set_event_loop_policy)(None)


def _restore_signals() -> None:
    """A background job of a shell is started with SIGINT and SIGQUIT ignored, or with SIGHUP."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
