"""Failures on ours alone that are no bugs: what they test, docs/design.md says is different.

The names are patterns of fnmatch; each has its reason.
"""

from __future__ import annotations

import fnmatch

PATCHED_CLASS = "patches asyncio.Transport, from which our transports do not derive"
SOCKET_SUBCLASS = "counts the calls of a subclass of socket, whose descriptor our transports read"
SKIPPED_POLLS = "counts on a poll in every turn"
ALIAS = "compares a list of names, in which tornado's Future is an alias of asyncio's"

DIFFERENCES = {
    "tornado": {
        "api_test.py::APISnapshotTest::test_api_snapshot": ALIAS,
    },
    "websockets": {
        "tests/asyncio/test_connection.py::*::test_local_address": PATCHED_CLASS,
        "tests/asyncio/test_connection.py::*::test_remote_address": PATCHED_CLASS,
        "tests/legacy/test_client_server.py::*::test_explicit_socket": SOCKET_SUBCLASS,
        "tests/legacy/test_client_server.py::ClientServerTests::"
        "test_server_shuts_down_gracefully_during_connection_handling": SKIPPED_POLLS,
    },
}


def reason(library: str, test: str) -> str | None:
    """Says why this test of the library's may fail on ours, if it may."""
    for pattern, why in DIFFERENCES.get(library, {}).items():
        if fnmatch.fnmatchcase(test, pattern):
            return why
    return None
