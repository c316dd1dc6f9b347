"""The example of unit tests: run as its readers run it, on both loops."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTING = Path(__file__).resolve().parents[2] / "examples" / "testing"
END_LIMIT_S = 50
LOOPS = ("asyncio", "asyncioxide")
CACHE_AS_IT_WAS = "await asyncio.shield(self._entries[key])"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-W", "error", *map(str, command)]
    return subprocess.run(
        words, capture_output=True, text=True, timeout=END_LIMIT_S, cwd=TESTING.parent
    )


@pytest.mark.parametrize("loop_name", LOOPS)
def test_unittest_runs_its_tests_on_the_loop(loop_name: str) -> None:
    done = run(TESTING / "test_with_unittest.py", "--loop", loop_name, "--verbose")
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^test_.* \.\.\. ok$", done.stderr, re.MULTILINE)) == 5
    assert "Ran 5 tests" in done.stderr


def test_pytest_runs_its_tests_on_each_loop() -> None:
    done = run("-m", "pytest", "-p", "no:cacheprovider", "--verbose", TESTING)
    assert done.returncode == 0, done.stdout + done.stderr
    for loop_name in LOOPS:
        tests = re.findall(rf"\[(?:.*-)?{loop_name}(?:-.*)?\] PASSED", done.stdout)
        assert len(tests) == 6
    # The tests of unittest are collected too.
    assert "17 passed" in done.stdout


def test_pytest_runs_its_tests_on_the_loop_of_the_option() -> None:
    tests = TESTING / "test_with_pytest.py"
    done = run("-m", "pytest", "-p", "no:cacheprovider", "--loop", "asyncioxide", tests)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


@pytest.mark.parametrize("program", ["unittest", "pytest"])
def test_a_broken_cache_fails_the_tests(program: str, tmp_path: Path) -> None:
    for file in TESTING.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_text(file.read_text())
    source = (TESTING / "cache.py").read_text()
    assert CACHE_AS_IT_WAS in source
    broken = source.replace(CACHE_AS_IT_WAS, "await self._entries[key]")
    (tmp_path / "cache.py").write_text(broken)
    if program == "unittest":
        done = run(tmp_path / "test_with_unittest.py")
        assert "FAILED (errors=1)" in done.stderr
    else:
        done = run("-m", "pytest", "-p", "no:cacheprovider", tmp_path / "test_with_pytest.py")
        assert "2 failed, 10 passed" in done.stdout
    assert done.returncode == 1


def test_help_names_the_loop_option() -> None:
    done = run(TESTING / "test_with_unittest.py", "--help")
    assert done.returncode == 0
    assert "--loop" in done.stdout
