"""What came of a call, in a form that two implementations can be compared by."""

from __future__ import annotations

import asyncio
import gc
import inspect
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_REPLACED = (
    (re.compile(r"0x[0-9a-f]+"), "0x"),
    (re.compile(r"fd=\d+"), "fd=N"),
    # Where a future was made: by asyncio's own Python code, or by native code.
    (re.compile(r"created at \S+:\d+"), "created at PLACE"),
    # The class that a method was found on: a base class of asyncio's, or a native one.
    (re.compile(r"\b\w+\.(\w+\(\))"), r"\1"),
    # Python counts self, native code does not.
    (re.compile(r"takes .*\d+ positional arguments?.* given"), "takes fewer arguments"),
)


def normalized(text: str) -> str:
    """Replaces what differs between two objects, or between Python and native code."""
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    return text


def shown(value: Any) -> str:
    """The name that a parameter gives to a test: its repr, but the same in every process."""
    return normalized(repr(value))


@dataclass(frozen=True)
class Outcome:
    """A value's class, or an exception's class and text."""

    raised: bool
    cls: type
    text: str = ""


def outcome(call: Callable[[], Any]) -> Outcome:
    """Calls, and says what came of it; a coroutine that comes back is closed."""
    try:
        value = call()
    except Exception as error:
        return Outcome(True, type(error), normalized(str(error)))
    if inspect.iscoroutine(value):
        value.close()
    return Outcome(False, type(value) if isinstance(value, (bool, int, str)) else object)


def run_outcome(loop: Any, call: Callable[[Any], Any]) -> Outcome:
    """What comes of a coroutine of the loop's.

    asyncio leaves some sockets to the collector when a call fails; its loop's warning is not the
    test's business.
    """
    if not isinstance(loop, asyncio.SelectorEventLoop):
        return outcome(lambda: loop.run_until_complete(call(loop)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        found = outcome(lambda: loop.run_until_complete(call(loop)))
        gc.collect()
    return found


def same_as_asyncio(loop: Any, call: Callable[[Any], Any]) -> Outcome:
    """Compares what comes of a coroutine on the loop and on a stock one."""
    found = run_outcome(loop, call)
    stock = asyncio.new_event_loop()
    try:
        expected = run_outcome(stock, call)
    finally:
        stock.close()
    assert found == expected
    return expected
