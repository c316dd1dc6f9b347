"""What the crawler shows: two bars while it asks, a table afterwards."""

from __future__ import annotations

from collections import Counter
from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

SHOWN = 8


class Display:
    """The progress of the crawl; nothing moves where there is no terminal."""

    def __init__(self) -> None:
        self._console = Console()
        self._progress = Progress(
            TextColumn("{task.description:<14}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._bars = {
            what: self._progress.add_task(what, total=0) for what in ("repositories", "people")
        }
        self._totals = Counter[str]()

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def found(self, what: str) -> None:
        """There is one more to ask for."""
        self._totals[what] += 1
        self._progress.update(self._bars[what], total=self._totals[what])

    def done(self, what: str) -> None:
        """One more has been answered."""
        self._progress.advance(self._bars[what])

    def show(
        self,
        names: dict[str, str],
        commits: Counter[str],
        repositories: Counter[str],
        requests: Counter[str],
    ) -> None:
        """Print those who contribute most, and what it took to know."""
        table = Table(
            title=f"{len(names)} people, {sum(commits.values())} contributions", box=SIMPLE_HEAD
        )
        table.add_column("login")
        table.add_column("name")
        for heading in ("repositories", "contributions"):
            table.add_column(heading, justify="right")
        ranking = sorted(commits, key=lambda login: (-commits[login], login))
        for login in ranking[:SHOWN]:
            row = (login, names[login], str(repositories[login]), str(commits[login]))
            table.add_row(*row)
        self._console.print(table)
        line = ", ".join(f"{name}: {requests[name]}" for name in COUNTED)
        self._console.print(line, highlight=False, soft_wrap=True)


COUNTED = ("requests", "most at once", "tried again", "rested")
