"""The data behind the page: what it asks a database for, and what is in there."""

from __future__ import annotations

from typing import NamedTuple, Protocol

SCHEMA = """\
CREATE TABLE customer (id integer PRIMARY KEY, name text NOT NULL, city text NOT NULL);
CREATE TABLE purchase (customer integer NOT NULL, title text NOT NULL, cents integer NOT NULL);
"""
CUSTOMERS = [(1, "Ada", "London"), (2, "Grace", "New York"), (3, "Blaise <Pascal>", "Paris")]
PURCHASES = [
    (1, "On Engines", 1250),
    (1, "Notes & Numbers", 800),
    (2, "A Compiler", 2400),
    (3, "Thoughts", 999),
]


class Customer(NamedTuple):
    """One row of the first query."""

    name: str
    city: str


class Purchase(NamedTuple):
    """One row of the second query."""

    title: str
    cents: int


class Database(Protocol):
    """What the page needs of a database. Each query takes ``delay`` seconds more."""

    title: str

    async def customer(self, number: int, delay: float) -> Customer | None:
        """Give a customer, if there is one of this number."""

    async def purchases(self, number: int, delay: float) -> list[Purchase]:
        """Give what the customer has bought, by title."""
