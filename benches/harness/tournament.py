"""Runs the workers: round by round, row by row, loop by loop.

In every round each row is measured on all loops one after the other, each in a fresh process, so
that a slow minute of the machine falls on all of them.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.progress import Progress
from harness.results import Cell, Line
from harness.row import Sample

WORKER = Path(__file__).parent.parent / "worker.py"

# Modes for finding faults; they slow the loops down unequally.
SLOWING_VARIABLES = ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONTRACEMALLOC", "PYTHONMALLOC")


class MeasurementError(Exception):
    """A worker brought no sample; the text is what the cell shows."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to go on."""

    rounds: int
    timeout_s: float
    budget_s: float | None = None


@dataclass(frozen=True, slots=True)
class Tournament:
    """One run over a set of rows."""

    lines: list[Line]
    schedule: Schedule
    loadgen: Path | None
    progress: Progress

    def run(self) -> int:
        """Fills the cells and gives the number of whole rounds.

        A budget ends the run before a round that would probably exceed it. Ctrl-C ends it at
        once, and what belongs to the broken round is thrown away.
        """
        start = time.monotonic()
        longest_s = 0.0
        done = 0
        try:
            while done < self.schedule.rounds:
                round_start = time.monotonic()
                if not self._affords(round_start - start + longest_s):
                    break
                self._round(done + 1)
                done += 1
                longest_s = max(longest_s, time.monotonic() - round_start)
        except KeyboardInterrupt:
            self.progress.say(f"Interrupted in round {done + 1}.")
        for line in self.lines:
            for cell in line.cells.values():
                del cell.samples[done:]
        return done

    def _affords(self, seconds: float) -> bool:
        return self.schedule.budget_s is None or seconds <= self.schedule.budget_s

    def _round(self, number: int) -> None:
        for line in self.lines:
            for name, cell in line.cells.items():
                self.progress.step(f"round {number}/{self.schedule.rounds} {line.row.name} {name}")
                # What failed once stays failed: its figures could not be paired any more, and a
                # loop that hangs would hang in every round.
                if cell.failed is None:
                    self._measure(line, name, cell, number)

    def _measure(self, line: Line, name: str, cell: Cell, number: int) -> None:
        command = [sys.executable, str(WORKER), line.row.name, name, str(line.operations)]
        if line.row.needs_loadgen and self.loadgen is not None:
            command.append(str(self.loadgen))
        try:
            cell.samples.append(run_worker(command, self.schedule.timeout_s))
        except MeasurementError as error:
            cell.failed = f"{error} (round {number})" if number > 1 else str(error)
            self.progress.say(f"{line.row.name} on {name} failed: {cell.failed}")


def run_worker(command: list[str], timeout_s: float) -> Sample:
    """Starts a worker in a process group of its own and waits for its sample."""
    environment = {key: text for key, text in os.environ.items() if key not in SLOWING_VARIABLES}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        process_group=0,
    ) as process:
        try:
            output, complaints = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _kill_group(process)
            _, complaints = process.communicate()
            raise MeasurementError(f"no end after {timeout_s:g} s{_last_of(complaints)}") from None
        except BaseException:
            _kill_group(process)
            raise
    return _sample(process.returncode, output, complaints)


def _kill_group(process: subprocess.Popen[str]) -> None:
    # The worker may have ended on its own in the meantime.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _sample(status: int, output: str, complaints: str) -> Sample:
    if status < 0:
        raise MeasurementError(f"killed by {signal.Signals(-status).name}{_last_of(complaints)}")
    if status > 0 or not output.strip():
        raise MeasurementError(f"ended with status {status}{_last_of(complaints)}")
    answer = json.loads(output.splitlines()[-1])
    if "failed" in answer:
        raise MeasurementError(answer["failed"])
    return Sample(**answer["sample"])


def _last_of(complaints: str) -> str:
    lines = complaints.strip().splitlines()
    return f": {lines[-1].strip()}" if lines else ""
