"""A generator that may delegate to native coroutines.

The interpreter lets ``yield from`` enter an ``async def`` coroutine only where the generator's code
is marked (``CO_ITERABLE_COROUTINE``), as `types.coroutine` marks it. Generators that come out of a
plain function were made before anybody could mark them.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Generator
from types import CodeType, FunctionType, GeneratorType
from typing import Any, TypeVar

_T = TypeVar("_T")

ITERABLE_COROUTINE = 0x100


def marked(generator: GeneratorType[Any, Any, _T]) -> Generator[Any, Any, _T]:
    """Give the generator itself if it is marked or has begun, and otherwise a marked equal.

    A generator that has not begun is nothing but a function and its arguments, so the equal is made
    by calling a marked copy of the function. The original is closed then, which runs no code of it.
    """
    code: CodeType = generator.gi_code
    if code.co_flags & ITERABLE_COROUTINE or inspect.getgeneratorstate(generator) != "GEN_CREATED":
        return generator
    # The frame holds the function, and nothing but the collector gives it out.
    for function in gc.get_referents(generator):
        if type(function) is FunctionType and function.__code__ is code:
            equal = _called_again(generator, function)
            generator.close()
            return equal
    return generator


def _called_again(
    generator: GeneratorType[Any, Any, _T], function: Any
) -> GeneratorType[Any, Any, _T]:
    code = function.__code__
    copy = FunctionType(
        code.replace(co_flags=code.co_flags | ITERABLE_COROUTINE),
        function.__globals__,
        closure=function.__closure__,
    )
    frame = generator.gi_frame
    assert frame is not None, "a generator that has not begun has a frame"
    values = frame.f_locals
    last = code.co_argcount + code.co_kwonlyargcount
    positional = [values[name] for name in code.co_varnames[: code.co_argcount]]
    keywords = {name: values[name] for name in code.co_varnames[code.co_argcount : last]}
    if code.co_flags & inspect.CO_VARARGS:
        positional += values[code.co_varnames[last]]
        last += 1
    if code.co_flags & inspect.CO_VARKEYWORDS:
        keywords.update(values[code.co_varnames[last]])
    equal: GeneratorType[Any, Any, _T] = copy(*positional, **keywords)
    equal.__name__, equal.__qualname__ = generator.__name__, generator.__qualname__
    return equal
