"""`Task` with what it has lost since: generators, ``current_task`` and ``all_tasks``."""

import asyncio
import reprlib
from asyncio import base_tasks
from asyncio.tasks import _CTask as _StockTask  # type: ignore[attr-defined]
from collections.abc import Coroutine
from types import GeneratorType
from typing import TYPE_CHECKING, Any, TypeVar

from .. import _asyncioxide
from . import events
from .futures import InstancesOfStock

_T = TypeVar("_T")

if TYPE_CHECKING:

    class Task(asyncio.Task[_T]):
        """The class below, for type checkers."""

        def __init__(
            self, coro: Any, *, loop: asyncio.AbstractEventLoop | None = None, **keywords: Any
        ) -> None: ...
        @classmethod
        def current_task(
            cls, loop: asyncio.AbstractEventLoop | None = None
        ) -> asyncio.Task[Any] | None: ...
        @classmethod
        def all_tasks(
            cls, loop: asyncio.AbstractEventLoop | None = None
        ) -> set[asyncio.Task[Any]]: ...

else:

    class Task(_asyncioxide.Task, metaclass=InstancesOfStock):
        """A coroutine, native or generator-based, that a loop runs. See :class:`asyncio.Task`.

        loop: the loop that runs it; by default what `get_event_loop` gives, which makes one in the
        main thread.
        """

        _stock = _StockTask
        _drives_generators = True

        def __init__(self, coro, *, loop=None, **keywords):
            loop = events.get_event_loop() if loop is None else loop
            super().__init__(coro, loop=loop, **keywords)

        @property
        def __class__(self):
            # For asyncio's own isinstance checks.
            return _StockTask if type(self) is Task else type(self)

        @reprlib.recursive_repr()
        def __repr__(self):
            return base_tasks._task_repr(_Shown(self))

        @classmethod
        def current_task(cls, loop=None):
            """Return the task that the loop is running, or None.

            loop: by default what `get_event_loop` gives.
            """
            return asyncio.current_task(events.get_event_loop() if loop is None else loop)

        @classmethod
        def all_tasks(cls, loop=None):
            """Return the set of a loop's tasks that are not done.

            loop: by default what `get_event_loop` gives.
            """
            return asyncio.all_tasks(events.get_event_loop() if loop is None else loop)


class _Shown:
    """A task for asyncio's repr, which since Python 3.12 refuses generators."""

    def __init__(self, task: Any) -> None:
        self._task = task

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._task.__class__

    @property
    def _coro(self) -> Any:
        coro = self._task._coro
        return _ShownGenerator(coro) if isinstance(coro, GeneratorType) else coro

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)


@Coroutine.register
class _ShownGenerator:
    def __init__(self, generator: Any) -> None:
        self.__qualname__ = generator.__qualname__
        self._generator = generator

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator, name)
