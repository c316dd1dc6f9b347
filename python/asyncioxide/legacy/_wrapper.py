"""`CoroWrapper`: a generator-based coroutine in debug mode, which tells when nobody ran it."""

from __future__ import annotations

import asyncio
import inspect
import sys
import traceback
from asyncio import constants, format_helpers
from asyncio.log import logger
from collections.abc import Callable, Coroutine
from types import CodeType, FrameType, GeneratorType, TracebackType
from typing import Any

_stock: Any = asyncio.coroutines


class CoroWrapper(Coroutine[Any, Any, Any]):
    """What a ``@coroutine`` function returns in debug mode.

    It passes everything on to its generator. When it is destroyed and the generator has not begun,
    an error with the place where it was made goes to the log, as in Python 3.4 to 3.9.
    """

    def __init__(self, gen: GeneratorType[Any, Any, Any], func: Callable[..., Any]) -> None:
        self.gen = gen
        self.func = func
        self.__name__: str = getattr(func, "__name__", gen.__name__)
        self.__qualname__: str = getattr(func, "__qualname__", gen.__qualname__)
        # This frame and that of the function which wraps are not the user's.
        self._source_traceback = format_helpers.extract_stack(sys._getframe(2))

    def __repr__(self) -> str:
        made = self._source_traceback[-1]
        created = f"created at {made.filename}:{made.lineno}"
        return f"<{type(self).__name__} {self._description()}, {created}>"

    def _description(self) -> str:
        if inspect.isgeneratorfunction(self.func):
            return str(_stock._format_coroutine(self))
        source = format_helpers._get_function_source(self.func)
        state = "done" if self.gi_frame is None else "running"
        name = format_helpers._format_callback(self.func, (), {})
        return f"{name} {state}" + (", defined at {}:{}".format(*source) if source else "")

    def __iter__(self) -> CoroWrapper:
        return self

    def __await__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self.gen.send(None)

    def send(self, value: Any, /) -> Any:
        """Resume the generator with a value."""
        return self.gen.send(value)

    def throw(self, typ: Any, val: object = None, tb: TracebackType | None = None, /) -> Any:
        """Raise an exception where the generator waits."""
        if val is None and tb is None:
            return self.gen.throw(typ)
        # Three arguments are deprecated since Python 3.12.
        exception = val if isinstance(val, BaseException) else typ(*(() if val is None else (val,)))
        return self.gen.throw(exception.with_traceback(tb) if tb is not None else exception)

    def close(self) -> None:
        """Raise GeneratorExit where the generator waits."""
        self.gen.close()

    @property
    def gi_frame(self) -> FrameType | None:
        """The generator's frame; None once it is done."""
        return self.gen.gi_frame

    @property
    def gi_running(self) -> bool:
        """Whether the generator is executing."""
        return self.gen.gi_running

    @property
    def gi_code(self) -> CodeType:
        """The generator's code."""
        return self.gen.gi_code

    @property
    def gi_yieldfrom(self) -> Any:
        """What the generator waits for, or None."""
        return self.gen.gi_yieldfrom

    def __del__(self) -> None:
        gen = getattr(self, "gen", None)
        if gen is None or inspect.getgeneratorstate(gen) != "GEN_CREATED":
            return
        message = f"{self!r} was never yielded from"
        if self._source_traceback:
            lines = "".join(traceback.format_list(self._source_traceback)).rstrip()
            message += (
                "\nCoroutine object created at (most recent call last, truncated to "
                f"{constants.DEBUG_STACK_DEPTH} last lines):\n{lines}"
            )
        logger.error(message)
