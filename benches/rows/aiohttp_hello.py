"""A web server that says hello."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from harness.loadgen import Load
from harness.row import Row
from harness.served import Served


@asynccontextmanager
async def serve() -> AsyncIterator[int]:
    """Serves with aiohttp, its access log off, and gives the port."""
    from aiohttp import web

    async def hello(_request: Any) -> web.Response:
        return web.Response(text="Hello, world")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


ROWS: tuple[Row, ...] = (
    Served(
        name="aiohttp_hello_10",
        what="aiohttp answers GET / with a short text, connections: 10",
        unit="request",
        count=4_000,
        batch=10,
        needs=("aiohttp",),
        serve=serve,
        load=Load(10, http_path="/"),
        echoes=False,
    ),
)
