"""The spinners, each run as a program whose output is a pipe."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SPINNER = Path(__file__).resolve().parents[2] / "examples" / "spinner"
LOOPS = ("asyncio", "asyncioxide")

TURNS = r"(?:\r[|/\\-] thinking!)+"
CLEARED = "\r" + " " * len("| thinking!") + "\r"


def spin(kind: str, *options: str) -> tuple[int, str, str]:
    """Runs a spinner: its status, its output, what it said on standard error."""
    command = [sys.executable, "-W", "error", str(SPINNER / f"spinner_{kind}.py"), *options]
    # Not in text mode, which would take each return for a new line.
    done = subprocess.run(command, capture_output=True, timeout=50)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check(kind: str, announced: str, *options: str) -> None:
    status, output, complaints = spin(kind, *options)
    assert complaints == ""
    assert status == 0
    expected = f"spinner object: {announced}\n{TURNS}{CLEARED}Answer: 42\n"
    assert re.fullmatch(expected, output), output


def announced_task(kind: str, function: str) -> str:
    """A pattern for the repr of a task that has not begun: its line is that of the function."""
    place = SPINNER / f"spinner_{kind}.py"
    lines = place.read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if f"def {function}(" in text)
    # The first line of a decorated function is its decorator's.
    first = line - 1 if lines[line - 2].startswith("@") else line
    running = re.escape(f"{function}() running at {place}:{first}")
    return rf"<Task pending name='Task-\d+' coro=<{running}>>"


def test_thread_spins_and_clears_the_line() -> None:
    check("thread", r"<Thread\(Thread-1 \(spin\), initial\)>", "--seconds", "0.3")


@pytest.mark.parametrize("loop_name", LOOPS)
def test_await_spins_and_clears_the_line(loop_name: str) -> None:
    check("await", announced_task("await", "spin"), "--loop", loop_name, "--seconds", "0.3")


@pytest.mark.parametrize("loop_name", LOOPS)
def test_yield_from_spins_and_clears_the_line(loop_name: str) -> None:
    check("yield", announced_task("yield", "spin"), "--loop", loop_name, "--seconds", "0.3")


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("kind", ["yield", "await"])
def test_no_thinking_still_spins_once(kind: str, loop_name: str) -> None:
    check(kind, ".*", "--loop", loop_name, "--seconds", "0")


@pytest.mark.parametrize("kind", ["thread", "yield", "await"])
def test_help_names_each_option(kind: str) -> None:
    status, output, _ = spin(kind, "--help")
    assert status == 0
    assert "--loop" in output
    assert "--seconds" in output


@pytest.mark.parametrize("wrong", ["nan", "-1", "inf", "soon"])
def test_wrong_duration_is_refused(wrong: str) -> None:
    status, output, complaints = spin("await", f"--seconds={wrong}")
    assert status == 2
    assert output == ""
    assert "--seconds" in complaints


def test_unknown_loop_is_refused() -> None:
    status, _, complaints = spin("await", "--loop", "twisted")
    assert status == 2
    assert "invalid choice: 'twisted'" in complaints
