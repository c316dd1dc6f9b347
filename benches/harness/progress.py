"""Shows how far a run is: a bar by rich on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import rich.progress

PAUSE_S = 15.0


class Progress(Protocol):
    """What a run tells while it lasts."""

    def step(self, text: str) -> None:
        """A measurement begins."""

    def say(self, text: str) -> None:
        """Something worth a line of its own happened."""


class LineProgress:
    """Lines on standard error, at most one every fifteen seconds."""

    def __init__(self, total: int) -> None:
        """For `total` measurements."""
        self._total = total
        self._done = 0
        self._next_line = time.monotonic()

    def step(self, text: str) -> None:
        """Prints the step if the last line is old enough."""
        if time.monotonic() >= self._next_line:
            self.say(f"[{self._done}/{self._total}] {text}")
            self._next_line = time.monotonic() + PAUSE_S
        self._done += 1

    def say(self, text: str) -> None:
        """Prints a line."""
        print(text, file=sys.stderr, flush=True)


@contextmanager
def progress(total: int) -> Iterator[Progress]:
    """The best there is for `total` measurements."""
    try:
        import rich.progress
    except ImportError:
        yield LineProgress(total)
        return
    console = rich.console.Console(stderr=True)
    if not console.is_terminal:
        yield LineProgress(total)
        return
    columns = (
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeRemainingColumn(),
        rich.progress.TextColumn("{task.description}"),
    )
    with rich.progress.Progress(*columns, console=console, transient=True) as display:
        yield _Bar(display, display.add_task("", total=total))


class _Bar:
    def __init__(self, display: "rich.progress.Progress", task: "rich.progress.TaskID") -> None:
        self._display = display
        self._task = task
        self._begun = False

    def step(self, text: str) -> None:
        self._display.update(self._task, advance=int(self._begun), description=text)
        self._begun = True

    def say(self, text: str) -> None:
        self._display.console.print(text, markup=False, highlight=False)
