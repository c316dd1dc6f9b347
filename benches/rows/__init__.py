"""What is measured: one subject a file, each ending in the table of its rows.

A group is the unit over which geometric means are taken. Rows are added to a group, never dropped
from it, so that means stay comparable.
"""

from harness.row import Row

from . import (
    aiohttp_hello,
    callbacks,
    cancellation,
    echo,
    executors,
    futures,
    groups,
    memory,
    native,
    primitives,
    streams,
    tasks,
    threads,
    timeouts,
    timers,
)

GROUPS: dict[str, tuple[Row, ...]] = {
    "scheduling": (*callbacks.ROWS, *timers.ROWS, *threads.ROWS, *executors.ROWS),
    "tasks": (
        *tasks.ROWS,
        *futures.ROWS,
        *groups.ROWS,
        *timeouts.ROWS,
        *primitives.ROWS,
        *cancellation.ROWS,
    ),
    "native": native.ROWS,
    "memory": memory.ROWS,
    "network": (*echo.ROWS, *streams.ROWS, *aiohttp_hello.ROWS),
}


def find_row(name: str) -> Row:
    """The row of that name."""
    for rows in GROUPS.values():
        for row in rows:
            if row.name == name:
                return row
    raise LookupError(f"no row is called {name}")
