"""getaddrinfo and getnameinfo: in a thread, through what the socket module holds."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest


async def test_getaddrinfo_gives_what_the_socket_module_gives(loop):
    for arguments in (
        {"host": "127.0.0.1", "port": 80},
        {"host": "localhost", "port": 443},
        {"host": "127.0.0.1", "port": "http"},
        {"host": None, "port": 0},
        {"host": "::1", "port": 8080},
    ):
        expected = socket.getaddrinfo(*arguments.values(), type=socket.SOCK_STREAM)
        found = await loop.getaddrinfo(*arguments.values(), type=socket.SOCK_STREAM)
        assert found == expected


async def test_getnameinfo_gives_what_the_socket_module_gives(loop):
    flags = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    assert await loop.getnameinfo(("127.0.0.1", 80), flags) == ("127.0.0.1", "80")


async def test_family_and_flags_are_passed(loop):
    found = await loop.getaddrinfo(
        "127.0.0.1",
        1,
        family=socket.AF_INET,
        type=socket.SOCK_DGRAM,
        proto=socket.IPPROTO_UDP,
        flags=socket.AI_NUMERICHOST,
    )
    assert found == [(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP, "", ("127.0.0.1", 1))]


async def test_the_options_are_keywords_only(loop):
    with pytest.raises(TypeError):
        await loop.getaddrinfo("127.0.0.1", 80, socket.AF_INET)


async def test_a_replaced_socket_getaddrinfo_is_used(loop, monkeypatch):
    calls = []

    def getaddrinfo(*args):
        calls.append((args, threading.current_thread() is threading.main_thread()))
        return ["found"]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert await loop.getaddrinfo("some.host", 1, type=socket.SOCK_STREAM) == ["found"]
    ((args, in_main_thread),) = calls
    assert args == ("some.host", 1, 0, socket.SOCK_STREAM, 0, 0)
    assert not in_main_thread


async def test_a_replaced_socket_getnameinfo_is_used(loop, monkeypatch):
    calls = []

    def getnameinfo(*args):
        calls.append(args)
        return ("name", "service")

    monkeypatch.setattr(socket, "getnameinfo", getnameinfo)
    assert await loop.getnameinfo(("127.0.0.1", 80)) == ("name", "service")
    assert calls == [(("127.0.0.1", 80), 0)]


async def test_errors_come_through(loop, monkeypatch):
    error = socket.gaierror(socket.EAI_NONAME, "not known")

    def getaddrinfo(*args):
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(socket.gaierror) as caught:
        await loop.getaddrinfo("no.such.host", 1)
    assert caught.value is error
    error.__traceback__ = None


@pytest.mark.parametrize("port", ["no-such-service", -1, 70000])
async def test_a_wrong_port_fails_as_in_the_socket_module(loop, port):
    arguments = {"host": "127.0.0.1", "port": port, "flags": socket.AI_NUMERICHOST}
    try:
        expected = socket.getaddrinfo(**arguments)
    except Exception as error:
        with pytest.raises(type(error)) as caught:
            await loop.getaddrinfo("127.0.0.1", port, flags=socket.AI_NUMERICHOST)
        assert str(caught.value) == str(error)
    else:
        found = await loop.getaddrinfo("127.0.0.1", port, flags=socket.AI_NUMERICHOST)
        assert found == expected


async def test_looking_up_leaves_the_loop_free(loop, monkeypatch):
    answer = threading.Event()

    def getaddrinfo(*args):
        answer.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    lookup = loop.create_task(loop.getaddrinfo("slow.host", 1))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not lookup.done()
    answer.set()
    assert await lookup == []


class TestConnecting:
    async def test_a_name_goes_through_the_replaced_function(self, loop, monkeypatch):
        def getaddrinfo(host, port, family, type, proto, flags):
            assert host == "invented.example"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        transport, _ = await loop.create_connection(asyncio.Protocol, "invented.example", port)
        assert transport.get_extra_info("peername") == ("127.0.0.1", port)
        transport.abort()
        server.close()
        await server.wait_closed()

    async def test_an_address_is_not_looked_up(self, loop, monkeypatch):
        def getaddrinfo(*args):
            pytest.fail("looked up")

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
        transport.abort()
        server.close()
        await server.wait_closed()

    async def test_an_empty_answer_is_an_error(self, loop, monkeypatch):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args: [])
        text = r"^getaddrinfo\(\) returned empty list$"
        with pytest.raises(OSError, match=text):
            await loop.create_connection(asyncio.Protocol, "some.host", 1)
        with pytest.raises(OSError, match=r"^getaddrinfo\('some\.host'\) returned empty list$"):
            await loop.create_server(asyncio.Protocol, "some.host", 1)

    def test_a_subclass_may_look_up_by_itself(self, loop):
        asked = []

        class Loop(type(loop)):
            async def getaddrinfo(self, host, port, *, family=0, type=0, proto=0, flags=0):
                asked.append(host)
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        async def main():
            server = await own.create_server(asyncio.Protocol, "serving.example", 0)
            port = server.sockets[0].getsockname()[1]
            transport, _ = await own.create_connection(asyncio.Protocol, "connect.example", port)
            transport.abort()
            server.close()
            await server.wait_closed()

        own = Loop()
        own.run_until_complete(main())
        own.run_until_complete(own.shutdown_default_executor())
        own.close()
        assert asked == ["serving.example", "connect.example"]
