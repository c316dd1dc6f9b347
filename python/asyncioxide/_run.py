"""Running a program on asyncioxide's loop."""

import asyncio
import sys
from asyncio import runners
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from ._policy import new_event_loop

_T = TypeVar("_T")
_stock: Any = runners

if TYPE_CHECKING:
    from asyncio import Runner
else:

    class Runner(runners.Runner):
        """Runs coroutines one after another on one loop. See :class:`asyncio.Runner`.

        debug: debug mode on or off; None leaves it as ``PYTHONASYNCIODEBUG`` says.
        loop_factory: makes the loop. Without one it is asyncioxide's and, as asyncio has it, the
        current loop of the thread until the runner is closed.
        """

        def _lazy_init(self):
            if self._loop_factory is not None or self._state is not _stock._State.CREATED:
                super()._lazy_init()
                return
            loop = new_event_loop()
            if not self._set_event_loop:
                asyncio.set_event_loop(loop)
                self._set_event_loop = True
            self._loop_factory = lambda: loop
            try:
                super()._lazy_init()
            finally:
                self._loop_factory = None


def _run(main: Any, debug: bool | None, loop_factory: Any) -> Any:
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("asyncio.run() cannot be called from a running event loop")
    with Runner(debug=debug, loop_factory=loop_factory) as runner:
        return runner.run(main)


if sys.version_info >= (3, 12):

    def run(
        main: Coroutine[Any, Any, _T],
        *,
        debug: bool | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> _T:
        """Run a coroutine on a new asyncioxide loop and return its result.

        Like :func:`asyncio.run`: cancels the tasks that remain, shuts down asynchronous generators
        and the default executor, closes the loop. Raises what the coroutine raises, and
        RuntimeError where a loop is running in this thread.

        debug: debug mode on or off; None leaves it as ``PYTHONASYNCIODEBUG`` says.
        loop_factory: makes another loop than asyncioxide's.
        """
        result: _T = _run(main, debug, loop_factory)
        return result
else:

    def run(main: Coroutine[Any, Any, _T], *, debug: bool | None = None) -> _T:
        """Run a coroutine on a new asyncioxide loop and return its result.

        Like :func:`asyncio.run`: cancels the tasks that remain, shuts down asynchronous generators
        and the default executor, closes the loop. Raises what the coroutine raises, and
        RuntimeError where a loop is running in this thread.

        debug: debug mode on or off; None leaves it as ``PYTHONASYNCIODEBUG`` says.
        """
        result: _T = _run(main, debug, None)
        return result
