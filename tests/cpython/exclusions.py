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
        "a mock in asyncio.staggered.staggered_race(), a private function",
        "test_base_events",
        "BaseEventLoopWithSelectorTests.test_create_connection_happy_eyeballs_empty_exceptions",
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
        "a mock in loop._start_serving, without which mock sockets would be watched",
        "test_events",
        "*EventLoopTests.test_create_server_multiple_hosts_ipv[46]",
    ),
]

_TASKS: list[Rule] = [
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
]

_UNIX_EVENTS: list[Rule] = [
    *rules(
        WHITE_BOX,
        "calls loop._check_signal() or _handle_signal()",
        "test_unix_events",
        """
        SelectorEventLoopSignalTests.test_check_signal
        SelectorEventLoopSignalTests.test_handle_signal_*
        """,
    ),
    *rules(
        WHITE_BOX,
        "counts the calls of a mock signal.set_wakeup_fd(), as many as the stock loop makes",
        "test_unix_events",
        """
        SelectorEventLoopSignalTests.test_add_signal_handler_install_error3
        SelectorEventLoopSignalTests.test_close
        """,
    ),
    *rules(
        WHITE_BOX,
        "reads the callbacks of loop._selector; test_sendfile has the public method",
        "test_unix_events",
        """
        SelectorEventLoopUnixSockSendfileTests.test_sock_sendfile_blocking_error
        SelectorEventLoopUnixSockSendfileTests.test_sock_sendfile_cancel[12]
        SelectorEventLoopUnixSockSendfileTests.test_sock_sendfile_exception
        SelectorEventLoopUnixSockSendfileTests.test_sock_sendfile_os_error_*_call
        """,
    ),
    *rules(
        STOCK_ONLY,
        "waits for the private child watcher to call a mock os.waitpid()",
        "test_unix_events",
        "PidfdChildWatcherTests.test_pidfd_closed_when_waitpid_raises",
        certain=False,
    ),
    *rules(
        STOCK_ONLY,
        "drives the private classes _UnixReadPipeTransport and _UnixWritePipeTransport",
        "test_unix_events",
        "UnixReadPipeTransportTests.*",
        "UnixWritePipeTransportTests.*",
    ),
]

TESTS: list[Rule] = [*_BASE_EVENTS, *_EVENTS, *_TASKS, *_STREAMS, *_SUBPROCESS, *_UNIX_EVENTS]

# What is left out without --namespace alone.
LOOP: list[Rule] = [
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

# What is left out with --namespace alone.
NAMESPACE: list[Rule] = [
    *rules(
        WHITE_BOX,
        "names the frames of asyncio's own coroutines, such as _wait() and TaskGroup._aexit()",
        "test_graph",
        """
        TestCallStackC.test_stack_as_completed
        TestCallStackC.test_stack_as_completed_timeout
        TestCallStackC.test_stack_tgroup
        TestCallStackC.test_stack_wait
        TestCallStackC.test_stack_wait_for_non_positive_timeout
        """,
        since=(3, 14),
        certain=False,
    ),
    *rules(
        WHITE_BOX,
        "a pure-Python Task, and its current_task() in asyncio.tasks for TaskGroup to ask",
        "test_eager_task_factory",
        "*EagerPyTaskTests.test_recursive_taskgroups",
        since=(3, 14),
    ),
]


def tests_left_out(*, namespace: bool) -> list[Rule]:
    return [*NAMESPACE, *TESTS] if namespace else [*LOOP, *TESTS]
