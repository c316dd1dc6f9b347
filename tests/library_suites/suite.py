"""One run of a library's suite on one of the two, and the comparison of two runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from libraries import Library
from plugin import KIND_VARIABLE, OURS, OUTCOMES_VARIABLE, SILENT_VARIABLE, WANTED_VARIABLE

HERE = Path(__file__).resolve().parent
STOCK = "asyncio"
# pytest's own limits are the libraries' and may be short; a suite that hangs must end all the same.
TEST_LIMIT_S = 120
# All tests passed; some failed; none of the wanted ones is there.
ENDED_WELL = (0, 1, 5)


class SuiteError(Exception):
    """pytest ended otherwise than by running the tests."""


@dataclass
class Run:
    """How each test ended: "passed", "failed", "skipped" or "xfailed"."""

    outcomes: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def failed(self) -> set[str]:
        return {test for test, outcome in self.outcomes.items() if outcome == "failed"}


def run(library: Library, folder: Path, kind: str, jobs: int, tests: Iterable[str] = ()) -> Run:
    """Runs the suite, or these tests of it."""
    started = time.monotonic()
    log = folder.with_name(f"{folder.name}-{kind}.log")
    with tempfile.TemporaryDirectory() as scratch:
        outcomes = Path(scratch, "outcomes")
        outcomes.touch()
        environment = {
            KIND_VARIABLE: kind,
            OUTCOMES_VARIABLE: os.fspath(outcomes),
            SILENT_VARIABLE: library.silent,
        }
        if tests:
            wanted = Path(scratch, "wanted")
            wanted.write_text("\n".join(tests), encoding="utf-8")
            environment[WANTED_VARIABLE] = os.fspath(wanted)
        with open(log, "a" if tests else "w", encoding="utf-8") as output:
            done = subprocess.run(
                _command(library, jobs),
                cwd=folder,
                env={**os.environ, "PYTHONPATH": os.fspath(HERE), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        found = Run(_outcomes(outcomes.read_text("utf-8")), time.monotonic() - started)
    if done.returncode not in ENDED_WELL:
        raise SuiteError(f"pytest ended with status {done.returncode}; see {log}")
    return found


def _command(library: Library, jobs: int) -> list[str]:
    command = [sys.executable, "-P", "-m", "pytest", "-p", "plugin", "-q", "--tb=short"]
    command += ["--rootdir", ".", "-c", library.config]
    # The library's own options want coverage and numbers of processes.
    command += ["-o", "addopts=", "-o", f"timeout={TEST_LIMIT_S}", *library.options]
    if jobs > 1 and library.parallel:
        command += ["-n", str(jobs)]
    return [*command, *library.paths]


def _outcomes(lines: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines.splitlines():
        outcome, _, test = line.partition("\t")
        # A test is reported in three parts, and the worst of them counts.
        if outcome == "failed" or found.get(test, "passed") == "passed":
            found[test] = outcome
    return found


@dataclass
class Comparison:
    """What a suite has said of the two."""

    stock: Run
    ours: Run
    # Failed on ours alone, the second time too.
    only_ours: list[str]
    # Failed on ours alone, and not when asked again.
    unsteady: list[str]


def compare(library: Library, folder: Path, jobs: int) -> Comparison:
    """Runs the suite on both, and what failed on ours alone once more."""
    stock = run(library, folder, STOCK, jobs)
    ours = run(library, folder, OURS, jobs)
    ran = {test for test, outcome in stock.outcomes.items() if outcome != "skipped"}
    missing = ran - ours.outcomes.keys()
    suspects = (ours.failed() | missing) - stock.failed()
    again = run(library, folder, OURS, 1, sorted(suspects)) if suspects else Run()
    passed = {test for test in suspects if again.outcomes.get(test, "failed") != "failed"}
    return Comparison(stock, ours, sorted(suspects - passed), sorted(passed))
