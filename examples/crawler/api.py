"""A small API in the manner of GitHub's, for the crawler to be polite to.

It gives lists page by page, with a ``Link`` header to the next one; it asks for a token; it counts
requests and refuses those beyond the limit until a window of time is over; and sometimes it fails,
as every service does: each so-manieth request is a 502, or a connection that breaks off.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).resolve().parents[1] / "tour"))

import options
from aiohttp import web
from world import ORGANISATION, PEOPLE, REPOSITORIES, TOKEN

MOST_PER_PAGE = 30

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Temper(NamedTuple):
    """How strict the API is, and how moody."""

    limit: int = 60  # requests in a window
    window_s: float = 0.5
    fail_every: int = 20  # each so-manieth request fails; 0 is never
    delay_s: float = 0.005  # before each answer


class Api:
    """The API: what it answers, and what it counts."""

    def __init__(self, temper: Temper) -> None:
        self._temper = temper
        self._window_end = 0.0
        self._left = 0
        self._now = 0
        self.counts = Counter[str]()

    def application(self) -> web.Application:
        """Put the paths together."""
        application = web.Application(middlewares=[self._gate])
        router = application.router
        router.add_get("/orgs/{organisation}/repos", self._repositories)
        router.add_get("/repos/{organisation}/{name}/contributors", self._contributors)
        router.add_get("/users/{login}", self._user)
        return application

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request in, or not; each answer tells how many more may come."""
        self._now += 1
        self.counts["most at once"] = max(self.counts["most at once"], self._now)
        try:
            await asyncio.sleep(self._temper.delay_s)
            answer = await self._judged(request, handler)
        finally:
            self._now -= 1
        answer.headers["X-RateLimit-Limit"] = str(self._temper.limit)
        answer.headers["X-RateLimit-Remaining"] = str(self._left)
        # GitHub's is in whole seconds of the wall clock; here windows may be shorter.
        answer.headers["X-RateLimit-Reset"] = f"{self._window_end:.3f}"
        return answer

    async def _judged(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.counts["requests"] += 1
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _message(401, "Bad credentials")
        if time.time() >= self._window_end:
            self._window_end = time.time() + self._temper.window_s
            self._left = self._temper.limit
        if self._left == 0:
            self.counts["refused"] += 1
            return _message(403, "API rate limit exceeded")
        self._left -= 1
        every = self._temper.fail_every
        if every and self.counts["requests"] % every == 0:
            self.counts["failed"] += 1
            if self.counts["failed"] % 2 and request.transport is not None:
                request.transport.abort()
            return _message(502, "Server Error")
        try:
            return await handler(request)
        except web.HTTPNotFound:
            return _message(404, "Not Found")

    async def _repositories(self, request: web.Request) -> web.Response:
        if request.match_info["organisation"] != ORGANISATION:
            raise web.HTTPNotFound
        return _page(request, [{"name": r.name, "stars": r.stars} for r in REPOSITORIES])

    async def _contributors(self, request: web.Request) -> web.Response:
        for repository in REPOSITORIES:
            if repository.name == request.match_info["name"]:
                commits = repository.contributors.items()
                return _page(request, [{"login": who, "contributions": n} for who, n in commits])
        raise web.HTTPNotFound

    async def _user(self, request: web.Request) -> web.Response:
        login = request.match_info["login"]
        if login not in PEOPLE:
            raise web.HTTPNotFound
        return web.json_response({"login": login, "name": PEOPLE[login]})


def _message(status: int, text: str) -> web.Response:
    return web.json_response({"message": text}, status=status)


def _page(request: web.Request, items: list[dict[str, Any]]) -> web.Response:
    """Give the page that is asked for, and tell where the next one is."""
    try:
        page = max(1, int(request.query.get("page", "1")))
        size = min(MOST_PER_PAGE, max(1, int(request.query.get("per_page", "10"))))
    except ValueError:
        return _message(422, "page and per_page are numbers")
    answer = web.json_response(items[(page - 1) * size : page * size])
    if page * size < len(items):
        following = request.url.update_query(page=page + 1)
        answer.headers["Link"] = f'<{following}>; rel="next"'
    return answer


@asynccontextmanager
async def serving(api: Api, port: int = 0) -> AsyncIterator[str]:
    """Serve the API until the block ends: gives its address."""
    runner = web.AppRunner(api.application(), access_log=None)
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


async def serve(port: int) -> None:
    """Serve until SIGINT or SIGTERM, then tell what was counted."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    api = Api(Temper())
    async with serving(api, port) as address:
        print(address, flush=True)
        await ended.wait()
    print(", ".join(f"{name}: {count}" for name, count in sorted(api.counts.items())))


def main() -> None:
    """Serve the API alone, for the crawler's ``--url``."""
    parser = options.parser("A small API in the manner of GitHub's.")
    parser.add_argument(
        "--port",
        type=options.port,
        default=8677,
        metavar="N",
        help="where to listen on 127.0.0.1; 0 takes a free port (%(default)s)",
    )
    arguments = parser.parse_args()
    with options.runner(arguments) as runner:
        runner.run(serve(arguments.port))


if __name__ == "__main__":
    main()
