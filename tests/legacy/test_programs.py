"""Programs of Python 3.4 to 3.9, each about something that asyncio has lost since.

They are run with nothing changed but the import lines. What they print is what the Pythons that
they were written for print: `on_old_pythons.py` compares.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
PATIENCE_S = 50.0


@pytest.fixture(params=PROGRAMS, ids=lambda path: path.stem)
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A program with its import lines changed; what it must print lies beside it."""
    source = request.param.read_text()
    source = re.sub(r"^import asyncio$", "import asyncioxide.legacy as asyncio", source, flags=re.M)
    source = re.sub(r"^from asyncio\b", "from asyncioxide.legacy", source, flags=re.M)
    assert "asyncioxide.legacy" in source
    changed = tmp_path / request.param.name
    changed.write_text(source)
    changed.with_suffix(".out").write_text(request.param.with_suffix(".out").read_text())
    return changed


def test_prints_what_it_printed_then(program: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (done.stdout, done.stderr) == (program.with_suffix(".out").read_text(), "")
    assert done.returncode == 0


def test_runs_twice_in_one_process(program: Path) -> None:
    """As a part of a bigger program, which begins each time without a current loop."""
    run_twice = f"""
import runpy
import asyncioxide.legacy as asyncio
runpy.run_path({str(program)!r}, run_name="__main__")
asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
runpy.run_path({str(program)!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", run_twice],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (done.stdout, done.stderr) == (program.with_suffix(".out").read_text() * 2, "")
