"""Notices what a loop reports to its exception handler, so that a broken row is not a fast row."""

import asyncio
from typing import Any


class Complaints:
    """Collects the loop's reports from its creation on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Takes the place of the loop's exception handler."""
        self._first: str | None = None
        loop.set_exception_handler(self._note)

    def _note(self, *arguments: Any) -> None:
        # asyncio gives the loop and the context; rloop 0.5 gives the context alone.
        context: dict[str, Any] = arguments[-1]
        error = context.get("exception")
        detail = f" ({type(error).__name__}: {error})" if error is not None else ""
        self._first = self._first or f"{context.get('message')}{detail}"

    def raise_first(self) -> None:
        """Fails the measurement if there was a report."""
        if self._first is not None:
            raise RuntimeError(f"reported to the exception handler: {self._first}")
