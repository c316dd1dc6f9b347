"""The example of a monitor and its Thrift service: what each trouble leads to, on both loops."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncioxide
import pytest
from harness.examples import load

MONITOR = Path(__file__).resolve().parents[2] / "examples" / "monitor"
END_LIMIT_S = 55
LOOPS = ("asyncio", "asyncioxide")

# Lines of the demo that come in this order, whatever comes between them.
STORY = r"""
monitor  \| socket .*
monitor  \| process \d+ started
service  \| INFO listening
watchdog \| process \d+ answers, 0 calls so far
demo     \| declared error: only 2 tea
watchdog \| process \d+ answers, 2 calls so far
demo     \| the service hangs
monitor  \| no answer: TimeoutError
monitor  \| process \d+ ended: SIGKILL
demo     \| its caller saw TTransportException
monitor  \| process \d+ started
watchdog \| process \d+ answers, 0 calls so far
demo     \| the service crashes
monitor  \| process \d+ ended: status 70
monitor  \| process \d+ started
demo     \| the monitor gets SIGHUP: a new service
monitor  \| told to start it anew
service  \| INFO ending
monitor  \| process \d+ ended: status 0
monitor  \| process \d+ started
demo     \| the monitor gets SIGUSR1: a summary
monitor  \| lives: \d+, good answers: \d+
demo     \| the monitor is killed
demo     \| and the service has died with it
""".strip().splitlines()


def command(program: str, *options: object) -> list[str]:
    return [sys.executable, "-W", "error", str(MONITOR / f"{program}.py"), *map(str, options)]


def run(program: str, *options: object) -> subprocess.CompletedProcess[str]:
    words = command(program, *options)
    return subprocess.run(words, capture_output=True, text=True, timeout=END_LIMIT_S)


@pytest.mark.parametrize("loop_name", LOOPS)
def test_the_demo_tells_its_story(loop_name: str) -> None:
    done = run("demo", "--loop", loop_name)
    assert done.stderr == ""
    assert done.returncode == 0
    rest = iter(done.stdout.splitlines())
    for expected in STORY:
        assert any(re.fullmatch(expected, line) for line in rest), (expected, done.stdout)


@pytest.fixture
def socket() -> Iterator[Path]:
    """A place for a socket; pytest's own folders may have too long a path for one."""
    with tempfile.TemporaryDirectory(prefix="monitor-test-") as folder:
        yield Path(folder) / "tally.sock"


@contextmanager
def monitoring(loop_name: str, socket: Path) -> Iterator[subprocess.Popen[str]]:
    """Runs the monitor until its service answers."""
    words = command("monitor", "--loop", loop_name, "--socket", socket, "--grace", 20)
    words += ["--patience", "20"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "answers" in line:
                    break
            else:
                pytest.fail(process.communicate()[1])
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGALRM])
def test_a_signal_ends_both(loop_name: str, number: signal.Signals, socket: Path) -> None:
    with monitoring(loop_name, socket) as process:
        process.send_signal(number)
        said, complaints = process.communicate(timeout=END_LIMIT_S)
    assert complaints == ""
    assert process.returncode == 0
    assert "told to end" in said
    assert "service  | INFO ending" in said
    assert "ended: status 0" in said
    assert said.splitlines()[-1].startswith("monitor  | lives: 1, good answers: ")


@pytest.mark.parametrize("loop_name", LOOPS)
def test_the_client_calls_by_hand(loop_name: str, socket: Path) -> None:
    with monitoring(loop_name, socket) as process:
        answers = [
            run("client", "--loop", loop_name, socket, *words)
            for words in (("add", "tea", 2), ("add", "--", "tea", -5), ("status",))
        ]
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=END_LIMIT_S)
    assert "ended: status 0" in said
    added, refused, status = answers
    assert (added.stdout, added.returncode, added.stderr) == ("tea: 2\n", 0, "")
    assert (refused.stdout, refused.returncode) == ("", 1)
    assert refused.stderr == "refused: only 2 tea\n"
    assert re.fullmatch(r"process \d+, 2 calls\n", status.stdout)
    assert "service  | INFO tea: 2\n" in said
    assert "service  | WARNING refused: tea -5\n" in said


def test_the_client_without_a_service_says_so(socket: Path) -> None:
    done = run("client", socket, "status")
    assert done.returncode == 1
    assert done.stderr.startswith("no service: ")


@pytest.mark.parametrize("loop_name", LOOPS)
def test_a_hopeless_service_is_given_up(loop_name: str, tmp_path: Path) -> None:
    nowhere = tmp_path / "missing" / "tally.sock"
    done = run("monitor", "--loop", loop_name, "--socket", nowhere, "--attempts", 2)
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.count("ended: status 1") == 2
    assert f"service  | cannot listen on {nowhere}: No such file or directory" in done.stdout
    assert done.stdout.endswith("monitor  | it ended 2 times without an answer: giving up\n")


def test_the_monitor_ends_by_itself_when_asked_to() -> None:
    done = run("monitor", "--seconds", 0.01)
    assert done.returncode == 0
    assert "told to end" in done.stdout
    folder = re.search(r"socket (.*)/tally.sock", done.stdout)
    assert folder is not None
    assert not os.path.exists(folder[1])


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, asyncioxide.new_event_loop])
def test_a_cancellation_that_gets_lost_is_repeated(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    monitor = load("monitor", "monitor")

    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    async def cancelling() -> bool:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await asyncio.wait_for(monitor.cancel([task]), END_LIMIT_S)
        return task.cancelled()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(cancelling())


@pytest.mark.parametrize("program", ["monitor", "service", "client", "demo"])
def test_help_names_each_option(program: str) -> None:
    done = run(program, "--help")
    assert done.returncode == 0
    source = (MONITOR / f"{program}.py").read_text()
    for option in ["--loop", *re.findall(r'add_argument\(\s*"(--[a-z]+)"', source)]:
        assert option in done.stdout
