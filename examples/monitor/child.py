"""A child process that dies with its parent, and whose log is read line by line."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>

_libc = ctypes.CDLL(None, use_errno=True)  # loaded here: a child must not load anything after fork


def die_with(parent: int) -> None:
    """Ask the kernel, in the child, for a SIGKILL when the thread that has forked it ends.

    asyncio forks in the thread of its loop, so that is the main thread, not a helper's.
    """
    if _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it has gone already, before the kernel knew
        os._exit(1)


@asynccontextmanager
async def running(
    command: list[str], on_line: Callable[[str], None], grace_s: float
) -> AsyncIterator[Process]:
    """Run a program while the block lasts, with each line of its log given to ``on_line``.

    It is told to end with SIGTERM, killed if it has not ended in time, and waited for.
    """
    parent = os.getpid()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stderr=PIPE,
        start_new_session=True,  # Ctrl-C in a terminal is for the parent, which then ends this
        preexec_fn=lambda: die_with(parent),
    )
    assert process.stderr is not None
    tailing = asyncio.create_task(_tail(process.stderr, on_line))
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), grace_s)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await tailing


async def _tail(log: asyncio.StreamReader, on_line: Callable[[str], None]) -> None:
    async for line in log:
        on_line(line.decode(errors="replace").rstrip())
