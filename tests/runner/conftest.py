"""Programs run twice, by python and by `python -m asyncioxide`, in a folder of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

# A program that takes longer hangs.
PATIENCE_S = 50.0
OURS = ("-m", "asyncioxide")


class Ending(NamedTuple):
    """What a program has said by its end, and how it ended."""

    stdout: str
    stderr: str
    status: int


class Folder:
    """Where the programs are, and where they run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str | bytes) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> Ending:
        """Runs python with these arguments."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.path,
            input=stdin,
            env={**clean_environment(), **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        return Ending(
            without_addresses(done.stdout), without_addresses(done.stderr), done.returncode
        )

    def same(self, *arguments: str, before: tuple[str, ...] = (), stdin: str = "") -> Ending:
        """Runs a program both ways; `before` are Python's own options. Both must end alike."""
        plain = self.run(*before, *arguments, stdin=stdin)
        ours = self.run(*before, *OURS, *arguments, stdin=stdin)
        assert ours == plain
        return ours


def without_addresses(text: str) -> str:
    return re.sub("0x[0-9a-f]+", "0x...", text)


def clean_environment() -> dict[str, str]:
    """The environment without what changes how Python speaks."""
    return {
        name: value
        for name, value in os.environ.items()
        if name == "PYTHONPATH" or not name.startswith(("PYTHON", "FORCE_COLOR"))
    }


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def same(folder: Folder) -> Callable[..., Ending]:
    """Writes a script, runs it both ways, and returns what both said."""

    def run(text: str | bytes, *arguments: str, **options: object) -> Ending:
        folder.write("program.py", text)
        return folder.same("program.py", *arguments, **options)

    return run
