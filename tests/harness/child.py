"""Python programs in a process of their own, on a chosen loop."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

_PREAMBLE = {
    "asyncio": "from asyncio import new_event_loop",
    "asyncioxide": "from asyncioxide import new_event_loop",
}

# A child that takes longer hangs.
PATIENCE_S = 50.0


def _command(kind: str, program: str, options: tuple[str, ...]) -> list[str]:
    source = f"import asyncio, sys\n{_PREAMBLE[kind]}\n{textwrap.dedent(program)}"
    return [sys.executable, *options, "-c", source]


def run_child(
    kind: str, program: str, *options: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program that finds `asyncio`, `sys` and `new_event_loop` defined."""
    return subprocess.run(
        _command(kind, program, options),
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@contextmanager
def child(kind: str, program: str) -> Iterator[subprocess.Popen[str]]:
    """The same, to talk with while it runs; killed at the end if it has not ended."""
    process = subprocess.Popen(
        _command(kind, program, ()), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
