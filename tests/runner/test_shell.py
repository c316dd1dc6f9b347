"""`python -m asyncioxide` on a terminal is the shell that `python -m asyncio` is."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator

import pytest
from harness.versions import since

from .conftest import OURS, PATIENCE_S, Folder, clean_environment
from .terminal import CONTROL_C, CONTROL_D, UP, Terminal, terminal

# Since 3.13 there are two editors of lines: one in Python, and readline.
EDITORS = {"default": {}, "basic": {"PYTHON_BASIC_REPL": "1"}}
SHELLS = {"asyncio": ("-m", "asyncio"), "asyncioxide": OURS}


class Shell(Terminal):
    """A shell on a terminal, at its prompt."""

    # What ends a prompt: the editor in Python draws it several times, and asks for pastes once.
    prompt = ">>> "

    def ask(self, line: str, answer: str) -> None:
        self.enter(line)
        self.expect(answer)
        self.expect(self.prompt)


@contextlib.contextmanager
def opened(folder: Folder, arguments: tuple[str, ...], **environment: str) -> Iterator[Shell]:
    settings = {"TERM": "xterm", "NO_COLOR": "1", "HOME": str(folder.path), **environment}
    with terminal(arguments, folder.path, {**clean_environment(), **settings}) as (process, screen):
        shell = Shell(process, screen)
        if sys.version_info >= (3, 13) and "PYTHON_BASIC_REPL" not in environment:
            shell.prompt = "\x1b[?2004h"
        shell.expect("import asyncio")
        shell.expect(shell.prompt)
        yield shell


@pytest.fixture(params=SHELLS)
def shell(request, folder):
    """Opens a shell on a terminal: the running Python's, which shows what is right, and ours."""
    return functools.partial(opened, folder, SHELLS[request.param])


@pytest.mark.parametrize("editor", EDITORS)
def test_a_conversation(shell, editor):
    with shell(**EDITORS[editor]) as screen:
        screen.ask("await asyncio.sleep(0, 6 * 7)", "42")
        screen.ask("number = 20; number + 1", "21")
        screen.ask("task = asyncio.create_task(asyncio.sleep(0, 1000 + 1)); 6 * 6", "36")
        screen.ask("await task", "1001")
        screen.ask("1 / 0", "ZeroDivisionError: division by zero")
        screen.ask("await asyncio.sleep(0, 11 * 11)", "121")
        screen.enter("exit(3)")
        assert screen.process.wait(PATIENCE_S) == 3


def test_control_c_cancels_what_is_awaited_and_nothing_else(shell):
    # The editor in Python draws its next prompt sooner or later, on stock asyncio too.
    with shell(**EDITORS["basic"]) as screen:
        # Said in the turn after the one in which the shell began to wait. One expression: the shell
        # runs statements one by one.
        screen.enter("loop = asyncio.get_running_loop(); 6 * 6")
        screen.expect("36")
        screen.enter("await asyncio.sleep(loop.call_soon(print, 40 + 2) and 1000)")
        screen.expect("42")
        screen.type(CONTROL_C)
        screen.expect("KeyboardInterrupt")
        screen.expect(screen.prompt)
        screen.ask("await asyncio.sleep(0, 11 * 11)", "121")
        screen.type(CONTROL_D)
        assert screen.process.wait(PATIENCE_S) == 0


def test_history(shell):
    with shell() as screen:
        screen.ask("await asyncio.sleep(0, 6 * 7)", "42")
        screen.ask(UP, "42")


@since(3, 13)
def test_completion(shell):
    with shell() as screen:
        screen.type("asyncio.get_running_l\t")
        screen.expect("oop")


@since(3, 13)
def test_the_startup_file(shell, folder):
    started = folder.write("started.py", "known = 20")
    with shell(PYTHONSTARTUP=str(started)) as screen:
        screen.ask("known + 1", "21")


def test_without_a_terminal_the_shell_reads_standard_input(folder):
    lines = "await asyncio.sleep(0, 42)\nasync def f(): return 43\n\nawait f()\n1 / 0\nexit(4)\n"
    plain = folder.run("-m", "asyncio", stdin=lines)
    ours = folder.run(*OURS, stdin=lines)
    assert (ours.stdout, ours.status) == (plain.stdout, plain.status)
    first, _, rest = ours.stderr.partition("\n")
    assert first.startswith("asyncioxide ")
    assert _messages(rest) == _messages(plain.stderr)


def _messages(text: str) -> list[str]:
    """The lines without those of tracebacks, which know which thread was faster."""
    return [line for line in text.splitlines() if not line.startswith("  ")]


def test_a_quiet_shell_does_not_introduce_itself(folder):
    ending = folder.run("-q", *OURS, stdin="await asyncio.sleep(0, 42)\n")
    assert "asyncioxide " not in ending.stderr
    assert "42" in ending.stdout


@pytest.mark.parametrize("debug", [False, True])
def test_the_shell_is_on_our_loop(folder, debug):
    lines = (
        "import asyncioxide\n"
        "loop = asyncio.get_running_loop()\n"
        "print(isinstance(loop, asyncioxide.EventLoop), loop.get_debug())\n"
    )
    ending = folder.run(*OURS, *(["--debug"] if debug else []), stdin=lines)
    assert f"True {debug}" in ending.stdout


def test_a_dash_on_a_terminal_is_the_shell(folder):
    with opened(folder, (*OURS, "-")) as screen:
        screen.ask("await asyncio.sleep(0, 6 * 7)", "42")
