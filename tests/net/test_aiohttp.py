"""aiohttp's server and client on the loop."""

from __future__ import annotations

import asyncio
import contextlib
import io

import pytest
from harness.tls import client_context, server_context

aiohttp = pytest.importorskip("aiohttp")
web = pytest.importorskip("aiohttp.web")


async def hello(request):
    return web.json_response({"number": int(request.query["n"])})


async def echo(request):
    return web.Response(body=await request.read())


async def stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(int(request.query["n"])):
        await response.write(b"%d\n" % number)
    await response.write_eof()
    return response


async def slow(request):
    await asyncio.get_running_loop().create_future()


async def talk(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data.upper())
    return socket


@contextlib.asynccontextmanager
async def served(ssl=None):
    """The address of a site with the handlers above, with TLS by a context or without."""
    app = web.Application(client_max_size=1 << 24)
    app.add_routes(
        [
            web.get("/hello", hello),
            web.post("/echo", echo),
            web.get("/stream", stream),
            web.get("/slow", slow),
            web.get("/talk", talk),
        ]
    )
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl)
    await site.start()
    try:
        port = site._server.sockets[0].getsockname()[1]
        yield f"{'https' if ssl else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def client(limit=100):
    connector = aiohttp.TCPConnector(limit=limit)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def get_all(count, connections):
    """Asks that many times over that many connections; checks every answer."""
    async with served() as url, client(connections) as session:
        numbers = iter(range(count))
        answered = 0

        async def ask():
            nonlocal answered
            for number in numbers:
                async with session.get(f"{url}/hello", params={"n": number}) as response:
                    assert response.status == 200
                    assert await response.json() == {"number": number}
                    answered += 1

        await asyncio.gather(*(ask() for _ in range(connections)))
        assert answered == count


async def test_hundreds_of_requests(loop):
    await get_all(400, 20)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_ten_thousand_requests_at_a_hundred_connections(loop):
    await get_all(10_000, 100)


@pytest.mark.parametrize("size", [0, 1, 10_000, 3_000_000])
async def test_a_body_there_and_back(loop, size):
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    async with (
        served() as url,
        client() as session,
        session.post(f"{url}/echo", data=io.BytesIO(body)) as response,
    ):
        assert await response.read() == body


async def test_a_chunked_answer(loop):
    async with (
        served() as url,
        client() as session,
        session.get(f"{url}/stream", params={"n": 500}) as response,
    ):
        found = [line async for line in response.content]
    assert found == [b"%d\n" % number for number in range(500)]


async def test_a_request_that_times_out(loop):
    limit = aiohttp.ClientTimeout(total=0.05)
    async with served() as url, client() as session:
        with pytest.raises(TimeoutError):
            await session.get(f"{url}/slow", timeout=limit)
        async with session.get(f"{url}/hello", params={"n": 1}) as response:
            assert response.status == 200


async def test_a_websocket(loop):
    async with (
        served() as url,
        client() as session,
        session.ws_connect(f"{url}/talk") as socket,
    ):
        for number in range(50):
            await socket.send_str(f"message {number}")
            assert await socket.receive_str() == f"MESSAGE {number}"


async def test_tls(loop):
    body = bytes(range(256)) * 10_000
    trust = client_context()
    async with served(server_context()) as url, client(5) as session:
        for number in range(50):
            query = {"n": number}
            async with session.get(f"{url}/hello", params=query, ssl=trust) as response:
                assert await response.json() == {"number": number}
        async with session.post(f"{url}/echo", data=io.BytesIO(body), ssl=trust) as response:
            assert await response.read() == body
        async with session.ws_connect(f"{url}/talk", ssl=trust) as socket:
            await socket.send_str("message")
            assert await socket.receive_str() == "MESSAGE"
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{url}/hello", params={"n": 1})


async def test_a_server_that_is_not_there(loop):
    from harness.peers import unused_port

    async with client() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"http://127.0.0.1:{unused_port()}/")
