"""What of uvloop's own test suite is left out, and why.

The list is the same for every loop, but that more is left out for stock asyncio in uvloop's
place. A test is here when it contradicts what asyncio documents, or what CPython's own suite
asks for, and its reason says what that is.

    duplicate    the same test on stock asyncio
    libuv        tests libuv or what Cython makes
    uvloop-only  asks for a difference between uvloop and asyncio
    not-asyncio  stock asyncio, run in its place, fails the test too
    white-box    drives or asserts private attributes of uvloop's code
"""

from __future__ import annotations

from conformance.rules import Rule, rules
from conformance.target import STOCK as STOCK_LOOP

DUPLICATE = "duplicate"
LIBUV = "libuv"
NOT_ASYNCIO = "not-asyncio"
UVLOOP_ONLY = "uvloop-only"
WHITE_BOX = "white-box"

MODULES: list[Rule] = [
    *rules(LIBUV, "the pointer to libuv's loop", "test_libuv_api", "*"),
    *rules(LIBUV, "a coroutine that Cython made", "test_cython", "*"),
    *rules(LIBUV, "loop._monitor_fs(), libuv's watcher of files", "test_fs_event", "*"),
    *rules(UVLOOP_ONLY, "flake8 and mypy over uvloop's sources", "test_sourcecode", "*"),
    *rules(UVLOOP_ONLY, "tests what the other tests derive from", "test_testbase", "*"),
]

TESTS: list[Rule] = [
    *rules(DUPLICATE, "the test on stock asyncio", "test_*", "Test*AIO*.*", certain=False),
    *rules(
        UVLOOP_ONLY,
        "for free-threaded builds, on which the loop it imports is named uvloop or asyncio",
        "test_base",
        "TestBaseUV.test_freethreading",
    ),
    *rules(
        UVLOOP_ONLY,
        "create_task(eager_start=...), an argument that 3.14 documents as new",
        "test_base",
        "TestBaseUV.test_loop_create_task_eager_start",
        before=(3, 14),
    ),
    *rules(
        UVLOOP_ONLY,
        "connection_lost() in the context of connection_made() though another one closed; "
        "call_soon(), by which asyncio calls it, is documented to take the current context",
        "test_context",
        """
        Test_UV_Context.test_create_server_manual_connection_lost
        Test_UV_Context.test_create_ssl_server_manual_connection_lost
        Test_UV_Context.test_start_tls
        """,
    ),
    *rules(
        WHITE_BOX,
        "the exact calls of os.pipe(), os.dup() and os.close() for a child process; asyncio's are "
        "documented to be those of subprocess.Popen",
        "test_process",
        "Test_UV_Process.test_process_double_close",
    ),
    *rules(
        UVLOOP_ONLY,
        "the argument __uvloop_sleep_after_fork; asyncio documents that arguments are Popen's",
        "test_process",
        "Test_UV_Process_Delayed.test_process_delayed_stdio__paused__*",
    ),
    *rules(
        UVLOOP_ONLY,
        "uvloop.run() refuses other loops",
        "test_runner",
        "TestSourceCode.test_uvloop_run_2",
    ),
    *rules(
        UVLOOP_ONLY,
        "add_signal_handler() refuses SIGCHLD; in asyncio SIGKILL and SIGSTOP alone are refused",
        "test_signals",
        "Test_UV_Signals.test_signals_no_SIGCHLD",
    ),
    *rules(
        UVLOOP_ONLY,
        "the repr of uvloop's PseudoSocket; asyncio's transports give a TransportSocket",
        "test_sockets",
        "TestUVSockets.test_pseudosocket",
    ),
    *rules(
        UVLOOP_ONLY,
        "uvloop keeps a socket open that its user closes while an operation waits for it; "
        "socket.close() is documented to close the descriptor unless makefile() shares it",
        "test_sockets",
        """
        TestUVSockets.test_socket_close_loop_and_close
        TestUVSockets.test_socket_connect_and_close
        TestUVSockets.test_socket_recv_and_close
        TestUVSockets.test_socket_recv_into_and_close
        """,
    ),
    *rules(
        LIBUV,
        "the descriptor of libuv's epoll",
        "test_sockets",
        "TestUVSockets.test_socket_sync_remove",
    ),
    *rules(
        UVLOOP_ONLY,
        "get_extra_info('socket') is None after abort(); asyncio documents a socket",
        "test_tcp",
        "Test_UV_TCP.test_tcp_handle_abort_in_connection_made",
    ),
    *rules(
        WHITE_BOX,
        "get_extra_info('uvloop.sslproto')",
        "test_tcp",
        "Test_UV_TCPSSL.test_flush_before_shutdown",
    ),
    *rules(
        UVLOOP_ONLY,
        "create_datagram_endpoint(reuse_address=...), documented as removed in 3.11",
        "test_udp",
        "Test_UV_UDP.test_create_datagram_endpoint_reuse_address_*",
    ),
    *rules(
        UVLOOP_ONLY,
        "a text of create_datagram_endpoint(); CPython's test_create_datagram_endpoint_wrong_sock "
        "asks for another one",
        "test_udp",
        "Test_UV_UDP.test_create_datagram_endpoint_wrong_sock",
    ),
    *rules(
        UVLOOP_ONLY,
        "sendto() refuses a host's name; socket.sendto(), which asyncio calls, resolves it",
        "test_udp",
        "Test_UV_UDP.test_udp_sendto_dns",
    ),
    *rules(
        NOT_ASYNCIO,
        "nothing is delivered before the caller of start_tls() runs; asyncio delivers what came "
        "with the handshake at once",
        "test_tcp",
        "Test_UV_TCPSSL.test_first_data_after_wakeup",
    ),
    *rules(
        NOT_ASYNCIO,
        "starts a link to the interpreter, which some builds of it do not bear",
        "test_process",
        "Test_UV_Process.test_process_executable_1",
        since=(3, 14),
    ),
    *rules(
        NOT_ASYNCIO,
        "ten processes have to start and end within 5 s, which those of forkserver, the default "
        "since 3.14, hardly do",
        "test_regr1",
        "TestIssue39Regr.test_issue39_regression",
        since=(3, 14),
    ),
    *rules(
        UVLOOP_ONLY,
        "wraps what get_buffer() raises; the transport is closed with the exception itself in "
        "CPython's test_fatal_error",
        "test_tcp",
        "Test_UV_TCP.test_create_server_buffered_2",
    ),
    *rules(
        UVLOOP_ONLY,
        "drops what came while reading was paused; resume_reading() is documented to bring it",
        "test_tcp",
        "Test_UV_TCPSSL.test_shutdown_timeout_handler_not_set",
    ),
    *rules(
        UVLOOP_ONLY,
        "create_unix_server(cleanup_socket=...), an argument that 3.13 documents as new",
        "test_unix",
        "Test_UV_Unix.test_create_unix_server_path_stream_bittype",
        before=(3, 13),
    ),
    *rules(
        UVLOOP_ONLY,
        "Server.wait_closed() waits for the connections, which 3.12 documents as new",
        "test_unix",
        "Test_UV_Unix.test_epollhup",
        before=(3, 12),
    ),
]

# What stock asyncio fails when it runs in uvloop's place, beyond what every loop is spared.
STOCK: list[Rule] = [
    *rules(
        NOT_ASYNCIO,
        "a protocol with get_buffer() that is no BufferedProtocol is an AttributeError",
        "test_tcp",
        """
        Test_UV_TCP.test_create_server_buffered_1
        Test_UV_TCPSSL.test_start_tls_client_buf_proto_1
        """,
    ),
    *rules(
        NOT_ASYNCIO,
        "a protocol with get_buffer() that is no BufferedProtocol is an AttributeError",
        "test_unix",
        "Test_UV_Unix.test_epollhup",
    ),
    *rules(
        NOT_ASYNCIO,
        "data that crosses this side's close_notify is an SSLError",
        "test_tcp",
        """
        Test_UV_TCPSSL.test_bpo_39951_discard_trailing_data
        Test_UV_TCPSSL.test_shutdown_while_pause_reading
        """,
    ),
    *rules(
        NOT_ASYNCIO,
        "sendto() after connection_lost() is an AttributeError",
        "test_udp",
        "Test_UV_UDP.test_send_after_close",
    ),
]


def tests_left_out(loop: str) -> list[Rule]:
    """The rules for a run on `loop`, as the command line names it."""
    return [*TESTS, *STOCK] if loop == STOCK_LOOP else TESTS
