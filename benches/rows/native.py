"""asyncioxide's own operations against the standard ones that do the same.

On other loops these rows use `asyncio`, so the columns of a row run different code; that is what
the N in the text says.
"""

import asyncio
import importlib

from harness.contenders import SUBJECT
from harness.row import Row
from harness.timed import Timed

from .tasks import bare_steps


async def sleep0(count: int) -> None:
    """Yields to the loop by `asyncioxide.sleep` on asyncioxide, by `asyncio.sleep` elsewhere."""
    loop_module = type(asyncio.get_running_loop()).__module__
    ours = loop_module.split(".")[0] == SUBJECT
    sleep = importlib.import_module(SUBJECT).sleep if ours else asyncio.sleep
    for _ in range(count):
        await sleep(0)


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
)
