"""The outcome of one test, and the unittest result that reports it as it happens."""

from __future__ import annotations

import time
import traceback
import unittest
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Any

from .job import EventSender

DETAIL_LIMIT = 6000
SUMMARY_LIMIT = 300

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class Status(StrEnum):
    """What happened to a test. Only a worker's death makes the last three."""

    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failed"
    HUNG = "hung"
    CRASHED = "crashed"
    NOT_RUN = "not run"


_SEVERITY = {Status.PASSED: 0, Status.SKIPPED: 1, Status.FAILED: 2}


class _Running:
    """A test between startTest and stopTest."""

    def __init__(self) -> None:
        self.status = Status.PASSED
        self.summary = ""
        self.detail = ""
        self.began = time.monotonic()

    def note(self, status: Status, summary: str, detail: str) -> None:
        """The first of the worst counts: a failing subtest fails its test."""
        if _SEVERITY[status] > _SEVERITY[self.status]:
            self.status, self.summary, self.detail = status, summary, detail


class StreamingResult(unittest.TestResult):
    """Sends one final status per test, as soon as the test is over."""

    def __init__(
        self,
        events: EventSender,
        prefix: str,
        before_test: Callable[[], None],
        after_test: Callable[[Status], None],
    ) -> None:
        super().__init__()
        self._events = events
        self._prefix = prefix
        self._before_test = before_test
        self._after_test = after_test
        self._running: dict[str, _Running] = {}

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        name = self._name(test)
        self._before_test()
        self._running[name] = _Running()
        self._events.send("start", test=name)

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        name = self._name(test)
        running = self._running.pop(name, None)
        if running is not None:
            self._after_test(running.status)
            self._send_end(name, running)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self._note(test, Status.FAILED, *describe(err))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self._note(test, Status.FAILED, *describe(err))

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            summary, detail = describe(err)
            self._note(test, Status.FAILED, summary, f"{subtest}\n{detail}")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self._note(test, Status.SKIPPED, reason, "")

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        pass

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self._note(test, Status.FAILED, "passed, but the suite marks it as failing", "")

    def _name(self, test: unittest.TestCase) -> str:
        return test.id().removeprefix(self._prefix)

    def _note(self, test: unittest.TestCase, status: Status, summary: str, detail: str) -> None:
        name = self._name(test)
        running = self._running.get(name)
        if running is not None:
            running.note(status, summary, detail)
        elif isinstance(test, unittest.TestCase):
            # CPython 3.12.1 reports a skipped class without starting its tests.
            alone = _Running()
            alone.note(status, summary, detail)
            self._events.send("start", test=name)
            self._send_end(name, alone)
        elif status is not Status.SKIPPED:
            self._events.send("fixture", name=name, text=f"{summary}\n{detail}")

    def _send_end(self, name: str, running: _Running) -> None:
        self._events.send(
            "end",
            test=name,
            status=running.status,
            summary=running.summary[:SUMMARY_LIMIT],
            detail=running.detail[-DETAIL_LIMIT:],
            seconds=round(time.monotonic() - running.began, 3),
        )


def describe(err: ExcInfo) -> tuple[str, str]:
    """The exception in one line, and its traceback."""
    kind, value, tb = err
    try:
        text = " ".join(str(value).split())
    except Exception as exc:
        text = f"<its text cannot be shown: {exc!r}>"
    summary = f"{kind.__name__}: {text}" if text else kind.__name__
    try:
        detail = "".join(traceback.format_exception(kind, value, tb))
    except Exception as exc:
        detail = f"{summary}\n(its traceback cannot be shown: {exc!r})"
    return summary, detail
