"""A Python on a terminal of its own, to type to and to read from."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# A shell that says nothing for longer hangs.
PATIENCE_S = 40.0

CONTROL_C = "\x03"
CONTROL_D = "\x04"
UP = "\x1bOA"

# Makes its standard input the terminal that Ctrl-C comes from, and becomes Python.
_STARTER = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class Terminal:
    """The screen is what has been read of it so far; `expect` looks at what is new."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self.process = process
        self._screen = screen
        self._unread = ""

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def enter(self, line: str) -> None:
        self.type(line + "\r")

    def expect(self, text: str) -> str:
        """Reads until the text appears; returns what came before it."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self._unread:
            if not select.select([self._screen], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{text!r} did not appear in {self._unread!r}")
            self._unread += self._read(text)
        before, _, self._unread = self._unread.partition(text)
        return before

    def _read(self, text: str) -> str:
        try:
            data = os.read(self._screen, 65536)
        except OSError:
            raise AssertionError(f"ended before {text!r}: {self._unread!r}") from None
        return data.decode(errors="replace")


@contextlib.contextmanager
def terminal(
    arguments: tuple[str, ...], folder: Path, environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Runs python with these arguments on a terminal; killed at the end if it has not ended.

    Gives the process and the descriptor of its screen.
    """
    screen, keyboard = pty.openpty()
    with contextlib.ExitStack() as closing:
        closing.callback(os.close, screen)
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", _STARTER, *arguments],
                stdin=keyboard,
                stdout=keyboard,
                stderr=keyboard,
                start_new_session=True,
                cwd=folder,
                env=environment,
            )
        finally:
            os.close(keyboard)
        closing.enter_context(process)
        closing.callback(process.kill)
        yield process, screen
