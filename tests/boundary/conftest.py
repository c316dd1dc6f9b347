"""Fixtures of the tests of the boundary between Python and Rust."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What sys.unraisablehook was told, each as "Type: text"."""
    seen: list[str] = []

    def hook(report: Any) -> None:
        seen.append(f"{report.exc_type.__name__}: {report.exc_value}")

    monkeypatch.setattr(sys, "unraisablehook", hook)
    yield seen
    seen.clear()
