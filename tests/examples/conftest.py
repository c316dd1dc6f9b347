"""What the tests of the flag downloader share: its modules, and its programs to talk to."""

from __future__ import annotations

import functools
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from subprocess import PIPE
from types import ModuleType

import pytest
from harness.examples import EXAMPLES, load

FLAGS = EXAMPLES / "flags"
END_LIMIT_S = 30


@pytest.fixture(scope="session")
def flags() -> Callable[[str], ModuleType]:
    """Imports a module of the example as its programs do."""

    return functools.partial(load, "flags")


@pytest.fixture(scope="session")
def serving() -> Callable[..., AbstractContextManager[int]]:
    """Runs the server or the proxy: gives its port; it must end well and in silence."""

    @contextmanager
    def start(script: str, loop_name: str, delay: float, *options: object) -> Iterator[int]:
        command = [sys.executable, "-W", "error", str(FLAGS / script), "--loop", loop_name]
        command += ["--port", "0", "--delay", str(delay), *map(str, options)]
        with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                address = process.stdout.readline()
                assert address.startswith("http://127.0.0.1:"), process.communicate()
                yield int(address.rpartition(":")[2])
                process.send_signal(signal.SIGTERM)
                _, complaints = process.communicate(timeout=END_LIMIT_S)
            finally:
                process.kill()
        assert complaints == ""
        assert process.returncode == 0

    return start
