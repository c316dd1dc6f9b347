"""What of uvloop's own test suite is left out, and why.

The list is the same for every loop. Nothing is on it because a loop of ours fails it: a
test is here when it asks for something that is no part of asyncio.

    duplicate    the same test on stock asyncio
    libuv        tests libuv or what Cython makes
    uvloop-only  asks for a difference between uvloop and asyncio
    not-asyncio  stock asyncio, run in its place, fails the test too
    white-box    drives or asserts private attributes of uvloop's code
"""

from __future__ import annotations

from conformance.rules import Rule, rules

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
        "create_task(eager_start=...), which asyncio's loop has from 3.14 on",
        "test_base",
        "TestBaseUV.test_loop_create_task_eager_start",
        before=(3, 14),
    ),
    *rules(
        UVLOOP_ONLY,
        "the context that connection_lost() runs in; the test skips itself on asyncio",
        "test_context",
        """
        Test_UV_Context.test_create_server_manual_connection_lost
        Test_UV_Context.test_create_ssl_server_manual_connection_lost
        Test_UV_Context.test_start_tls
        """,
    ),
    *rules(
        WHITE_BOX,
        "the exact calls of os.pipe(), os.dup() and os.close() for a child process",
        "test_process",
        "Test_UV_Process.test_process_double_close",
    ),
    *rules(
        UVLOOP_ONLY,
        "the argument __uvloop_sleep_after_fork",
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
        "uvloop keeps SIGCHLD for itself",
        "test_signals",
        "Test_UV_Signals.test_signals_no_SIGCHLD",
    ),
    *rules(
        UVLOOP_ONLY,
        "the repr of uvloop's PseudoSocket",
        "test_sockets",
        "TestUVSockets.test_pseudosocket",
    ),
    *rules(
        UVLOOP_ONLY,
        "uvloop keeps a socket open that its user closes while an operation waits for it; in "
        "asyncio the operation waits for ever",
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
        "get_buffer() of a class that does not derive from BufferedProtocol",
        "test_tcp",
        """
        Test_UV_TCP.test_create_server_buffered_1
        Test_UV_TCP.test_create_server_buffered_2
        Test_UV_TCPSSL.test_start_tls_client_buf_proto_1
        """,
    ),
    *rules(
        UVLOOP_ONLY,
        "get_buffer() of a class that does not derive from BufferedProtocol",
        "test_unix",
        "Test_UV_Unix.test_epollhup",
    ),
    *rules(
        UVLOOP_ONLY,
        "get_extra_info('socket') is None after abort()",
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
        "create_datagram_endpoint(reuse_address=...), which asyncio lost in 3.11",
        "test_udp",
        "Test_UV_UDP.test_create_datagram_endpoint_reuse_address_*",
    ),
    *rules(
        UVLOOP_ONLY,
        "the text of an exception that asyncio words differently",
        "test_udp",
        "Test_UV_UDP.test_create_datagram_endpoint_wrong_sock",
    ),
    *rules(
        UVLOOP_ONLY,
        "sendto() to a host's name, which asyncio resolves",
        "test_udp",
        "Test_UV_UDP.test_udp_sendto_dns",
    ),
    *rules(
        NOT_ASYNCIO,
        "data after the other side's close_notify is an SSLError in asyncio",
        "test_tcp",
        "Test_UV_TCPSSL.test_bpo_39951_discard_trailing_data",
    ),
    *rules(
        NOT_ASYNCIO,
        "asyncio hands over what came with the handshake before start_tls() returns",
        "test_tcp",
        "Test_UV_TCPSSL.test_first_data_after_wakeup",
    ),
    *rules(
        NOT_ASYNCIO,
        "asyncio does not see that a connection ends while reading is paused",
        "test_tcp",
        """
        Test_UV_TCPSSL.test_shutdown_timeout_handler_not_set
        Test_UV_TCPSSL.test_shutdown_while_pause_reading
        """,
    ),
    *rules(
        NOT_ASYNCIO,
        "sendto() after connection_lost() is an AttributeError in asyncio",
        "test_udp",
        "Test_UV_UDP.test_send_after_close",
    ),
    *rules(
        NOT_ASYNCIO,
        "forks the test's process or links to its interpreter, which 3.15 does not bear",
        "test_executors",
        "TestUVExecutors.test_executors_process_pool_01",
        since=(3, 14),
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
        "starts a process by forkserver that does not find the test",
        "test_regr1",
        "TestIssue39Regr.test_issue39_regression",
        since=(3, 14),
    ),
    *rules(
        UVLOOP_ONLY,
        "create_unix_server(cleanup_socket=...), which asyncio's loop has from 3.13 on",
        "test_unix",
        "Test_UV_Unix.test_create_unix_server_path_stream_bittype",
        before=(3, 13),
    ),
]
