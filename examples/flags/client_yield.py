"""The flag downloader with ``yield from``: all requests at once, over asyncio's streams.

The chain of a picture is ``download_one`` > ``get_flag`` > the stream. The little HTTP it needs is
here. asyncio took such coroutines up to Python 3.10; ``asyncioxide.legacy`` does, on any loop.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import asyncioxide.legacy as asyncio
import codes
import loops
import orders
from orders import Orders
from tally import Tally

STATUS_PLACE = slice(9, 12)  # in b"HTTP/1.1 200 OK"


class BadAnswer(Exception):
    """The server answered something that is not HTTP."""


@asyncio.coroutine
def read_response(reader: asyncio.StreamReader) -> Generator[Any, None, tuple[int, bytes]]:
    """Read an answer whose length is given: the status and the body."""
    head = yield from reader.readuntil(b"\r\n\r\n")
    status_line, *lines = head[:-4].split(b"\r\n")
    status = status_line[STATUS_PLACE]
    fields = {name.lower(): value for name, _, value in (line.partition(b":") for line in lines)}
    length = fields.get(b"content-length", b"").strip()
    if not (status_line.startswith(b"HTTP/1.") and status.isdigit() and length.isdigit()):
        raise BadAnswer(repr(head[:80]))
    body = yield from reader.readexactly(int(length))
    return int(status), body


@asyncio.coroutine
def get_flag(host: str, port: int, code: str) -> Generator[Any, None, tuple[int, bytes]]:
    """Ask for one picture over a connection of its own: the status and what came."""
    reader, writer = yield from asyncio.open_connection(host, port)
    try:
        request = [
            f"GET {codes.path_of(code)} HTTP/1.1",
            f"Host: {host}:{port}",
            "Connection: close",
        ]
        writer.write("\r\n".join([*request, "", ""]).encode())
        yield from writer.drain()
        return (yield from read_response(reader))
    finally:
        writer.close()


@asyncio.coroutine
def download_one(order: Orders, tally: Tally, code: str) -> Generator[Any, None, None]:
    """Ask for one picture and count it."""
    try:
        status, body = yield from get_flag(order.host, order.port, code)
    except (OSError, EOFError, BadAnswer, asyncio.LimitOverrunError) as error:
        tally.fail(code, error)
    else:
        tally.record(code, status, body)


@asyncio.coroutine
def download_many(order: Orders, tally: Tally, deadline: float) -> Generator[Any, None, None]:
    """Ask for all of them at once; what has not come at the deadline is cancelled."""
    downloads = [download_one(order, tally, code) for code in codes.shuffled()]
    done, late = yield from asyncio.wait(downloads, timeout=max(0, deadline - time.monotonic()))
    for task in late:
        task.cancel()
    if late:
        yield from asyncio.wait(late)
    for task in done:
        task.result()


def main() -> None:
    """Run the ``yield from`` client on the chosen loop."""
    order, tally = orders.read("yield", "Download the pictures with yield from.", on_a_loop=True)
    loops.allow_open_files()
    asyncio.set_event_loop(loops.loop_factory(order.loop)())
    loop = asyncio.get_event_loop()
    try:
        run = loop.run_until_complete
        orders.carry_out(order, tally, lambda deadline: run(download_many(order, tally, deadline)))
    finally:
        left = asyncio.Task.all_tasks(loop)
        for task in left:  # after Ctrl-C
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.close()


if __name__ == "__main__":
    main()
