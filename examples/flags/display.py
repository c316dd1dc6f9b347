"""What the demo shows: a bar while the clients run, tables afterwards."""

from __future__ import annotations

from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from scoring import CLIENTS, Run, Scores


class Bar:
    """The progress of all runs together; where there is no terminal, a line for each run."""

    def __init__(self, runs: list[Run]) -> None:
        console = Console()
        self._lines = not console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=self._lines,
        )
        self._task = self._progress.add_task("", total=sum(run.weight for run in runs))
        self._done = 0.0

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def begin(self, run: Run) -> None:
        """Name the run that begins."""
        title = f"{run.client} on {run.loop}"
        if self._lines:
            print(title, flush=True)
        self._progress.update(self._task, description=title)

    def advance(self, run: Run, share: float) -> None:
        """Show that a share of a run is done."""
        self._progress.update(self._task, completed=self._done + run.weight * min(1.0, share))

    def end(self, run: Run) -> None:
        """Show that a run is over."""
        self._done += run.weight
        self._progress.update(self._task, completed=self._done)


def show(scores: Scores) -> None:
    """Print a table for each loop, and the comparison."""
    console = Console()
    for name in scores.loops:
        table = Table(title=f"{name}: 194 pictures behind 676 names", box=SIMPLE_HEAD)
        table.add_column("client")
        for heading in ("rounds", "pictures", "requests", "seconds", "pictures/s", "ratio"):
            table.add_column(heading, justify="right")
        for client in CLIENTS:
            score = scores[client, name]
            table.add_row(
                client,
                str(score.rounds),
                str(score.pictures),
                str(score.requests),
                f"{score.seconds:.2f}",
                f"{score.rate:.2f}",
                f"{scores.ratio(score):.1f}",
            )
        console.print(table)
    for line in scores.comparisons():
        console.print(line, highlight=False, soft_wrap=True)
