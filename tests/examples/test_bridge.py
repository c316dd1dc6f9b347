"""The example of the bridge, built as an extension and run as a program: `make test-bridge`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.bridge

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "bridge" / "program.py"
END_LIMIT_S = 50

EXPECTED = """\
two Rust timers: [None, None]
primes from a thread: 2 3 5 7 11 13 17 19 23 29
two at once: ('hello, Rust', 'hello, Python')
a failure: nobody here; the other one was cancelled: True
a timeout: the Rust future is gone
"""


@pytest.mark.parametrize("loop", ["asyncio", "asyncioxide"])
def test_the_program_says_what_it_shows(loop):
    command = [sys.executable, "-W", "error", str(PROGRAM), "--loop", loop]
    done = subprocess.run(command, capture_output=True, text=True, timeout=END_LIMIT_S)
    assert done.stderr == ""
    assert done.stdout == EXPECTED
    assert done.returncode == 0
