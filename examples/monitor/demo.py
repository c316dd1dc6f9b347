"""Makes all the trouble that the monitor is for, one after the other, and shows what it does.

    python examples/monitor/demo.py

The service hangs, it crashes, the monitor is told to start it anew; at last the monitor itself is
killed, and the service must not outlive it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).resolve().parents[1] / "tour"))

import options

if TYPE_CHECKING:
    from display import Display

MONITOR = Path(__file__).resolve().with_name("monitor.py")
LIMIT_S = 40.0  # for each step, on a busy machine


class Show:
    """Reads what the monitor says, and passes it on."""

    def __init__(self, process: Process, display: Display) -> None:
        self._process = process
        self._display = display

    async def until(self, pattern: str) -> re.Match[str]:
        """Wait for a line that matches."""
        assert self._process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            async for line in self._process.stdout:
                text = line.decode().rstrip()
                self._display.line(text)
                if found := re.search(pattern, text):
                    return found
        raise EOFError(f"the monitor ended before it said {pattern!r}")


async def perform(arguments: argparse.Namespace, folder: str) -> None:
    """Run the monitor through everything; a killed one cannot tidy up, so the folder is ours."""
    from display import Display
    from interface import connected, tally

    display = Display()
    command = [sys.executable, str(MONITOR), "--loop", arguments.loop]
    command += ["--socket", f"{folder}/tally.sock", "--interval", "0.2", "--patience", "2"]
    command += ["--grace", "2"]
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE)
    try:
        show = Show(process, display)
        socket = Path((await show.until("socket (.*)"))[1])
        await show.until("process .* answers")

        display.demo("the service is called, and refuses a call")
        async with connected(socket, LIMIT_S) as client:
            await client.add("tea", 2)
            try:
                await client.add("tea", -3)
            except tally.Refused as refused:
                display.demo(f"declared error: {refused.reason}")
        await show.until("answers, 2 calls")

        display.demo("the service hangs")
        async with connected(socket, LIMIT_S) as client:
            hanging = asyncio.create_task(client.hang(3600))
            await show.until("ended: SIGKILL")
            await asyncio.wait([hanging])
            display.demo(f"its caller saw {type(hanging.exception()).__name__}")
        await show.until("answers, 0 calls")

        display.demo("the service crashes")
        async with connected(socket, LIMIT_S) as client:
            await client.crash()
        await show.until("ended: status 70")
        await show.until("answers, 0 calls")

        display.demo("the monitor gets SIGHUP: a new service")
        process.send_signal(signal.SIGHUP)
        await show.until("ended: status 0")
        service = int((await show.until("process (.*) answers, 0 calls"))[1])

        display.demo("the monitor gets SIGUSR1: a summary")
        process.send_signal(signal.SIGUSR1)
        await show.until("lives: .*, good answers: ")

        display.demo("the monitor is killed")
        pidfd = os.pidfd_open(service)
        try:
            process.kill()
            await process.wait()
            async with asyncio.timeout(LIMIT_S):
                await ended(pidfd)
        finally:
            os.close(pidfd)
        display.demo("and the service has died with it")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def ended(pidfd: int) -> None:
    """Wait for the end of a process that is nobody's child here: its descriptor gets readable."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(pidfd, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(pidfd)


def main() -> None:
    """Run the demo on the chosen loop, which monitor and service then have too."""
    arguments = options.parser("A service in trouble, and what its monitor does.").parse_args()
    options.require("rich", "thriftpy2")
    with (
        tempfile.TemporaryDirectory(prefix="monitor-") as folder,
        options.runner(arguments) as runner,
    ):
        runner.run(perform(arguments, folder))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
