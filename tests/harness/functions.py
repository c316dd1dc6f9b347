"""asyncio's functions over futures and tasks: the standard library's, and the native ones.

Both kinds work on every loop, so a test that takes `aio` (tests/tasks/conftest.py) runs with both
on each.
"""

from __future__ import annotations

import asyncio
import types
from typing import Any

KINDS = ("stdlib", "native")


def functions(kind: str) -> Any:
    """The namespace of asyncio, with native functions in place of stdlib's where asked for."""
    if kind == "stdlib":
        return asyncio
    from asyncioxide import _asyncioxide

    public = {name: value for name, value in vars(asyncio).items() if not name.startswith("__")}
    native = {name: getattr(_asyncioxide, name) for name in public if hasattr(_asyncioxide, name)}
    return types.SimpleNamespace(**{**public, **native})
