"""Which file tests which method of the loop: a method without one is a failure."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent

TESTED_IN = {
    "loop/test_asyncgens.py": "shutdown_asyncgens",
    "loop/test_debug_mode.py": "get_debug set_debug",
    "loop/test_exception_handler.py": """
        call_exception_handler default_exception_handler get_exception_handler
        set_exception_handler
    """,
    "loop/test_executor.py": "run_in_executor set_default_executor shutdown_default_executor",
    "loop/test_lifecycle.py": """
        close is_closed is_running run_forever run_until_complete stop create_future
    """,
    "loop/test_names.py": "getaddrinfo getnameinfo",
    "loop/test_ordering.py": "call_soon",
    "loop/test_readers_writers.py": "add_reader add_writer remove_reader remove_writer",
    "loop/test_signals.py": "add_signal_handler remove_signal_handler",
    "loop/test_threadsafe.py": "call_soon_threadsafe",
    "loop/test_timers.py": "call_at call_later time",
    "tasks/test_task_factory.py": "create_task get_task_factory set_task_factory",
    "net/test_accepted_sockets.py": "connect_accepted_socket",
    "net/test_connecting.py": "create_connection",
    "net/test_datagram_endpoints.py": "create_datagram_endpoint",
    "net/test_sendfile.py": "sendfile",
    "net/test_server_options.py": "create_server",
    "net/test_sock_connect.py": "sock_connect",
    "net/test_sock_io.py": """
        sock_accept sock_recv sock_recv_into sock_recvfrom sock_recvfrom_into sock_sendall
        sock_sendfile sock_sendto
    """,
    "net/test_start_tls.py": "start_tls",
    "net/test_unix_connections.py": "create_unix_connection create_unix_server",
    "procs/test_read_pipe.py": "connect_read_pipe",
    "procs/test_spawning.py": "subprocess_exec subprocess_shell",
    "procs/test_write_pipe.py": "connect_write_pipe",
}


@pytest.mark.parametrize("file", TESTED_IN)
def test_a_file_calls_the_methods_that_it_tests(file):
    wanted = set(TESTED_IN[file].split())
    called = set(re.findall(r"\.(\w+)\(", (TESTS / file).read_text()))
    assert wanted - called == set()


def test_every_method_of_a_loop_is_tested_somewhere():
    named = [method for methods in TESTED_IN.values() for method in methods.split()]
    assert len(named) == len(set(named)), "a method is tested in one file above all"
    wanted = {name for name in dir(asyncio.AbstractEventLoop) if not name.startswith("_")}
    assert set(named) == wanted
