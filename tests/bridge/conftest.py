"""Fixtures of the tests of the bridge: the extension that they await."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="session")
def rust() -> ModuleType:
    """`tests/bridge/extension`, as `make test-bridge` has built it."""
    return importlib.import_module("bridge_tests")


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What sys.unraisablehook was told, each as "Type: text"."""
    seen: list[str] = []

    def hook(report: Any) -> None:
        seen.append(f"{report.exc_type.__name__}: {report.exc_value}")

    monkeypatch.setattr(sys, "unraisablehook", hook)
    yield seen
    seen.clear()
