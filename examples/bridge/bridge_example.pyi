"""The types of the extension; maturin puts this into the wheel."""

from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar, final

First = TypeVar("First")
Second = TypeVar("Second")

def sleep(seconds: float) -> Coroutine[Any, Any, None]: ...
def both(
    first: Awaitable[First], second: Awaitable[Second]
) -> Coroutine[Any, Any, tuple[First, Second]]: ...

@final
class Primes:
    def __new__(cls, count: int) -> Primes: ...
    def __aiter__(self) -> Primes: ...
    def __anext__(self) -> Coroutine[Any, Any, int]: ...
