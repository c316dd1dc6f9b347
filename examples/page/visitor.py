"""A visitor who asks for the page in both ways, and shows what came."""

from __future__ import annotations

import time

import aiohttp
from books import Database
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from shop import Shop, serving


async def ask_once(database: Database, delay: float) -> None:
    """Ask for the page in both ways, as a browser would, and show what came."""
    async with (
        serving(Shop(database, delay), 0) as address,
        aiohttp.ClientSession(address) as session,
    ):
        table = Table(title=database.title, box=SIMPLE_HEAD)
        table.add_column("queries")
        table.add_column("at once", justify="right")
        table.add_column("ms", justify="right")
        for way, path in (("one after the other", "/?sequential"), ("together", "/")):
            started = time.perf_counter()
            async with session.get(path, raise_for_status=True) as response:
                text = await response.text()
            milliseconds = (time.perf_counter() - started) * 1000
            table.add_row(way, response.headers["X-Queries-At-Once"], f"{milliseconds:.0f}")
    console = Console()
    console.print(text, markup=False, highlight=False)
    console.print(table)
