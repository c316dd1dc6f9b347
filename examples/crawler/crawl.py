"""Crawls an API in the manner of GitHub's: who contributes most to an organisation?

    python examples/crawler/crawl.py

A list of repositories, for each a list of contributors, for each of those a name: every list comes
in pages, and all of it is asked for at once as far as the API allows. The API is the example's own
(``api.py``), and runs on the same loop unless ``--url`` names another.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).resolve().parents[1] / "tour"))

import options
import world

if TYPE_CHECKING:
    from client import Client  # needs aiohttp, whose absence is explained first
    from display import Display


class Crawl:
    """What is known so far, and the tasks that find out more."""

    def __init__(self, client: Client, display: Display) -> None:
        self._client = client
        self._display = display
        self._naming: dict[str, asyncio.Task[None]] = {}
        self.names: dict[str, str] = {}
        self.commits = Counter[str]()
        self.repositories = Counter[str]()

    async def organisation(self, name: str) -> None:
        """Follow everything from an organisation; the first refusal ends it all."""
        async with asyncio.TaskGroup() as group:
            async for repository in self._client.items(f"/orgs/{name}/repos"):
                self._display.found("repositories")
                group.create_task(self._repository(group, name, repository["name"]))

    async def _repository(self, group: asyncio.TaskGroup, organisation: str, name: str) -> None:
        """Add up the contributors of a repository; who is new is asked for by name."""
        async for person in self._client.items(f"/repos/{organisation}/{name}/contributors"):
            login = person["login"]
            self.commits[login] += person["contributions"]
            self.repositories[login] += 1
            if login not in self._naming:
                self._display.found("people")
                self._naming[login] = group.create_task(self._person(login))
        self._display.done("repositories")

    async def _person(self, login: str) -> None:
        self.names[login] = (await self._client.get(f"/users/{login}")).json["name"]
        self._display.done("people")


async def crawl(arguments: argparse.Namespace) -> None:
    """Start the API if need be, crawl, show what was found."""
    import aiohttp
    from api import Api, Temper, serving
    from client import Client
    from display import Display

    async with AsyncExitStack() as stack:
        url = arguments.url
        if url is None:
            temper = Temper(arguments.limit, arguments.window, arguments.fail_every)
            url = await stack.enter_async_context(serving(Api(temper)))
        session = aiohttp.ClientSession(
            url,
            headers={"Authorization": f"Bearer {arguments.token}"},
            timeout=aiohttp.ClientTimeout(total=10),
        )
        client = Client(
            await stack.enter_async_context(session),
            at_once=arguments.at_once,
            attempts=arguments.attempts,
            pause_s=0.02,
        )
        with Display() as display:
            found = Crawl(client, display)
            await found.organisation(arguments.organisation)
        display.show(found.names, found.commits, found.repositories, client.counts)


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = options.parser("Crawl an API in the manner of GitHub's.")
    parser.add_argument(
        "organisation",
        nargs="?",
        default=world.ORGANISATION,
        help="whose contributors are looked for (%(default)s)",
    )
    parser.add_argument("--url", help="an API that runs already, such as api.py")
    parser.add_argument("--token", default=world.TOKEN, help="what the API knows us by")
    parser.add_argument(
        "--at-once",
        type=options.count,
        default=8,
        metavar="N",
        help="most requests at a time (%(default)s)",
    )
    parser.add_argument(
        "--attempts",
        type=options.count,
        default=5,
        metavar="N",
        help="how often a request is made that fails (%(default)s)",
    )
    parser.add_argument(
        "--limit",
        type=options.count,
        default=60,
        metavar="N",
        help="the API takes so many requests in a window (%(default)s)",
    )
    parser.add_argument(
        "--window",
        type=options.seconds,
        default=0.5,
        metavar="S",
        help="length of that window (%(default)s)",
    )
    parser.add_argument(
        "--fail-every",
        type=options.count,
        default=20,
        metavar="N",
        help="each N-th request fails in the API (%(default)s)",
    )
    arguments = parser.parse_args()
    if arguments.url is not None and not arguments.url.startswith(("http://", "https://")):
        parser.error(f"argument --url: not an address of the web: {arguments.url}")
    return arguments


def main() -> int:
    """Crawl on the chosen loop; 1 if the API refused."""
    arguments = read_options()
    options.require("aiohttp", "rich")
    from client import Refusal

    status = 0
    try:
        with options.runner(arguments) as runner:
            runner.run(crawl(arguments))
    except* Refusal as refusals:
        print(refusals.exceptions[0], file=sys.stderr)
        status = 1
    return status


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
