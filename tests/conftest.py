"""Fixtures of the behaviour tests: which loop, and the check that nothing leaks.

A test that takes `loop_factory`, `loop`, `names` or `loop_kind` runs once per
implementation. An `async def` test runs on `loop`.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from harness.leaks import Snapshot
from harness.loops import KINDS, ORDERING_KINDS, Library, TrackedFactory, library
from harness.processes import children

# What a finished test leaves running must end within so many turns of the loop.
GRACE_TURNS = 10

_failed = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Undoes what a shell without job control does to programs in the background.

    It starts them with SIGINT ignored, and `remove_signal_handler` would not bring that back.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "loop_kind" not in metafunc.fixturenames:
        return
    only = metafunc.definition.get_closest_marker("only")
    ordering = metafunc.definition.get_closest_marker("ordering")
    kinds = only.args if only else ORDERING_KINDS if ordering else KINDS
    metafunc.parametrize("loop_kind", kinds)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Hides what is alive by now from the collector: the leak check gets fast."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs an `async def` test to its end on the loop that its fixtures made."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    if "loop" not in arguments:
        raise pytest.UsageError("an async test must take the loop fixture")
    arguments["loop"].run_until_complete(pyfuncitem.obj(**arguments))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


@pytest.fixture(autouse=True)
def nothing_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set up first and torn down last: fails a passing test that left something."""
    if "loop_kind" not in request.fixturenames:
        yield
        return
    library(request.getfixturevalue("loop_kind"))
    before = Snapshot()
    yield
    if request.node.stash.get(_failed, False):
        return
    # pytest keeps the fixtures' values until the test is over; they are not leaks.
    request.node.funcargs.clear()
    left = before.differences()
    # It has just collected: what is alive now belongs to pytest or to a cache. Every test after
    # this one would look through it again, and the more there is, the longer.
    gc.freeze()
    if left:
        pytest.fail("left behind: " + "; ".join(left), pytrace=False)


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    """Fails a test that leaves a process, dead or alive: those after it count their own."""
    before = children()
    yield
    left = children() - before
    if left:
        pytest.fail(f"left behind: processes {sorted(left)}", pytrace=False)


class LogRecords(logging.Filter):
    """Takes what the `asyncio` logger says; `expected` once a test asks to see it.

    A filter that lets nothing pass, and not a handler: pytest's own handlers
    would keep every record, and with it the frames of its traceback.
    """

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.expected = False
        self._messages: list[tuple[int, str]] = []

    def filter(self, record: logging.LogRecord) -> bool:
        # Formatted at once, as a handler would: the arguments may change later.
        self._messages.append((record.levelno, record.getMessage()))
        self.records.append(record)
        return False

    def messages(self, level: int = logging.WARNING) -> list[str]:
        return [text for number, text in self._messages if number >= level]


@pytest.fixture
def captured_log() -> Iterator[LogRecords]:
    """Fails a test during which the loop complained and nobody asked to see it."""
    logger = logging.getLogger("asyncio")
    captured = LogRecords()
    level = logger.level
    logger.addFilter(captured)
    logger.setLevel(logging.DEBUG)
    yield captured
    logger.removeFilter(captured)
    logger.setLevel(level)
    unseen = [] if captured.expected else captured.messages()
    captured.records.clear()
    if unseen:
        pytest.fail("logged: " + "\n".join(unseen), pytrace=False)


@pytest.fixture
def log(captured_log: LogRecords) -> LogRecords:
    """The records of the `asyncio` logger, for tests that expect some."""
    captured_log.expected = True
    return captured_log


@pytest.fixture
def names(loop_kind: str) -> Library:
    """The public names of the implementation under test."""
    return library(loop_kind)


@pytest.fixture
def loop_factory(names: Library, captured_log: LogRecords) -> Iterator[TrackedFactory]:
    """Makes loops of the implementation under test; all must be closed by the end."""
    factory = TrackedFactory(names.new_event_loop)
    yield factory
    for made in factory.alive():
        if not made.is_closed():
            made.close()
            pytest.fail(f"loop left open: {made!r}", pytrace=False)


@pytest.fixture
def loop(loop_factory: TrackedFactory) -> Iterator[asyncio.AbstractEventLoop]:
    """One loop, not running; closed at the end, when no task may be left."""
    made = loop_factory()
    yield made
    if made.is_closed():
        return
    try:
        made.run_until_complete(made.shutdown_asyncgens())
        made.run_until_complete(made.shutdown_default_executor())
        # Tasks that are about to end, such as handlers of connections just closed, may.
        for _ in range(GRACE_TURNS):
            made.call_soon(made.stop)
            made.run_forever()
        left = asyncio.all_tasks(made)
    finally:
        made.close()
    if left:
        pytest.fail(f"tasks left: {left!r}", pytrace=False)


@pytest.fixture
def reports(loop: asyncio.AbstractEventLoop) -> Iterator[list[dict[str, Any]]]:
    """What the loop's exception handler is called with, in order."""
    seen: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: seen.append(context))
    yield seen
    seen.clear()
    # A destroyed task that was reported, and so kept, goes before the loop is asked for its tasks.
    gc.collect()
    if not loop.is_closed():
        loop.set_exception_handler(None)
