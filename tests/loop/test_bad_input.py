"""Bad input: every call fails with the class and the text it fails with on asyncio.

Each row is tried on a stock loop and on the loop under test, in the same
interpreter, and the two outcomes are compared.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest
from harness.outcome import Outcome, outcome

Call = Callable[[Any], Any]


class Wrong:
    """Neither a number, nor callable, nor awaitable, nor a file."""

    def __repr__(self) -> str:
        return "<wrong>"


WRONG = Wrong()


async def coroutine(*args: object) -> None:
    pass


def awaited(call: Call) -> Call:
    """Makes a row out of a coroutine method: the coroutine is run to its end."""

    def run(loop: Any) -> Any:
        return loop.run_until_complete(call(loop))

    return run


class FileNumber:
    def __init__(self, value: object) -> None:
        self.value = value

    def fileno(self) -> object:
        return self.value

    def __repr__(self) -> str:
        return f"<fileno {self.value!r}>"


SCHEDULING: dict[str, Call] = {
    "call_soon()": lambda loop: loop.call_soon(),
    "call_soon(keyword)": lambda loop: loop.call_soon(print, wrong=1),
    "call_soon(context=1)": lambda loop: loop.call_soon(print, context=None).cancel(),
    "call_later()": lambda loop: loop.call_later(),
    "call_later(1)": lambda loop: loop.call_later(1),
    "call_later(None)": lambda loop: loop.call_later(None, print),
    "call_later('1')": lambda loop: loop.call_later("1", print),
    "call_later(wrong)": lambda loop: loop.call_later(WRONG, print),
    "call_later([])": lambda loop: loop.call_later([], print),
    "call_later(1j)": lambda loop: loop.call_later(1, print, wrong=1),
    "call_later(nan)": lambda loop: loop.call_later(math.nan, print),
    "call_later(-1)": lambda loop: loop.call_later(-1, print),
    "call_at()": lambda loop: loop.call_at(),
    "call_at(None)": lambda loop: loop.call_at(None, print),
    "call_soon_threadsafe()": lambda loop: loop.call_soon_threadsafe(),
    "call_soon_threadsafe(keyword)": lambda loop: loop.call_soon_threadsafe(print, wrong=1),
    "run_in_executor()": lambda loop: loop.run_in_executor(),
    "run_in_executor(wrong)": lambda loop: loop.run_in_executor(WRONG, print),
    "set_default_executor(wrong)": lambda loop: loop.set_default_executor(WRONG),
    "set_exception_handler(wrong)": lambda loop: loop.set_exception_handler(WRONG),
    "set_task_factory(wrong)": lambda loop: loop.set_task_factory(WRONG),
    "call_exception_handler()": lambda loop: loop.call_exception_handler(),
    "create_task()": lambda loop: loop.create_task(),
    "create_task(None)": lambda loop: loop.create_task(None),
    "create_task(wrong)": lambda loop: loop.create_task(WRONG),
    "create_task(function)": lambda loop: loop.create_task(coroutine),
    "create_task(future)": lambda loop: loop.create_task(loop.create_future()),
    "create_future(1)": lambda loop: loop.create_future(1),
    "run_until_complete()": lambda loop: loop.run_until_complete(),
    "run_until_complete(None)": lambda loop: loop.run_until_complete(None),
    "run_until_complete(wrong)": lambda loop: loop.run_until_complete(WRONG),
    "run_forever(1)": lambda loop: loop.run_forever(1),
    "stop(1)": lambda loop: loop.stop(1),
}

DESCRIPTORS: dict[str, Call] = {
    f"{method}({name})": (
        lambda loop, method=method, value=value: getattr(loop, method)(
            value, *([print] if method.startswith("add") else [])
        )
    )
    for method in ("add_reader", "add_writer", "remove_reader", "remove_writer")
    for name, value in {
        "-1": -1,
        "unused number": 1023,
        "beyond the limit": 1 << 20,
        "huge": 1 << 70,
        "True": True,
        "1.5": 1.5,
        "text": "1",
        "None": None,
        "wrong": WRONG,
        "fileno -1": FileNumber(-1),
        "fileno None": FileNumber(None),
        "fileno text": FileNumber("x"),
    }.items()
    if not (name == "True" and method.startswith("add"))
}
DESCRIPTORS |= {
    "add_reader()": lambda loop: loop.add_reader(),
    "add_reader(no callback)": lambda loop: loop.add_reader(1),
    "remove_reader()": lambda loop: loop.remove_reader(),
}

SIGNALS: dict[str, Call] = {
    "add_signal_handler()": lambda loop: loop.add_signal_handler(),
    "add_signal_handler(no callback)": lambda loop: loop.add_signal_handler(signal.SIGUSR1),
    "add_signal_handler(text)": lambda loop: loop.add_signal_handler("SIGINT", print),
    "add_signal_handler(None)": lambda loop: loop.add_signal_handler(None, print),
    "add_signal_handler(0)": lambda loop: loop.add_signal_handler(0, print),
    "add_signal_handler(-1)": lambda loop: loop.add_signal_handler(-1, print),
    "add_signal_handler(65)": lambda loop: loop.add_signal_handler(65, print),
    "add_signal_handler(32)": lambda loop: loop.add_signal_handler(32, print),
    "add_signal_handler(SIGKILL)": lambda loop: loop.add_signal_handler(signal.SIGKILL, print),
    "add_signal_handler(coroutine function)": (
        lambda loop: loop.add_signal_handler(signal.SIGUSR1, coroutine)
    ),
    "remove_signal_handler(text)": lambda loop: loop.remove_signal_handler("SIGINT"),
    "remove_signal_handler(0)": lambda loop: loop.remove_signal_handler(0),
    "remove_signal_handler(none there)": lambda loop: loop.remove_signal_handler(signal.SIGUSR1),
}


def connection(*args: Any, **options: Any) -> Call:
    return awaited(lambda loop: loop.create_connection(asyncio.Protocol, *args, **options))


def server(*args: Any, **options: Any) -> Call:
    return awaited(lambda loop: loop.create_server(asyncio.Protocol, *args, **options))


def with_socket(use: Callable[[Any, socket.socket], Any], *kind: int) -> Call:
    """Makes a row out of a call that gets a new socket, closed afterwards."""

    def run(loop: Any) -> Any:
        with socket.socket(*kind) as sock:
            return loop.run_until_complete(use(loop, sock))

    return run


UDP = (socket.AF_INET, socket.SOCK_DGRAM)

NETWORK: dict[str, Call] = {
    "create_connection()": awaited(lambda loop: loop.create_connection()),
    "create_connection(nowhere)": connection(),
    "create_connection(host and sock)": with_socket(
        lambda loop, sock: loop.create_connection(asyncio.Protocol, "127.0.0.1", 1, sock=sock)
    ),
    "create_connection(server_hostname)": connection("127.0.0.1", 1, server_hostname="name"),
    "create_connection(ssl_handshake_timeout)": connection("127.0.0.1", 1, ssl_handshake_timeout=1),
    "create_connection(ssl_shutdown_timeout)": connection("127.0.0.1", 1, ssl_shutdown_timeout=1),
    "create_connection(udp)": with_socket(
        lambda loop, sock: loop.create_connection(asyncio.Protocol, sock=sock), *UDP
    ),
    "create_connection(sock=wrong)": connection(sock=WRONG),
    "create_connection(bad port)": connection("127.0.0.1", "no-such-service"),
    "create_connection(bad keyword)": connection("127.0.0.1", 1, wrong=1),
    "create_connection(port 99999)": connection("127.0.0.1", 99999),
    "create_connection(port -1)": connection("127.0.0.1", -1),
    "create_connection(host wrong)": connection(WRONG, 1),
    "create_connection(local_addr)": connection("127.0.0.1", 1, local_addr=("192.0.2.1", 0)),
    "create_connection(local_addr other family)": connection("127.0.0.1", 1, local_addr=("::1", 0)),
    "create_connection(local_addr wrong)": connection("127.0.0.1", 1, local_addr=5),
    "create_connection(all_errors)": connection("127.0.0.1", 1, all_errors=True),
    "create_connection(refused)": connection("127.0.0.1", 1),
    "create_connection(family 99)": connection("127.0.0.1", 1, family=99),
    "create_server()": awaited(lambda loop: loop.create_server()),
    "create_server(nowhere)": server(),
    "create_server(host and sock)": with_socket(
        lambda loop, sock: loop.create_server(asyncio.Protocol, "127.0.0.1", 0, sock=sock)
    ),
    "create_server(ssl=True)": server("127.0.0.1", 0, ssl=True),
    "create_server(ssl_handshake_timeout)": server("127.0.0.1", 0, ssl_handshake_timeout=1),
    "create_server(ssl_shutdown_timeout)": server("127.0.0.1", 0, ssl_shutdown_timeout=1),
    "create_server(udp)": with_socket(
        lambda loop, sock: loop.create_server(asyncio.Protocol, sock=sock), *UDP
    ),
    "create_server(sock=wrong)": server(sock=WRONG),
    "create_server(foreign address)": server("192.0.2.1", 0),
    "create_server(bad port)": server("127.0.0.1", "no-such-service"),
    "create_server(port 99999)": server("127.0.0.1", 99999),
    "create_server(host wrong)": server(WRONG, 0),
    "create_server(bad keyword)": server("127.0.0.1", 0, wrong=1),
    "create_server(keep_alive)": server("192.0.2.1", 0, keep_alive=True),
    **{
        f"{method}({', '.join(map(repr, arguments))})": awaited(
            lambda loop, method=method, arguments=arguments: getattr(loop, method)(*arguments)
        )
        for method in (
            "sock_recv",
            "sock_recv_into",
            "sock_recvfrom",
            "sock_recvfrom_into",
            "sock_sendall",
            "sock_sendto",
            "sock_accept",
            "sock_sendfile",
        )
        for arguments in ((), (5,), (5, 5), (5, 5, 5), (5, 5, 5, 5, 5))
    },
    "getaddrinfo()": awaited(lambda loop: loop.getaddrinfo()),
    "getaddrinfo(wrong)": awaited(lambda loop: loop.getaddrinfo(WRONG, 1)),
    "getnameinfo(wrong)": awaited(lambda loop: loop.getnameinfo(WRONG)),
    "getnameinfo(())": awaited(lambda loop: loop.getnameinfo(())),
}

ON_A_CLOSED_LOOP: dict[str, Call] = {
    "call_soon": lambda loop: loop.call_soon(print),
    "call_soon not callable": lambda loop: loop.call_soon(5),
    "call_soon_threadsafe": lambda loop: loop.call_soon_threadsafe(print),
    "call_later": lambda loop: loop.call_later(1, print),
    "call_later None": lambda loop: loop.call_later(None, print),
    "call_at": lambda loop: loop.call_at(1, print),
    "call_at None": lambda loop: loop.call_at(None, print),
    "create_task None": lambda loop: loop.create_task(None),
    "create_future": lambda loop: loop.create_future(),
    "run_forever": lambda loop: loop.run_forever(),
    "run_until_complete future": lambda loop: loop.run_until_complete(loop.create_future()),
    "run_until_complete wrong": lambda loop: loop.run_until_complete(WRONG),
    "run_in_executor": lambda loop: loop.run_in_executor(None, print),
    "add_reader": lambda loop: loop.add_reader(0, print),
    "add_writer": lambda loop: loop.add_writer(0, print),
    "add_reader wrong": lambda loop: loop.add_reader(WRONG, print),
    "remove_reader": lambda loop: loop.remove_reader(0),
    "remove_writer": lambda loop: loop.remove_writer(0),
    "add_signal_handler": lambda loop: loop.add_signal_handler(signal.SIGUSR1, print),
    "remove_signal_handler": lambda loop: loop.remove_signal_handler(signal.SIGUSR1),
    "stop": lambda loop: loop.stop(),
    "close": lambda loop: loop.close(),
    "is_running": lambda loop: loop.is_running(),
    "is_closed": lambda loop: loop.is_closed(),
    "set_debug": lambda loop: loop.set_debug(True),
    "get_debug": lambda loop: loop.get_debug(),
    "set_task_factory": lambda loop: loop.set_task_factory(None),
    "set_exception_handler": lambda loop: loop.set_exception_handler(None),
}


TOO_MANY: dict[str, Call] = {
    "set_debug": lambda loop: loop.set_debug(True, 1),
    "set_task_factory": lambda loop: loop.set_task_factory(None, 1),
    "set_exception_handler": lambda loop: loop.set_exception_handler(None, 1),
    "set_default_executor": lambda loop: loop.set_default_executor(None, 1),
    "remove_reader": lambda loop: loop.remove_reader(0, 1),
    "remove_writer": lambda loop: loop.remove_writer(0, 1),
    "remove_signal_handler": lambda loop: loop.remove_signal_handler(signal.SIGUSR1, 1),
}


def check(call: Call, loop: Any, *, close_first: bool = False) -> Outcome:
    """Compares the outcomes on a stock loop and on the given one."""
    stock = asyncio.new_event_loop()
    try:
        for each in (stock, loop):
            if close_first:
                each.close()
        expected = outcome(lambda: call(stock))
        assert outcome(lambda: call(loop)) == expected
    finally:
        if not close_first:
            stock.run_until_complete(stock.shutdown_default_executor())
        stock.close()
    return expected


# What asyncio accepts in these tables does not stay: the loops are closed.
def rows(table: dict[str, Call]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("call", table.values(), ids=table.keys())


@rows(SCHEDULING)
def test_scheduling(loop, call):
    check(call, loop)


@rows(SCHEDULING)
def test_scheduling_in_debug_mode(loop, call):
    def in_debug_mode(loop):
        loop.set_debug(True)
        return call(loop)

    check(in_debug_mode, loop)


@rows(DESCRIPTORS)
def test_descriptors(loop, call):
    check(call, loop)


@rows(SIGNALS)
def test_signals(loop, call):
    check(call, loop)


@rows(NETWORK)
def test_network(loop, call):
    assert check(call, loop).raised


@rows(TOO_MANY)
def test_more_arguments_than_there_are_parameters(loop, call):
    assert check(call, loop).raised


@rows(ON_A_CLOSED_LOOP)
def test_on_a_closed_loop(loop, call):
    check(call, loop, close_first=True)


def test_create_task_on_a_closed_loop_does_not_run_the_coroutine(loop):
    made = coroutine()
    loop.close()
    with pytest.raises(RuntimeError, match="^Event loop is closed$"):
        loop.create_task(made)
    assert inspect.getcoroutinestate(made) == inspect.CORO_CREATED
    made.close()


def test_signatures_are_asyncios(loop):
    stock = asyncio.new_event_loop()
    different = []
    for name in dir(asyncio.AbstractEventLoop):
        method = getattr(loop, name)
        if name.startswith("_") or not callable(method):
            continue
        if name == "create_task" and sys.version_info >= (3, 14):
            # asyncio hands its keywords on unseen, and so shows none of them.
            continue
        expected, found = (inspect.signature(each) for each in (getattr(stock, name), method))
        if parameters(found) != parameters(expected):
            different.append(f"{name}{found} instead of {name}{expected}")
    stock.close()
    assert different == []


# Keywords that came to asyncio after 3.11: a native signature shows them on every Python,
# and calls with them are refused where asyncio refuses them (see the tables above).
LATER = {"all_errors", "keep_alive"}


def parameters(signature):
    """The names and kinds; how a native signature shows a default is its own affair."""
    return [
        (each.name, each.kind) for each in signature.parameters.values() if each.name not in LATER
    ]
