"""Python programs in a process of their own, on a chosen loop."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import Any

_PREAMBLE = {
    "asyncio": "from asyncio import new_event_loop",
    "asyncioxide": "from asyncioxide import new_event_loop",
}


def run_child(
    kind: str, program: str, *options: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program that finds `asyncio`, `sys` and `new_event_loop` defined."""
    source = f"import asyncio, sys\n{_PREAMBLE[kind]}\n{textwrap.dedent(program)}"
    settings: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 50}
    return subprocess.run(
        [sys.executable, *options, "-c", source], env={**os.environ, **env}, **settings
    )
