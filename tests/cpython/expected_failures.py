"""The tests of CPython that cannot pass on asyncioxide yet, each with the missing part.

The list is strict: a test on it that passes is reported as a failure, and so is one that
crashes, or that hangs without being marked. It can only get shorter.
"""

from __future__ import annotations

from conformance.rules import Rule, needs

TLS = "TLS"
START_TLS = "TLS: start_tls"
UNIX_TLS = "Unix sockets with TLS"
UDP = "UDP"
CALL_GRAPH = "the call graph of tasks and futures"

GRAPH_TESTS = (
    "test_stack_as_completed",
    "test_stack_as_completed_timeout",
    "test_stack_future",
    "test_stack_gather",
    "test_stack_shield",
    "test_stack_tgroup",
    "test_stack_timeout",
    "test_stack_wait",
    "test_stack_wait_for_non_positive_timeout",
)


_BASE_EVENTS: list[Rule] = [
    *needs(
        UDP, "test_base_events", "BaseEventLoopWithSelectorTests.test_create_datagram_endpoint_*"
    ),
]

_EVENTS: list[Rule] = [
    *needs(
        TLS,
        "test_events",
        "EPollEventLoopTests.test_create_server_ssl*",
        "EPollEventLoopTests.test_create_ssl_connection",
    ),
    *needs(
        UNIX_TLS,
        "test_events",
        "EPollEventLoopTests.test_create_ssl_unix_connection",
        "EPollEventLoopTests.test_create_unix_server_ssl*",
    ),
    *needs(UDP, "test_events", "EPollEventLoopTests.test_create_datagram_endpoint*"),
    *needs(UDP, "test_events", "EPollEventLoopTests.test_datagram_*", certain=False),
    *needs(TLS, "test_events", "EPollEventLoopTests.test_ssl_connect_accepted_socket"),
]

_SERVERS_AND_STREAMS: list[Rule] = [
    *needs(TLS, "test_streams", "StreamTests.test_open_connection_no_loop_ssl"),
    *needs(START_TLS, "test_streams", "StreamTests.test_start_tls"),
    *needs(START_TLS, "test_streams", "StreamTests.test_start_tls_*", certain=False),
    *needs(UNIX_TLS, "test_streams", "StreamTests.test_open_unix_connection_no_loop_ssl"),
]

_TLS: list[Rule] = [
    *needs(TLS, "test_ssl", "TestSSL.test_connect_accepted_socket", hangs=True),
    *needs(
        START_TLS,
        "test_ssl",
        """
        TestSSL.test_start_tls_client_buf_proto_1
        TestSSL.test_start_tls_client_reg_proto_1
        TestSSL.test_start_tls_server_1
        TestSSL.test_start_tls_slow_client_cancel
        """,
        hangs=True,
    ),
    *needs(
        TLS,
        "test_ssl",
        """
        TestSSL.test_connect_timeout_warning
        TestSSL.test_create_*
        TestSSL.test_handshake_timeout_handler_leak
        TestSSL.test_shutdown_*
        TestSSL.test_ssl_handshake_*
        TestSSL.test_start_tls_client_corrupted_ssl
        """,
    ),
    *needs(
        START_TLS,
        "test_sslproto",
        """
        SelectorStartTLSTests.test_start_tls_client_buf_proto_1
        SelectorStartTLSTests.test_start_tls_client_reg_proto_1
        SelectorStartTLSTests.test_start_tls_server_1
        SelectorStartTLSTests.test_start_tls_slow_client_cancel
        """,
        hangs=True,
    ),
    *needs(
        TLS,
        "test_sslproto",
        """
        SelectorStartTLSTests.test_create_connection_*
        SelectorStartTLSTests.test_handshake_timeout
        SelectorStartTLSTests.test_start_tls_client_corrupted_ssl
        """,
    ),
    *needs(START_TLS, "test_sslproto", "SelectorStartTLSTests.test_start_tls_*"),
]

_REST: list[Rule] = [
    *needs(TLS, "test_sendfile", "EPollEventLoopTests.test_sendfile_ssl*"),
    *needs(UDP, "test_sendfile", "EPollEventLoopTests.test_sendfile_not_supported"),
    *needs(
        CALL_GRAPH,
        "test_graph",
        *(f"TestCallStackC.{name}" for name in GRAPH_TESTS),
        since=(3, 14),
    ),
]

TESTS: list[Rule] = [*_BASE_EVENTS, *_EVENTS, *_SERVERS_AND_STREAMS, *_TLS, *_REST]
