"""The page itself, over any database, and the server that gives it out."""

from __future__ import annotations

import asyncio
import html
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

from aiohttp import web
from books import Customer, Database, Purchase

Result = TypeVar("Result")

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{name}</title>
<h1>{name}, {city}</h1>
<table>
{rows}
</table>
<p>Together: {total}</p>
<p>{how}: {milliseconds:.0f} ms, {at_once} at once. {database}</p>
</html>
"""


class Facts(NamedTuple):
    """What the page is made of, and how it was got."""

    customer: Customer | None
    purchases: list[Purchase]
    seconds: float
    at_once: int


class Shop:
    """The page, over any database."""

    def __init__(self, database: Database, delay: float) -> None:
        self._database = database
        self._delay = delay

    async def page(self, request: web.Request) -> web.Response:
        """Answer a request."""
        sequential = "sequential" in request.query
        try:
            number = int(request.query.get("customer", "1"))
        except ValueError:
            raise web.HTTPBadRequest(text="customer is a number") from None
        if not 0 < number < 2**31:  # what the databases' columns take
            raise web.HTTPNotFound(text=f"no customer {number}")
        facts = await self.facts(number, sequential=sequential)
        if facts.customer is None:
            raise web.HTTPNotFound(text=f"no customer {number}")
        text = PAGE.format(
            name=html.escape(facts.customer.name),
            city=html.escape(facts.customer.city),
            rows="\n".join(_row(purchase) for purchase in facts.purchases),
            total=_price(sum(purchase.cents for purchase in facts.purchases)),
            how="two queries, one after the other" if sequential else "two queries",
            milliseconds=facts.seconds * 1000,
            at_once=facts.at_once,
            database=html.escape(self._database.title),
        )
        headers = {"X-Queries-At-Once": str(facts.at_once)}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def facts(self, number: int, *, sequential: bool) -> Facts:
        """Make the two queries: this is what the example is about."""
        counter = Counter()
        started = time.perf_counter()
        if sequential:
            customer = await counter.run(self._database.customer(number, self._delay))
            purchases = await counter.run(self._database.purchases(number, self._delay))
        else:
            customer, purchases = await asyncio.gather(
                counter.run(self._database.customer(number, self._delay)),
                counter.run(self._database.purchases(number, self._delay)),
            )
        return Facts(customer, purchases, time.perf_counter() - started, counter.most)


class Counter:
    """Counts how many queries are on their way, and remembers the most."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    async def run(self, query: Awaitable[Result]) -> Result:
        """Give what the query gives."""
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await query
        finally:
            self.now -= 1


@asynccontextmanager
async def serving(shop: Shop, port: int) -> AsyncIterator[str]:
    """Serve the page: gives its address."""
    application = web.Application()
    application.router.add_get("/", shop.page)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        try:
            await site.start()
        except OSError as error:
            sys.exit(f"cannot listen on port {port}: {error.strerror or error}")
        host, bound_port = runner.addresses[0][:2]
        yield f"http://{host}:{bound_port}"
    finally:
        await runner.cleanup()


def _row(purchase: Purchase) -> str:
    return f"<tr><td>{html.escape(purchase.title)}<td>{_price(purchase.cents)}"


def _price(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"
