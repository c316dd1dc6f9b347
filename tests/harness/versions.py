"""Which Python a test needs, and where stock asyncio cannot be the oracle."""

from __future__ import annotations

import sys

import pytest

from harness.loops import Library


def since(*version: int) -> pytest.MarkDecorator:
    """Marks a test of something that asyncio has had since this version."""
    name = ".".join(map(str, version))
    return pytest.mark.skipif(sys.version_info < version, reason=f"new in Python {name}")


def until(*version: int) -> pytest.MarkDecorator:
    """Marks a test of something that asyncio has lost in this version."""
    name = ".".join(map(str, version))
    return pytest.mark.skipif(sys.version_info >= version, reason=f"gone in Python {name}")


def skip_stock_bug(names: Library, wrong: bool, what: str) -> None:
    """Leaves stock asyncio out where its release is known to be wrong; ours must be right."""
    if names.is_stock and wrong:
        pytest.skip(f"stock asyncio of Python {sys.version.split()[0]}: {what}")
