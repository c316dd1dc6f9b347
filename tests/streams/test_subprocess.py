"""Child processes with streams: asyncio.subprocess and ours, each on each loop."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import signal
import sys

import pytest

PIPE = asyncio.subprocess.PIPE

ECHO = "import sys; sys.stdout.write(sys.stdin.read())"
BLOCKED = "import sys; sys.stdin.read()"
MEGABYTE = b"0123456789abcdef" * 65536


@pytest.fixture(params=["asyncio", "asyncioxide"], ids=["stock", "ours"])
def subprocess(request, loop):
    if request.param == "asyncio":
        return asyncio.subprocess
    from asyncioxide import subprocess

    return subprocess


@pytest.fixture
def run(subprocess):
    """Runs Python code in a child process."""

    async def make(code, *arguments, **options):
        return await subprocess.create_subprocess_exec(
            sys.executable, "-S", "-c", code, *arguments, **options
        )

    return make


class TestCommunicating:
    async def test_feeds_and_reads(self, loop, run):
        process = await run(ECHO, stdin=PIPE, stdout=PIPE)
        assert await process.communicate(b"hello") == (b"hello", None)
        assert process.returncode == 0

    async def test_more_than_pipes_and_buffers_hold(self, loop, run):
        process = await run(ECHO, stdin=PIPE, stdout=PIPE, limit=1000)
        output, _ = await process.communicate(MEGABYTE)
        assert output == MEGABYTE

    async def test_reads_both(self, loop, run):
        code = "import sys; print('out'); print('err', file=sys.stderr)"
        process = await run(code, stdout=PIPE, stderr=PIPE)
        assert await process.communicate() == (b"out\n", b"err\n")

    async def test_one_into_the_other(self, loop, run):
        code = "import sys; print('err', file=sys.stderr)"
        process = await run(code, stdout=PIPE, stderr=asyncio.subprocess.STDOUT)
        assert process.stderr is None
        assert await process.communicate() == (b"err\n", None)

    async def test_a_process_that_does_not_listen(self, loop, run):
        process = await run("pass", stdin=PIPE, stdout=PIPE)
        assert await process.communicate(MEGABYTE) == (b"", None)

    async def test_without_pipes(self, loop, run):
        process = await run("pass")
        assert (process.stdin, process.stdout, process.stderr) == (None, None, None)
        assert await process.communicate() == (None, None)

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="since Python 3.12")
    async def test_nothing_is_the_end_of_the_input(self, loop, run):
        process = await run(ECHO, stdin=PIPE, stdout=PIPE)
        assert await process.communicate() == (b"", None)

    async def test_is_logged_in_debug_mode(self, loop, run, log):
        loop.set_debug(True)
        loop.slow_callback_duration = 60
        process = await run(ECHO, stdin=PIPE, stdout=PIPE)
        await process.communicate(b"hello")
        said = [text for text in log.messages(logging.DEBUG) if "communicate" in text]
        assert said == [
            f"{process!r} communicate: feed stdin (5 bytes)",
            f"{process!r} communicate: close stdin",
            f"{process!r} communicate: read stdout",
            f"{process!r} communicate: close stdout",
        ]


class TestStreams:
    async def test_a_conversation(self, loop, run):
        code = "while True:\n    line = input()\n    print(line.upper(), flush=True)"
        process = await run(code, stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL)
        for word in (b"one", b"two"):
            process.stdin.write(word + b"\n")
            await process.stdin.drain()
            assert await process.stdout.readline() == word.upper() + b"\n"
        process.stdin.close()
        await process.stdin.wait_closed()
        assert await process.wait() == 1
        assert await process.stdout.read() == b""

    async def test_lines(self, loop, run):
        process = await run("print('a\\nbc\\n\\nd')", stdout=PIPE)
        assert [line async for line in process.stdout] == [b"a\n", b"bc\n", b"\n", b"d\n"]
        await process.wait()

    async def test_a_limit(self, loop, run):
        process = await run("print('x' * 100)", stdout=PIPE, limit=10)
        with pytest.raises(ValueError, match="limit"):
            await process.stdout.readline()
        await process.wait()

    async def test_the_end_of_the_input_is_lost_with_the_process(self, loop, run):
        process = await run("pass", stdin=PIPE)
        await process.wait()
        process.stdin.close()
        # How a pipe ends to which nothing was written depends on who notices it first.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await process.stdin.wait_closed()
        assert process.stdin.is_closing()

    async def test_classes(self, loop, subprocess, run):
        process = await run(ECHO, stdin=PIPE, stdout=PIPE)
        streams = sys.modules[subprocess.__name__.replace("subprocess", "streams")]
        assert type(process) is subprocess.Process
        assert type(process.stdin) is streams.StreamWriter
        assert type(process.stdout) is streams.StreamReader
        assert isinstance(process.stdin._protocol, asyncio.SubprocessProtocol)
        assert isinstance(process.stdin._protocol, streams.FlowControlMixin)
        await process.communicate() if sys.version_info >= (3, 12) else await process.communicate(
            b""
        )


class TestEnding:
    async def test_wait(self, loop, run):
        process = await run("raise SystemExit(3)")
        assert await process.wait() == process.returncode == 3
        assert await process.wait() == 3

    @pytest.mark.parametrize(
        ("end", "number"),
        [
            (lambda process: process.kill(), signal.SIGKILL),
            (lambda process: process.terminate(), signal.SIGTERM),
            (lambda process: process.send_signal(signal.SIGINT), signal.SIGINT),
        ],
        ids=["kill", "terminate", "send_signal"],
    )
    async def test_by_a_signal(self, loop, run, end, number):
        code = "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); print(); "
        process = await run(code + "sys.stdout.flush(); " + BLOCKED, stdin=PIPE, stdout=PIPE)
        await process.stdout.readline()
        end(process)
        assert await process.wait() == -number

    async def test_a_signal_too_late(self, loop, run):
        process = await run("pass")
        await process.wait()
        # It has ended, and its pipes may end later: until then a signal is dropped.
        while process._transport._proc is not None:
            await asyncio.sleep(0)
        with pytest.raises(ProcessLookupError):
            process.kill()

    async def test_cancelled_communication_leaves_the_process(self, loop, run, turns):
        process = await run(ECHO, stdin=PIPE, stdout=PIPE)
        task = loop.create_task(process.communicate(MEGABYTE))
        await turns(1)
        task.cancel()
        await asyncio.wait([task])
        assert process.returncode is None
        process.kill()
        await process.wait()


async def test_the_shell(loop, subprocess):
    process = await subprocess.create_subprocess_shell("echo $((6 * 7))", stdout=PIPE)
    assert await process.communicate() == (b"42\n", None)


async def test_repr(loop, subprocess, run):
    process = await run(ECHO, stdin=PIPE, stdout=PIPE)
    assert repr(process) == f"<Process {process.pid}>"
    protocol = process.stdin._protocol
    assert repr(protocol) == (
        f"<SubprocessStreamProtocol stdin={process.stdin!r} stdout={process.stdout!r}>"
    )
    process.kill()
    await process.wait()


@pytest.mark.parametrize("name", ["create_subprocess_exec", "create_subprocess_shell"])
def test_signatures(name):
    from asyncioxide import subprocess

    parameters = inspect.signature(getattr(subprocess, name)).parameters.values()
    expected = inspect.signature(getattr(asyncio.subprocess, name)).parameters.values()
    described = [(found.name, found.kind, found.default) for found in parameters]
    assert described == [(found.name, found.kind, found.default) for found in expected]
    assert inspect.iscoroutinefunction(getattr(subprocess, name))
