"""What the tests put behind the cache: a source that answers when the test says so."""

from __future__ import annotations

import asyncio


class Source:
    """Counts what it is asked, and holds its answers back until ``open`` is set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.failure: Exception | None = None

    async def fetch(self, key: str) -> str:
        """Answer with the key in capitals, or fail as the test wants it to."""
        self.asked.append(key)
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return key.upper()
