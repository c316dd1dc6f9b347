"""What is tested: a cache in front of something slow, which asks for each key once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """Keeps what ``fetch`` gives. Who asks for a key on its way waits for it with the others."""

    def __init__(
        self, fetch: Callable[[Key], Awaitable[Value]], *, timeout_s: float = 10.0
    ) -> None:
        self._fetch = fetch
        self._timeout_s = timeout_s
        self._entries: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key) -> Value:
        """Give the value of a key; a failure is raised to all that wait for it, and not kept."""
        if key not in self._entries:
            self._entries[key] = asyncio.create_task(self._look_up(key))
        # One who is cancelled leaves the others their answer.
        return await asyncio.shield(self._entries[key])

    async def _look_up(self, key: Key) -> Value:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._fetch(key)
        except BaseException:
            del self._entries[key]
            raise

    async def close(self) -> None:
        """Give up what is on its way."""
        tasks = list(self._entries.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._entries.clear()
