"""A client that treats an API well: few requests at once, rests when told to, tries again.

``Client.get`` is one request with all of that around it; ``Client.items`` goes from page to page.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
from yarl import URL

PASSING = frozenset({500, 502, 503, 504})  # worth another try
LIMITED = frozenset({403, 429})  # a rest is over at a known time, if the headers say so
LONGEST_REST_S = 60.0


class Refusal(Exception):
    """The API said no, or failed too often; the text has its words."""


class Answer(NamedTuple):
    """A good answer."""

    json: Any
    following: URL | None  # the next page


class Client:
    """Asks one API, over the connections of one session."""

    def __init__(
        self, session: aiohttp.ClientSession, *, at_once: int, attempts: int, pause_s: float
    ) -> None:
        self._session = session
        self._places = asyncio.Semaphore(at_once)
        self._attempts = attempts
        self._pause_s = pause_s
        self._rest_until = 0.0
        self._on_their_way = 0
        self.counts = Counter[str]()

    async def items(self, path: str, per_page: int = 10) -> AsyncIterator[Any]:
        """Give the items of a list, asking for a page when the one before is used up."""
        url: URL | None = URL(path).with_query(per_page=per_page)
        while url is not None:
            items, url = await self.get(url)
            for item in items:
                yield item

    async def get(self, url: URL | str) -> Answer:
        """Make one request, as often as it takes."""
        failures = 0
        while True:
            await self._rest()
            try:
                async with self._places:
                    return await self._ask(url)
            except _Limited:
                continue  # told to rest, which is no failure
            except (aiohttp.ClientError, TimeoutError, _Passing) as error:
                reason = str(error) or type(error).__name__
            failures += 1
            if failures == self._attempts:
                raise Refusal(f"{url}: {reason}, {failures} times")
            self.counts["tried again"] += 1
            # Longer each time, and not all at the same moment.
            await asyncio.sleep(self._pause_s * 2 ** (failures - 1) * random.uniform(0.5, 1))

    async def _ask(self, url: URL | str) -> Answer:
        """Ask once."""
        self.counts["requests"] += 1
        self._on_their_way += 1
        self.counts["most at once"] = max(self.counts["most at once"], self._on_their_way)
        try:
            async with self._session.get(url) as response:
                if response.status != 200:
                    raise self._judge(response)
                return Answer(await response.json(), _following(response))
        finally:
            self._on_their_way -= 1

    def _judge(self, response: aiohttp.ClientResponse) -> Exception:
        """Tell what a bad status means: wait, try again or give up."""
        text = f"{response.status} {response.reason}"
        if response.status in LIMITED and self._told_to_rest(response):
            return _Limited()
        return _Passing(text) if response.status in PASSING else Refusal(f"{response.url}: {text}")

    def _told_to_rest(self, response: aiohttp.ClientResponse) -> bool:
        """Note until when nobody may ask, if that is what a refusal is about."""
        headers = response.headers
        if "Retry-After" in headers:
            seconds = float(headers["Retry-After"])
        elif headers.get("X-RateLimit-Remaining") == "0":
            seconds = float(headers["X-RateLimit-Reset"]) - time.time()
        else:
            return False
        if seconds > LONGEST_REST_S:
            raise Refusal(f"the API wants a rest of {seconds:.0f} seconds")
        until = asyncio.get_running_loop().time() + max(seconds, 0.01)
        self._rest_until = max(self._rest_until, until)
        return True

    async def _rest(self) -> None:
        """Wait until the API takes requests again."""
        loop = asyncio.get_running_loop()
        if self._rest_until > loop.time():
            self.counts["rested"] += 1
        while (seconds := self._rest_until - loop.time()) > 0:
            await asyncio.sleep(seconds)


class _Limited(Exception):
    """The API wants a rest."""


class _Passing(Exception):
    """The API has a trouble that may be over soon."""


def _following(response: aiohttp.ClientResponse) -> URL | None:
    """Find the next page, which must be the same API's: it will see our token."""
    link = response.links.get("next")
    if link is None:
        return None
    url = URL(str(link["url"]))
    if url.origin() != response.url.origin():
        raise Refusal(f"{response.url}: the next page is at {url.origin()}")
    return url
