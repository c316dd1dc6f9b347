"""Whose primitives: the standard library's or the native ones."""

from __future__ import annotations

from typing import Any

import pytest
from harness import functions


@pytest.fixture(params=functions.KINDS)
def aio(request: pytest.FixtureRequest) -> Any:
    """asyncio's namespace: stdlib's, and with what is native in its place."""
    return functions.functions(request.param)


@pytest.fixture
def native() -> Any:
    return functions.functions("native")
