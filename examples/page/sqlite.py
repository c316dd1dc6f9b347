"""The embedded database: SQLite, whose calls block and therefore run in threads.

Each query opens the file for itself, since a connection serves one thread at a time.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TypeVar

from books import CUSTOMERS, PURCHASES, SCHEMA, Customer, Purchase

Result = TypeVar("Result")


class Sqlite:
    """A database in a file."""

    title = f"SQLite {sqlite3.sqlite_version}, in threads"

    def __init__(self, file: Path) -> None:
        self._file = file

    async def customer(self, number: int, delay: float) -> Customer | None:
        """Give a customer, if there is one of this number."""

        def query(connection: sqlite3.Connection) -> Customer | None:
            time.sleep(delay)
            row = connection.execute("SELECT name, city FROM customer WHERE id = ?", (number,))
            found = row.fetchone()
            return None if found is None else Customer(*found)

        return await asyncio.to_thread(self._ask, query)

    async def purchases(self, number: int, delay: float) -> list[Purchase]:
        """Give what the customer has bought, by title."""

        def query(connection: sqlite3.Connection) -> list[Purchase]:
            time.sleep(delay)
            rows = connection.execute(
                "SELECT title, cents FROM purchase WHERE customer = ? ORDER BY title", (number,)
            )
            return [Purchase(*row) for row in rows]

        return await asyncio.to_thread(self._ask, query)

    def fill(self) -> None:
        """Write the tables."""
        with closing(sqlite3.connect(self._file)) as connection, connection:
            connection.executescript(SCHEMA)
            connection.executemany("INSERT INTO customer VALUES (?, ?, ?)", CUSTOMERS)
            connection.executemany("INSERT INTO purchase VALUES (?, ?, ?)", PURCHASES)

    def _ask(self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        with closing(sqlite3.connect(self._file)) as connection:
            return query(connection)


@asynccontextmanager
async def database() -> AsyncIterator[Sqlite]:
    """Give a database in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="page-sqlite-") as folder:
        made = Sqlite(Path(folder) / "books.db")
        await asyncio.to_thread(made.fill)
        yield made
