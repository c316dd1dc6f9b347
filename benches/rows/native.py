"""asyncioxide's own operations against the standard ones that do the same.

On other loops these rows use `asyncio`, so the columns of a row run different code; that is what
the N in the text says.
"""

import asyncio
import importlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from harness.contenders import SUBJECT
from harness.loadgen import Load
from harness.row import Row
from harness.served import Served
from harness.timed import Timed

from .streams import echo_chunks
from .tasks import bare_steps

LINE = b"x" * 60 + b"\n"
READ_BYTES = 64 * 1024
TASKS = 100

# Sends a piece over the socket whose number it is told, again and again. A process of its own, so
# that its CPU time is not the reader's.
SENDER = """
import socket, sys
fd, piece, times, count = int(sys.argv[1]), *map(eval, sys.argv[2:])
with socket.socket(fileno=fd) as out:
    for _ in range(count // times):
        out.sendall(piece * times)
    out.sendall(piece * (count % times))
"""


def names() -> Any:
    """The namespace: asyncioxide on asyncioxide's loop, asyncio elsewhere."""
    loop_module = type(asyncio.get_running_loop()).__module__
    ours = loop_module.split(".")[0] == SUBJECT
    return importlib.import_module(SUBJECT) if ours else asyncio


async def sleep0(count: int) -> None:
    """Yields to the loop by `asyncioxide.sleep` on asyncioxide, by `asyncio.sleep` elsewhere."""
    sleep = names().sleep
    for _ in range(count):
        await sleep(0)


async def sleep_short(count: int) -> None:
    """Waits for timers that are due as soon as they are set."""
    sleep = names().sleep
    for _ in range(count):
        await sleep(1e-9)


async def nothing() -> None:
    """Ends at once."""


async def wait_for_all(count: int) -> None:
    """Waits for a hundred tasks at a time."""
    library = names()
    for _ in range(count // TASKS):
        tasks = [library.create_task(nothing()) for _ in range(TASKS)]
        done, _ = await library.wait(tasks)
        assert len(done) == TASKS


async def take_as_completed(count: int) -> None:
    """Takes the results of a hundred tasks at a time as they come."""
    library = names()
    for _ in range(count // TASKS):
        tasks = [library.create_task(nothing()) for _ in range(TASKS)]
        for each in library.as_completed(tasks):
            await each


@asynccontextmanager
async def serve_echo() -> AsyncIterator[int]:
    """Serves an echo by streams, and gives the port."""
    server = await names().start_server(echo_chunks, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def sent(piece: bytes, times: int, count: int) -> AsyncIterator[Any]:
    """A stream over which another process sends the piece `count` times, `times` at once."""
    near, far = socket.socketpair()
    command = [sys.executable, "-S", "-c", SENDER, str(far.fileno()), repr(piece[:1])]
    command[-1] += f"*{len(piece) - 1}+{piece[-1:]!r}"
    sender = subprocess.Popen([*command, str(times), str(count)], pass_fds=[far.fileno()])
    far.close()
    near.setblocking(False)
    reader, writer = await names().open_connection(sock=near)
    try:
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()
        sender.wait()


async def read_lines(count: int) -> None:
    """Reads lines of 61 bytes."""
    async with sent(LINE, 1000, count) as reader:
        for _ in range(count):
            line = await reader.readline()
        assert line == LINE


async def read_bulk(count: int) -> None:
    """Reads blocks of at most 64 KiB."""
    left = count * READ_BYTES
    async with sent(bytes(READ_BYTES), 1, count) as reader:
        while left:
            left -= len(await reader.read(READ_BYTES))


ROWS: tuple[Row, ...] = (
    Timed(
        name="sleep0_native",
        what="N: asyncioxide.sleep(0), asyncio.sleep(0) on the others; limit: bare send",
        unit="step",
        count=100_000,
        needs=(SUBJECT,),
        body=sleep0,
        limit=bare_steps,
    ),
    Timed(
        name="sleep_short_native",
        what="N: sleep(1e-9), a timer that is due at once",
        unit="step",
        count=50_000,
        needs=(SUBJECT,),
        body=sleep_short,
    ),
    Timed(
        name="wait_100_native",
        what="N: wait() for 100 tasks that end at once",
        unit="task",
        count=50_000,
        needs=(SUBJECT,),
        body=wait_for_all,
    ),
    Timed(
        name="as_completed_100_native",
        what="N: as_completed() over 100 tasks that end at once",
        unit="task",
        count=50_000,
        needs=(SUBJECT,),
        body=take_as_completed,
    ),
    Served(
        name="streams_echo_10_native",
        what="N: streams, 1 KiB, connections: 10; limit: bare epoll server",
        unit="request",
        count=15_000,
        batch=10,
        needs=(SUBJECT,),
        serve=serve_echo,
        load=Load(10),
    ),
    Timed(
        name="readline_native",
        what="N: StreamReader.readline, lines of 61 bytes from another process",
        unit="line",
        count=200_000,
        needs=(SUBJECT,),
        body=read_lines,
    ),
    Timed(
        name="read_bulk_native",
        what="N: StreamReader.read, 64 KiB, from another process",
        unit="64 KiB",
        count=8_000,
        needs=(SUBJECT,),
        body=read_bulk,
    ),
)
