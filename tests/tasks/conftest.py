"""The ways in which a program comes by a future or a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from harness import functions
from harness.loops import Library


@pytest.fixture(params=["created", "constructed", "subclassed"])
def make_future(request: pytest.FixtureRequest, loop: Any, names: Library) -> Callable[[], Any]:
    """Makes futures of the loop: by the loop, by the class, by a Python subclass."""
    if request.param == "created":
        return loop.create_future

    if request.param == "constructed":
        return lambda: names.Future(loop=loop)

    class Future(names.Future):
        pass

    return lambda: Future(loop=loop)


@pytest.fixture(params=["created", "constructed", "subclassed"])
def make_task(request: pytest.FixtureRequest, loop: Any, names: Library) -> Callable[..., Any]:
    """Makes tasks of the loop: by the loop, by the class, by a Python subclass."""
    if request.param == "created":
        return loop.create_task

    if request.param == "constructed":
        return lambda coro, **options: names.Task(coro, loop=loop, **options)

    class Task(names.Task):
        pass

    return lambda coro, **options: Task(coro, loop=loop, **options)


@pytest.fixture(params=functions.KINDS)
def aio(request: pytest.FixtureRequest) -> Any:
    """The functions of asyncio: stdlib's, and the native ones."""
    return functions.functions(request.param)
