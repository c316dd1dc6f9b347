"""Runs one test module to its end, over as many worker processes as it takes.

A test that hangs or crashes takes its worker with it. The supervisor puts that on the
test's account and starts another worker for the tests that are left.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .job import EventParser, Job, Plan
from .outcomes import DETAIL_LIMIT, Status

POLL_S = 0.2
EXIT_POLL_S = 0.02
BETWEEN_TESTS_S = 60.0
HANGING_TEST_S = 3.0
ABORT_S = 5.0
LOST_WORKERS_LIMIT = 20
READ_BYTES = 1 << 16


@dataclass(frozen=True)
class Outcome:
    """How one test ended."""

    status: Status
    summary: str = ""
    detail: str = ""
    seconds: float = 0.0


@dataclass
class ModuleResult:
    """What is known about one module once it was run."""

    module: str
    plan: Plan = field(default_factory=Plan)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    skipped: str = ""
    broken: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Limits:
    """How long a test may take; `hangs` names (module, test) that will not end anyway.

    Between tests a worker gets a minute at least: it may be loading the module.
    """

    test_s: float
    hangs: Callable[[str, str], bool] = lambda module, test: False

    def seconds(self, module: str, test: str | None) -> float:
        if test is None:
            return max(self.test_s, BETWEEN_TESTS_S)
        if self.hangs(module, test):
            return min(self.test_s, HANGING_TEST_S)
        return self.test_s


Listener = Callable[[str, Outcome | None], None]


class Supervisor:
    """Runs the modules of one session in processes of `worker`; `stop` ends them early."""

    def __init__(
        self,
        worker: Path,
        limits: Limits,
        log_dir: Path,
        env: dict[str, str],
        on_test: Listener | None = None,
    ) -> None:
        self.worker = worker
        self.limits = limits
        self.log_dir = log_dir
        self.env = env
        self.on_test = on_test or (lambda test, outcome: None)
        self.stop = threading.Event()

    def run(self, job: Job, label: str = "") -> ModuleResult:
        """`label` sets the logs of this run apart from others of the same module."""
        began = time.monotonic()
        result = ModuleResult(job.module)
        for attempt in range(LOST_WORKERS_LIMIT + 1):
            settled = len(result.outcomes)
            name = f"{job.module}{label}.{attempt}"
            rest = dataclasses.replace(job, settled=tuple(result.outcomes))
            finished = _Attempt(self, result, name).run(rest)
            no_progress = len(result.outcomes) == settled
            all_settled = len(result.outcomes) >= len(result.plan.tests)
            if finished or no_progress or all_settled or self.stop.is_set():
                break
        else:
            result.broken = result.broken or f"gave up after {LOST_WORKERS_LIMIT} lost workers"
        if not job.plan_only:
            for test in result.plan.tests:
                lost = Outcome(Status.NOT_RUN, result.broken or "its fixture failed")
                result.outcomes.setdefault(test, lost)
        result.seconds = time.monotonic() - began
        return result


class _Attempt:
    """One worker process, from its start to its end."""

    def __init__(self, supervisor: Supervisor, result: ModuleResult, name: str) -> None:
        self._supervisor = supervisor
        self._result = result
        self._name = name
        self._log = supervisor.log_dir / f"{name}.log"
        self._test: str | None = None
        self._since = time.monotonic()
        self._done = False

    def run(self, job: Job) -> bool:
        """True if the worker got through all its tests."""
        job_file = self._supervisor.log_dir / f"{self._name}.json"
        job.save(job_file)
        read_fd, write_fd = os.pipe()
        with open(read_fd, "rb", buffering=0) as events, open(self._log, "wb") as log:
            try:
                worker = self._start(job_file, write_fd, log)
            finally:
                os.close(write_fd)
            try:
                verdict = self._watch(worker, events)
            finally:
                _end(worker)
        if not self._done:
            self._account_for(verdict, worker.returncode)
        return self._done

    def _start(self, job_file: Path, write_fd: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, str(self._supervisor.worker), str(job_file), str(write_fd)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[write_fd],
            start_new_session=True,
            env=self._supervisor.env,
            cwd=self._supervisor.log_dir,
        )

    def _watch(self, worker: subprocess.Popen[bytes], events: IO[bytes]) -> Status | None:
        """Follows the worker until it is done or ends; HUNG if it was made to."""
        parser = EventParser()
        while not self._done and not self._supervisor.stop.is_set():
            exited = _has_ended(worker)
            readable, _, _ = select.select([events], [], [], 0 if exited else POLL_S)
            data = events.read(READ_BYTES) if readable else b""
            for event in parser.feed(data):
                self._take(event)
            if data:
                continue
            if exited:
                return None
            if readable:  # the pipe is closed, the worker about to end
                _wait_for_end(worker, POLL_S)
            limit_s = self._supervisor.limits.seconds(self._result.module, self._test)
            if time.monotonic() - self._since > limit_s:
                worker.send_signal(signal.SIGABRT)  # faulthandler shows every thread's stack
                _wait_for_end(worker, ABORT_S)
                return Status.HUNG
        return None

    def _take(self, event: dict[str, Any]) -> None:
        result = self._result
        self._since = time.monotonic()
        match event:
            case {"event": "plan", "tests": tests, "excluded": excluded}:
                result.plan = Plan(tests, excluded)
            case {"event": "start", "test": test}:
                self._test = test
            case {"event": "end", "test": test}:
                fields = {key: event[key] for key in ("summary", "detail", "seconds")}
                self._settle(test, Outcome(Status(event["status"]), **fields))
            case {"event": "fixture", "name": name, "text": text}:
                result.broken = f"{name}: {text.splitlines()[0]}"
            case {"event": "skip", "reason": reason}:
                result.skipped, self._done = reason, True
            case {"event": "broken", "text": text}:
                result.broken, self._done = text, True
            case {"event": "done"}:
                self._done = True

    def _settle(self, test: str, outcome: Outcome) -> None:
        self._result.outcomes[test] = outcome
        self._test = None
        self._supervisor.on_test(test, outcome)

    def _account_for(self, verdict: Status | None, returncode: int | None) -> None:
        """The worker ended before it was done: the running test pays."""
        if self._supervisor.stop.is_set():
            self._result.broken = "interrupted"
            return
        seconds = time.monotonic() - self._since
        tail = _tail(self._log)
        if verdict is Status.HUNG:
            summary = f"no end after {seconds:.0f} s"
        else:
            summary = f"the process ended with {_exit_text(returncode)}"
        if self._test is not None:
            status = verdict or Status.CRASHED
            self._settle(self._test, Outcome(status, summary, tail, seconds))
        else:
            self._result.broken = f"between two tests: {summary}"


def _has_ended(worker: subprocess.Popen[bytes]) -> bool:
    """Leaves the process to be waited for, so that its number stays ours."""
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, worker.pid, options) is not None


def _wait_for_end(worker: subprocess.Popen[bytes], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not _has_ended(worker) and time.monotonic() < deadline:
        time.sleep(EXIT_POLL_S)


def _end(worker: subprocess.Popen[bytes]) -> None:
    """Ends the worker and what its tests left running in its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def _exit_text(returncode: int | None) -> str:
    if returncode is None or returncode >= 0:
        return f"status {returncode}"
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"


def _tail(log: Path) -> str:
    return log.read_bytes()[-DETAIL_LIMIT:].decode(errors="replace")
