"""What of CPython's test.test_asyncio is left out, and why.

The list is the same for every loop. Nothing is on it because a loop fails it: a test is
here when it cannot tell anything about a loop other than the stock one.

    white-box   drives or asserts private attributes of the stock Python code
    c-only      asks for what C code records for the C Task and Future only, so that asyncio's
                pure-Python ones fail it as well; test_call_graph.py shows it for each
    stock-only  drives a private class of the stock loop, often with mocks: its transports for
                Windows and for pipes, SSLProtocol, BaseSubprocessTransport, child watchers
    platform    not for Linux
"""

from __future__ import annotations

from conformance.rules import Rule, rules

WHITE_BOX = "white-box"
C_ONLY = "c-only"
STOCK_ONLY = "stock-only"
PLATFORM = "platform"

MODULES: list[Rule] = [
    *rules(PLATFORM, "Windows only", "test_windows_events", "*"),
    *rules(PLATFORM, "Windows only", "test_windows_utils", "*"),
    *rules(
        STOCK_ONLY,
        "drives proactor_events.py, the transports for Windows, with mocks",
        "test_proactor_events",
        "*",
    ),
    *rules(
        WHITE_BOX,
        "drives selector_events.py with a mock selector, mock sockets and the loop's table of fds",
        "test_selector_events",
        "*",
    ),
]

_BASE_EVENTS: list[Rule] = [
    *rules(WHITE_BOX, "base_events._ipaddr_info()", "test_base_events", "BaseEventTests.*"),
    *rules(WHITE_BOX, "base_events._set_nodelay()", "test_base_events", "TestSelectorUtils.*"),
    *rules(
        WHITE_BOX,
        "BaseSelectorEventLoop._sock_sendfile_native and _fallback; test_sendfile has the rest",
        "test_base_events",
        "BaseLoopSockSendfileTests.*",
    ),
    *rules(
        WHITE_BOX,
        "the abstract methods of BaseEventLoop that make transports and wait",
        "test_base_events",
        "BaseEventLoopTests.test_not_implemented",
    ),
    *rules(
        WHITE_BOX,
        "reads or fills loop._ready, _scheduled and _timer_cancelled_count",
        "test_base_events",
        """
        BaseEventLoopTests.test__add_callback_*
        BaseEventLoopTests.test__run_once*
        BaseEventLoopTests.test_call_soon
        BaseEventLoopTests.test_call_later
        """,
    ),
    *rules(
        WHITE_BOX,
        "finds the executor in loop._default_executor",
        "test_base_events",
        "BaseEventLoopTests.test_set_default_executor",
    ),
    *rules(
        WHITE_BOX,
        "asserts what a mock in loop._selector was called with, or returns events from it",
        "test_base_events",
        """
        BaseEventLoopTests.test_run_forever_pre_stopped
        BaseEventLoopTests.test_single_selecter_event_callback_after_stopping
        """,
    ),
    *rules(
        WHITE_BOX,
        "builds a loop of its own from _run_forever_setup, _run_once and _run_forever_cleanup",
        "test_base_events",
        "BaseEventLoopTests.test_custom_run_forever_integration",
        since=(3, 13),
    ),
    *rules(
        WHITE_BOX,
        "replaces asyncio.base_events.socket by a mock, which only that module can see",
        "test_base_events",
        """
        BaseEventLoopWithSelectorTests.test_create_connection_multiple_errors
        BaseEventLoopWithSelectorTests.test_create_connection_timeout
        BaseEventLoopWithSelectorTests.test_create_connection_multiple_errors_local_addr
        BaseEventLoopWithSelectorTests.test_create_connection_ipv6_scope
        BaseEventLoopWithSelectorTests.test_create_connection_ip_addr
        BaseEventLoopWithSelectorTests.test_create_connection_no_inet_pton
        BaseEventLoopWithSelectorTests.test_create_connection_service_name
        BaseEventLoopWithSelectorTests.test_create_connection_bluetooth
        BaseEventLoopWithSelectorTests.test_create_server_nosoreuseport
        BaseEventLoopWithSelectorTests.test_create_server_soreuseport_only_defined
        BaseEventLoopWithSelectorTests.test_create_server_cant_bind
        """,
    ),
    *rules(
        WHITE_BOX,
        "puts mocks in place of the loop's own getaddrinfo and sock_connect, and relies on "
        "the other methods to call them through the loop",
        "test_base_events",
        """
        BaseEventLoopWithSelectorTests.test_create_connection_no_getaddrinfo
        BaseEventLoopWithSelectorTests.test_create_connection_connect_err
        BaseEventLoopWithSelectorTests.test_create_connection_multiple
        BaseEventLoopWithSelectorTests.test_create_connection_no_local_addr
        BaseEventLoopWithSelectorTests.test_create_server_empty_host
        BaseEventLoopWithSelectorTests.test_create_server_no_getaddrinfo
        """,
    ),
    *rules(
        WHITE_BOX,
        "replaces asyncio.base_events.socket by a mock, which only that module can see",
        "test_base_events",
        """
        BaseEventLoopWithSelectorTests.test_create_connection_happy_eyeballs_empty_exceptions
        BaseEventLoopWithSelectorTests.test_create_connection_transport_error_closes_sock
        BaseEventLoopTests.test_create_connection_happy_eyeballs
        BaseEventLoopTests.test_create_connection_happy_eyeballs_ipv4_only
        """,
        certain=False,
    ),
    *rules(
        WHITE_BOX,
        "puts a mock in place of the loop's own sock_connect",
        "test_base_events",
        "BaseEventLoopWithSelectorTests.test_create_connection_connect_non_os_err_close_err",
        certain=False,
    ),
    *rules(
        WHITE_BOX,
        "a mock in loop._make_ssl_transport",
        "test_base_events",
        "BaseEventLoopWithSelectorTests.test_create_connection_ssl_server_hostname_default",
    ),
    *rules(
        WHITE_BOX,
        "calls loop._accept_connection()",
        "test_base_events",
        "BaseEventLoopWithSelectorTests.test_accept_connection_*",
    ),
]

_EVENTS: list[Rule] = [
    *rules(
        WHITE_BOX,
        "counts the calls of loop._run_once",
        "test_events",
        "*EventLoopTests.test_timeout_rounding",
    ),
    *rules(
        WHITE_BOX,
        "mocks in loop._start_serving, _stop_serving and asyncio.base_events.socket",
        "test_events",
        "*EventLoopTests.test_create_server_multiple_hosts_ipv[46]",
    ),
    *rules(
        WHITE_BOX,
        "ends with loop._stop_serving()",
        "test_events",
        "*EventLoopTests.test_prompt_cancellation",
    ),
    *rules(
        WHITE_BOX,
        "assigns transport._pipe",
        "test_events",
        "*EventLoopTests.test_unclosed_pipe_transport",
    ),
    *rules(
        STOCK_ONLY,
        "the pure-Python get_running_loop() and Task in place of asyncio's",
        "test_events",
        "TestPyGetEventLoop.*",
    ),
]

_TASKS: list[Rule] = [
    *rules(
        WHITE_BOX,
        "a mock in BaseEventLoop.call_exception_handler",
        "test_tasks",
        "*GatherTests.test_issue46672",
    ),
    *rules(
        STOCK_ONLY,
        "functions that register any object, with mocks",
        "test_tasks",
        "CIntrospectionTests.*",
        "PyIntrospectionTests.*",
    ),
    *rules(
        STOCK_ONLY,
        "another interpreter, with _asyncio._swap_current_task()",
        "test_eager_task_factory",
        "*EagerTaskFactoryLoopTests.test_issue105987",
    ),
    *rules(
        STOCK_ONLY,
        "the pure-Python Task and current_task() in place of asyncio's; a loop that makes "
        "its own tasks is not seen by them",
        "test_free_threading",
        "TestPyFreeThreading.*",
        "TestEagerPyFreeThreading.*",
    ),
    *rules(
        STOCK_ONLY,
        "the pure-Python Task and call graph in place of asyncio's; a loop that makes its "
        "own tasks is not seen by them",
        "test_graph",
        "TestCallStackPy.*",
    ),
    *rules(
        C_ONLY,
        "asyncio.future_add_to_awaited_by(), which gather(), TaskGroup and the like call, "
        "passes over all futures but the C one",
        "test_graph",
        """
        TestCallStackC.test_stack_as_completed
        TestCallStackC.test_stack_as_completed_timeout
        TestCallStackC.test_stack_gather
        TestCallStackC.test_stack_shield
        TestCallStackC.test_stack_tgroup
        TestCallStackC.test_stack_timeout
        TestCallStackC.test_stack_wait
        TestCallStackC.test_stack_wait_for_non_positive_timeout
        """,
        since=(3, 14),
        certain=False,
    ),
    *rules(
        C_ONLY,
        "a C future knows the C tasks that wait for it",
        "test_graph",
        "TestCallStackC.test_stack_future",
        since=(3, 14),
    ),
]

_STREAMS: list[Rule] = [
    *rules(
        WHITE_BOX,
        "reads transport._ssl_protocol",
        "test_server_context",
        "AsyncioEventLoopSSLTests.test_gh140947",
        since=(3, 15),
    ),
    *rules(
        WHITE_BOX,
        "calls Server._attach() and _detach() by hand",
        "test_server",
        "TestServer2.test_wait_closed_*",
        since=(3, 12),
        before=(3, 13),
    ),
    *rules(PLATFORM, "Windows only", "test_server", "ProactorStartServerTests.*"),
    *rules(PLATFORM, "Windows only", "test_buffered_proto", "BufferedProtocolProactorTests.*"),
    *rules(PLATFORM, "Windows only", "test_sslproto", "ProactorStartTLSTests.*"),
    *rules(
        STOCK_ONLY,
        "drives sslproto.SSLProtocol with mock transports",
        "test_sslproto",
        "SslProtoHandshakeTests.*",
    ),
    *rules(
        STOCK_ONLY,
        "protocols._feed_data_to_buffered_proto()",
        "test_sslproto",
        "SelectorStartTLSTests.test_buf_feed_data",
    ),
    *rules(
        WHITE_BOX,
        "swaps the private socket below writer.transport._ssl_protocol._transport",
        "test_ssl",
        "TestSSL.test_remote_shutdown_receives_trailing_data_on_slow_socket",
        certain=False,
    ),
    *rules(
        WHITE_BOX,
        "patches sslproto.SSLProtocol",
        "test_sslproto",
        "SelectorStartTLSTests.test_create_connection_ssl_failed_certificate_no_cycles",
        certain=False,
    ),
]

_SUBPROCESS: list[Rule] = [
    *rules(
        STOCK_ONLY,
        "drives BaseSubprocessTransport with a mock process",
        "test_subprocess",
        "SubprocessTransportTests.*",
    ),
    *rules(
        STOCK_ONLY,
        "a stock child watcher warns that it is deprecated",
        "test_subprocess",
        "MultiLoopChildWatcherTests.*",
        since=(3, 12),
        before=(3, 14),
    ),
    *rules(
        STOCK_ONLY,
        "asserts what a mock child watcher was called with, or sets one",
        "test_subprocess",
        "GenericWatcherTests.test_create_subprocess_fails_with_inactive_watcher",
        before=(3, 14),
    ),
    *rules(
        STOCK_ONLY,
        "asserts what a mock child watcher was called with, or sets one",
        "test_subprocess",
        "GenericWatcherTests.test_create_subprocess_with_pidfd",
        since=(3, 12),
        before=(3, 14),
    ),
    *rules(
        WHITE_BOX,
        "reads loop._watcher",
        "test_subprocess",
        "Subprocess*WatcherTests.test_watcher_implementation",
        since=(3, 14),
    ),
    *rules(
        WHITE_BOX,
        "reads loop._watcher",
        "test_subprocess",
        "SubprocessThreadedWatcherTests.test_pid_not_reaped_before_exit_published",
        certain=False,
    ),
    *rules(
        WHITE_BOX,
        "a mock in subprocess.Popen",
        "test_subprocess",
        "SubprocessThreadedWatcherTests.test_popen_error*",
    ),
    *rules(
        WHITE_BOX,
        "puts mocks in place of a pipe transport's methods",
        "test_subprocess",
        "SubprocessThreadedWatcherTests.test_pause_reading",
    ),
    *rules(
        WHITE_BOX,
        "patches the transport class, or reads the watcher's table of callbacks",
        "test_subprocess",
        "Subprocess*WatcherTests.test_close_kill_running",
        "Subprocess*WatcherTests.test_close_dont_kill_finished",
    ),
]

_UNIX_EVENTS: list[Rule] = [
    *rules(
        WHITE_BOX,
        "a mock in asyncio.unix_events.signal, loop._signal_handlers or _handle_signal; "
        "test_events has the public methods",
        "test_unix_events",
        """
        SelectorEventLoopSignalTests.test_check_signal
        SelectorEventLoopSignalTests.test_close*
        SelectorEventLoopSignalTests.test_handle_signal_*
        SelectorEventLoopSignalTests.test_remove_signal_handler*
        SelectorEventLoopSignalTests.test_add_signal_handler
        SelectorEventLoopSignalTests.test_add_signal_handler_setup_error
        SelectorEventLoopSignalTests.test_add_signal_handler_install_error*
        """,
    ),
    *rules(
        WHITE_BOX,
        "a mock in asyncio.unix_events.socket",
        "test_unix_events",
        "SelectorEventLoopUnixSocketTests.test_create_unix_server_bind_error",
    ),
    *rules(
        WHITE_BOX,
        "loop._sock_sendfile_native and loop._selector; test_sendfile has the public method",
        "test_unix_events",
        "SelectorEventLoopUnixSockSendfileTests.*",
    ),
    *rules(
        STOCK_ONLY,
        "drives the stock pipe transports with mocks",
        "test_unix_events",
        "UnixReadPipeTransportTests.*",
        "UnixWritePipeTransportTests.*",
    ),
    *rules(
        STOCK_ONLY,
        "stock child watchers, mostly with mocks",
        "test_unix_events",
        "*ChildWatcherTests.*",
    ),
    *rules(
        STOCK_ONLY,
        "how the stock policy handles child watchers",
        "test_unix_events",
        "PolicyTests.*",
        before=(3, 14),
    ),
]

TESTS: list[Rule] = [*_BASE_EVENTS, *_EVENTS, *_TASKS, *_STREAMS, *_SUBPROCESS, *_UNIX_EVENTS]
