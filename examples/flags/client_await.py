"""The flag downloader with ``await``: all requests at once, with aiohttp.

The chain of a picture is ``download_one`` > ``get_flag`` > aiohttp > the socket.
"""

from __future__ import annotations

import asyncio
import time

import aiohttp
import codes
import loops
import orders
from orders import Orders
from tally import Tally


async def get_flag(session: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    """Ask for one picture: the status and what came."""
    async with session.get(url) as response:
        return response.status, await response.read()


async def download_one(
    session: aiohttp.ClientSession, order: Orders, tally: Tally, code: str
) -> None:
    """Ask for one picture and count it."""
    url = f"http://{order.host}:{order.port}{codes.path_of(code)}"
    try:
        status, body = await get_flag(session, url)
    except aiohttp.ClientError as error:
        tally.fail(code, error)
    else:
        tally.record(code, status, body)


async def download_many(order: Orders, tally: Tally, deadline: float) -> None:
    """Ask for all of them at once; what has not come at the deadline is cancelled."""
    connector = aiohttp.TCPConnector(limit=0)
    no_timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=no_timeout) as session:
        try:
            async with asyncio.timeout(deadline - time.monotonic()), asyncio.TaskGroup() as group:
                for code in codes.shuffled():
                    group.create_task(download_one(session, order, tally, code))
        except TimeoutError:
            pass  # what came in time is counted


def main() -> None:
    """Run the ``await`` client on the chosen loop."""
    order, tally = orders.read("await", "Download the pictures with await.", on_a_loop=True)
    loops.allow_open_files()
    with asyncio.Runner(loop_factory=loops.loop_factory(order.loop)) as runner:
        orders.carry_out(
            order, tally, lambda deadline: runner.run(download_many(order, tally, deadline))
        )


if __name__ == "__main__":
    main()
