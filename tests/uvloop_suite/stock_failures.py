"""The tests of uvloop that stock asyncio fails, in some or all of its versions.

They say nothing against another loop, so they are no exclusions; the list serves the
check of the runner, `run.py --loop stock`, and nothing else.
"""

from __future__ import annotations

from conformance.rules import Rule, needs

TESTS: list[Rule] = [
    *needs(
        "TLS that stock asyncio does not have",
        "test_tcp",
        """
        Test_UV_TCPSSL.test_bpo_39951_discard_trailing_data
        Test_UV_TCPSSL.test_first_data_after_wakeup
        Test_UV_TCPSSL.test_shutdown_while_pause_reading
        """,
        certain=False,
    ),
    *needs(
        "TLS that stock asyncio does not have",
        "test_tcp",
        "Test_UV_TCPSSL.test_shutdown_timeout_handler_not_set",
        certain=False,
        hangs=True,
    ),
    *needs(
        "a warning where stock asyncio raises AttributeError",
        "test_udp",
        "Test_UV_UDP.test_send_after_close",
        certain=False,
    ),
]
