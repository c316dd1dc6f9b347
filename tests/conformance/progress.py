"""Shows a run while it goes: bars if rich is installed, a line per module if not."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any, Protocol

from .outcomes import Status
from .supervisor import Outcome
from .verdicts import ModuleReport, Verdict


class Progress(Protocol):
    """Told about tests and modules from several threads."""

    def __enter__(self) -> Progress: ...
    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None: ...
    def test_over(self, test: str, outcome: Outcome | None) -> None: ...
    def module_over(self, report: ModuleReport) -> None: ...


def progress_display(modules: int) -> Progress:
    """What fits the terminal; shown on standard error."""
    if not sys.stderr.isatty():
        return PlainProgress(modules)
    try:
        return RichProgress(modules)
    except ImportError:
        return PlainProgress(modules)


class PlainProgress:
    """A line for each module that is over."""

    def __init__(self, modules: int) -> None:
        self._modules = modules
        self._over = 0
        self._lock = threading.Lock()

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def test_over(self, test: str, outcome: Outcome | None) -> None:
        pass

    def module_over(self, report: ModuleReport) -> None:
        with self._lock:
            self._over += 1
            print(f"[{self._over}/{self._modules}] {_line(report)}", file=sys.stderr, flush=True)


class RichProgress:
    """A bar over the modules and a count of tests."""

    def __init__(self, modules: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress as Bars,
            TextColumn,
            TimeElapsedColumn,
        )

        self._bars: Any = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[tests]} tests, {task.fields[failed]} not passed"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bars.add_task("modules", total=modules, tests=0, failed=0)
        self._tests = 0
        self._failed = 0
        self._lock = threading.Lock()

    def __enter__(self) -> RichProgress:
        self._bars.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bars.stop()

    def test_over(self, test: str, outcome: Outcome | None) -> None:
        with self._lock:
            self._tests += 1
            if outcome is not None and outcome.status not in (Status.PASSED, Status.SKIPPED):
                self._failed += 1
            self._bars.update(self._task, tests=self._tests, failed=self._failed)

    def module_over(self, report: ModuleReport) -> None:
        self._bars.console.print(_line(report), highlight=False, markup=False)
        self._bars.advance(self._task)


def _line(report: ModuleReport) -> str:
    result, counts = report.result, report.counts
    if result.skipped:
        return f"{result.module}: skips itself: {result.skipped}"
    parts = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    state = "ok" if report.ok else "NOT OK"
    return f"{result.module}: {', '.join(parts) or 'no tests'} ({result.seconds:.1f} s) {state}"
