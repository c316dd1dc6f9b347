"""`run`, for coroutines of both kinds."""

import asyncio
from types import GeneratorType
from typing import Any

from . import events
from .coroutines import iscoroutine
from .tasks import _native

__all__ = ("Runner", "run")

Runner = asyncio.Runner


def run(main: Any, *, debug: bool | None = None) -> Any:
    """Run a coroutine, native or generator-based, on a new loop and return its result.

    debug: debug mode on or off; None leaves it as ``PYTHONASYNCIODEBUG`` says.

    The loop is the current one meanwhile, and there is none afterwards. Raises RuntimeError inside
    of a running loop, and ValueError for what is no coroutine. Follows :func:`asyncio.run`.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("asyncio.run() cannot be called from a running event loop")
    if not iscoroutine(main):
        raise ValueError(f"a coroutine was expected, got {main!r}")
    try:
        with asyncio.Runner(debug=debug, loop_factory=_current_loop) as runner:
            return runner.run(_native(main) if isinstance(main, GeneratorType) else main)
    finally:
        events.set_event_loop(None)


def _current_loop() -> asyncio.AbstractEventLoop:
    loop = events.new_event_loop()
    events.set_event_loop(loop)
    return loop


def __getattr__(name: str) -> Any:
    from .. import runners

    return getattr(runners, name)
