"""What comes later says so: NotImplementedError, naming the method, and nothing else does."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from harness.not_yet import NOT_YET

pytestmark = pytest.mark.only("asyncioxide")


@pytest.mark.parametrize("method", NOT_YET)
def test_says_so_and_names_itself(loop, method):
    async def call():
        made = getattr(loop, method)(*NOT_YET[method])
        return await made if inspect.isawaitable(made) else made

    with pytest.raises(NotImplementedError, match=method):
        loop.run_until_complete(call())


@pytest.mark.parametrize("method", ["create_connection", "create_server"])
def test_tls_says_so_and_names_the_method(loop, method):
    import ssl

    context = ssl.create_default_context()

    async def call():
        await getattr(loop, method)(asyncio.Protocol, "127.0.0.1", 0, ssl=context)

    with pytest.raises(NotImplementedError, match=method):
        loop.run_until_complete(call())


def test_tls_over_unix_sockets_says_so(loop):
    import ssl

    context = ssl.create_default_context()
    for call in (
        loop.create_unix_connection(asyncio.Protocol, "/x", ssl=context, server_hostname="x"),
        loop.create_unix_server(asyncio.Protocol, "/x", ssl=context),
    ):
        with pytest.raises(NotImplementedError, match="create_unix_"):
            loop.run_until_complete(call)


def test_tls_on_an_accepted_socket_says_so(loop):
    import socket
    import ssl

    with socket.socket() as sock:
        call = loop.connect_accepted_socket(
            asyncio.Protocol, sock, ssl=ssl.create_default_context()
        )
        with pytest.raises(NotImplementedError, match="connect_accepted_socket"):
            loop.run_until_complete(call)


def test_every_other_public_method_is_there(loop):
    wanted = {
        name
        for name in dir(asyncio.SelectorEventLoop)
        if not name.startswith("_") and callable(getattr(asyncio.SelectorEventLoop, name))
    }
    assert wanted - set(dir(loop)) == set()
    for name in wanted - set(NOT_YET):
        assert getattr(type(loop), name) is not getattr(asyncio.AbstractEventLoop, name, None)
