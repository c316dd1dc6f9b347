"""The ways in which a program comes by a future or a task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from harness import functions
from harness.loops import Library
from harness.versions import since, until


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


@pytest.fixture
def native() -> Any:
    """The native functions, for tests that compare them with stdlib's themselves."""
    return functions.functions("native")


@pytest.fixture(params=["created", "C", pytest.param("Python", marks=until(3, 14)), "subclassed"])
def run_task(request: pytest.FixtureRequest, loop: Any, names: Library) -> Callable[..., Any]:
    """Makes tasks of the loop: its own, asyncio's two kinds, a Python subclass with a method.

    Since 3.14 `asyncio.current_task()` does not see those in Python.
    """
    if request.param == "created":
        return loop.create_task
    if request.param == "C":
        return lambda coro: asyncio.tasks._CTask(coro, loop=loop)
    if request.param == "Python":
        return lambda coro: asyncio.tasks._PyTask(coro, loop=loop)

    class Task(names.Task):
        def cancel(self, msg=None):
            self.was_cancelled = True
            return super().cancel(msg)

    return lambda coro: Task(coro, loop=loop)


@pytest.fixture(
    params=[
        "created",
        "C",
        pytest.param("Python", marks=until(3, 14)),
        pytest.param("eager", marks=since(3, 12)),
    ]
)
def member_kind(request: pytest.FixtureRequest, loop: Any) -> None:
    """Has the loop make the members of a group of each kind."""
    kind = request.param
    if kind == "created":
        return
    if kind == "eager":
        loop.set_task_factory(asyncio.eager_task_factory)
        return
    cls = asyncio.tasks._CTask if kind == "C" else asyncio.tasks._PyTask
    loop.set_task_factory(lambda loop, coro, **options: cls(coro, loop=loop, **options))
