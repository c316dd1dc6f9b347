"""The loops that pytest-asyncio runs each test on: both, or the one of ``--loop``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncioxide
import pytest

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "asyncioxide": asyncioxide.new_event_loop,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--loop``."""
    parser.addoption("--loop", choices=LOOPS, help="run the tests on this loop alone")


def pytest_asyncio_loop_factories(
    config: pytest.Config,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tell pytest-asyncio: with several, each test runs once on each."""
    chosen = config.getoption("--loop")
    return {name: make for name, make in LOOPS.items() if chosen in (None, name)}
