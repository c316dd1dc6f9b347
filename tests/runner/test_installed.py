"""Under `python -m asyncioxide` asyncio is ours, and what the command itself says."""

from __future__ import annotations

import asyncioxide
import pytest

from .conftest import OURS

PROGRAM = """
import asyncio
from asyncio import sleep
import asyncioxide

async def main():
    loop = asyncio.get_running_loop()
    await sleep(0)
    print(type(loop) is asyncioxide.EventLoop, type(asyncio.current_task()) is asyncioxide.Task)
    print(sleep is asyncioxide.sleep, bool(asyncioxide.installed()), loop.get_debug())

asyncio.run(main())
"""


@pytest.mark.parametrize("debug", [False, True])
def test_a_program_runs_on_it(folder, debug):
    options = ["--debug"] if debug else []
    folder.write("program.py", PROGRAM)
    for program in (["program.py"], ["-m", "program"], ["-c", PROGRAM]):
        ending = folder.run(*OURS, *options, *program)
        assert ending == (f"True True\nTrue True {debug}\n", "", 0)
    ending = folder.run(*OURS, *options, "-", stdin=PROGRAM)
    assert ending == (f"True True\nTrue True {debug}\n", "", 0)


def test_debug_mode_reaches_child_processes(folder):
    folder.write("program.py", PROGRAM)
    code = """
import subprocess, sys
subprocess.run([sys.executable, "-m", "asyncioxide", "program.py"], check=True)
"""
    assert folder.run(*OURS, "--debug", "-c", code).stdout.endswith("True True True\n")


def test_debug_mode_where_it_cannot_be_said(folder):
    ending = folder.run("-E", *OURS, "--debug", "-c", "")
    assert (ending.stdout, ending.status) == ("", 2)
    assert "python -X dev" in ending.stderr


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_version(folder, word):
    assert folder.run(*OURS, word) == (f"asyncioxide {asyncioxide.__version__}\n", "", 0)


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help(folder, word):
    ending = folder.run(*OURS, "--debug", word)
    assert (ending.stderr, ending.status) == ("", 0)
    for said in ("script.py", "-m module", "-c code", "--debug", "--version", "examples:"):
        assert said in ending.stdout
    assert max(map(len, ending.stdout.splitlines())) <= 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--wrong"], "unknown option: --wrong"),
        (["-x"], "unknown option: -x"),
        (["-c"], "-c needs code"),
        (["--debug", "-m"], "-m needs a module"),
    ],
)
def test_a_wrong_command_line(folder, words, said):
    ending = folder.run(*OURS, *words)
    assert (ending.stdout, ending.status) == ("", 2)
    assert said in ending.stderr
    assert "python -m asyncioxide --help" in ending.stderr
