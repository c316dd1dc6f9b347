"""Turns results into tables of text, the same for the terminal and for Markdown."""

from dataclasses import dataclass, field

from harness.contenders import LIMIT, SUBJECT
from harness.machine import QUIET_LOAD
from harness.ratios import Ratio, geometric_mean
from harness.results import Line, Results
from harness.row import Judge

NOISY_SPREAD = 0.1
SHORT_REASON = 24
# Loops run different code in these, so they count in no mean but their own.
UNLIKE_GROUPS = {"native"}


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text under a title. The first column is text, the others are figures.

    The legend says what the rows are; the terminal leaves it to `--list`.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)
    legend: list[str] = field(default_factory=list)


def conditions(results: Results) -> list[str]:
    """Sentences about where and how the figures were made."""
    machine = results.machine
    enabled = ", --enable-optimizations" if machine.optimizations_enabled else ""
    loops = ", ".join(f"{loop.name} {loop.version}".strip() for loop in results.contenders)
    lines = [
        f"{machine.python} ({machine.compiler}{enabled}), {machine.libc}, {machine.kernel}",
        f"{machine.cpu}, cores: {machine.cores}",
        f"Loops: {loops}",
        f"Rounds: {results.rounds} of {results.rounds_wanted}, "
        f"{'quick counts, ' if results.quick else ''}{results.seconds:.0f} s, "
        f"load average {results.load_before:.2f} before, {results.load_after:.2f} after",
    ]
    lines += [f"Not compared: {name}: {reason}" for name, reason in results.missing.items()]
    lines += [f"Not measured: {name}: {reason}" for name, reason in results.skipped.items()]
    return lines


def warnings(results: Results) -> list[str]:
    """What makes the figures doubtful."""
    found = []
    if results.load_before > QUIET_LOAD:
        found.append(
            f"The load average was {results.load_before:.2f} at the start: the machine was not "
            "quiet, and these figures are no results."
        )
    if results.rounds < 5:
        found.append("Intervals from fewer than 5 rounds mean little.")
    if results.quick:
        found.append("A quick run tells large differences from none; quote full runs only.")
    return found


def all_tables(results: Results) -> list[Table]:
    """What a run prints."""
    groups = dict.fromkeys(line.group for line in results.lines)
    tables = [_group_table(results, group) for group in groups]
    if SUBJECT in results.names:
        tables.append(_subject_table(results))
    tables.append(_means_table(results, list(groups)))
    if results.failures():
        tables.append(_failures_table(results))
    return tables


def detail_table(results: Results) -> Table:
    """Every cell with all its figures."""
    columns = ["row / loop", "CPU", "wall", "spread", "vs uvloop", "vs asyncio", "peak MiB"]
    rows = []
    for line in results.lines:
        for name, cell in line.cells.items():
            label = f"{line.row.name} / {name}"
            if not cell.measured:
                rows.append([label, f"failed: {cell.failed}", *[""] * (len(columns) - 2)])
                continue
            rows.append([label, *_details(line, name)])
    notes = ["CPU and wall time per operation; spread: quartile distance / median of what decides."]
    return Table("All figures", columns, rows, notes)


def _details(line: Line, name: str) -> list[str]:
    cell = line.cells[name]
    return [
        duration(cell.rounds(Judge.CPU).median),
        duration(cell.rounds(Judge.WALL).median),
        f"{line.judged[name].spread:.0%}",
        interval(line.ratio(name, "uvloop")),
        interval(line.ratio(name, "asyncio")),
        f"{cell.peak_rss_bytes / 2**20:.0f}",
    ]


def _group_table(results: Results, group: str) -> Table:
    lines = [line for line in results.lines if line.group == group]
    judges = dict.fromkeys(line.row.judged_by for line in lines)
    names = [name for name in results.names if any(name in line.cells for line in lines)]
    rows = [[line.row.name, *[_cell_text(results, line, name) for name in names]] for line in lines]
    if Judge.BYTES in judges:
        reference = "share of stock asyncio's"
    else:
        reference = f"times less than {results.baseline}"
    notes = [f"In brackets: {reference}. ~: quartiles more than {NOISY_SPREAD:.0%} apart."]
    legend = [
        f"{line.row.name}: {line.row.what}; per {line.row.unit}, {line.operations} a measurement"
        for line in lines
    ]
    title = f"{group}: {', '.join(judge.value for judge in judges)}"
    return Table(title, ["row", *names], rows, notes, legend)


def _cell_text(results: Results, line: Line, name: str) -> str:
    cell = line.cells.get(name)
    if cell is None:
        return ""
    if not cell.measured:
        return f"failed: {shortened(cell.failed or 'not reached')}"
    judged = line.judged[name]
    noisy = "~" if judged.spread > NOISY_SPREAD else ""
    if line.row.judged_by is Judge.BYTES:
        ratio = line.ratio(name, "asyncio")
        share = f" ({1 / ratio.times:.2f})" if ratio else ""
        return f"{size(judged.median)}{noisy}{share}"
    ratio = line.ratio(name, results.baseline) if results.baseline else None
    times = f" ({ratio.times:.2f})" if ratio else ""
    return f"{duration(judged.median)}{noisy}{times}"


def _subject_table(results: Results) -> Table:
    columns = ["row", SUBJECT, "wall", "spread", "vs uvloop", "vs asyncio", "vs best peer", "limit"]
    rows = []
    for line in results.lines:
        cell = line.cells.get(SUBJECT)
        if cell is None:
            continue
        if not cell.measured:
            rows.append([line.row.name, f"failed: {cell.failed}", *[""] * (len(columns) - 2)])
            continue
        judged = line.judged[SUBJECT]
        peer = line.best_peer()
        against_peer = f"{peer} {interval(line.ratio(SUBJECT, peer))}" if peer else ""
        rows.append(
            [
                line.row.name,
                figure(line.row.judged_by, judged.median),
                duration(cell.rounds(Judge.WALL).median),
                f"{judged.spread:.0%}",
                interval(line.ratio(SUBJECT, "uvloop")),
                interval(line.ratio(SUBJECT, "asyncio")),
                against_peer,
                _share_of_limit(line),
            ]
        )
    notes = [
        "Ratios: how many times less asyncioxide costs, and the 95 % bootstrap interval of it.",
        "limit: what the bare work costs, as a share of what asyncioxide costs.",
    ]
    return Table(f"{SUBJECT} in detail", columns, rows, notes)


def _share_of_limit(line: Line) -> str:
    if LIMIT not in line.judged:
        return ""
    return f"{line.judged[LIMIT].median / line.judged[SUBJECT].median:.0%}"


def _means_table(results: Results, groups: list[str]) -> Table:
    baseline = results.baseline
    names = [name for name in results.names if name not in (baseline, LIMIT)]
    rows = [[group, *[_mean_text(results, name, {group}) for name in names]] for group in groups]
    like = set(groups) - UNLIKE_GROUPS
    if len(like) > 1:
        rows.append(["all but native", *[_mean_text(results, name, like) for name in names]])
    note = "In brackets: measured rows of all rows of the group, where some are missing."
    title = f"Geometric means of the ratios to {baseline}"
    return Table(title, ["group", *names], rows, [note])


def _mean_text(results: Results, name: str, groups: set[str]) -> str:
    lines = [line for line in results.lines if line.group in groups]
    found = [line.ratio(name, results.baseline) for line in lines] if results.baseline else []
    ratios = [ratio.times for ratio in found if ratio is not None]
    if not ratios:
        return "-"
    partial = f" ({len(ratios)}/{len(lines)})" if len(ratios) < len(lines) else ""
    return f"{geometric_mean(ratios):.2f}{partial}"


def _failures_table(results: Results) -> Table:
    rows = [[line.row.name, name, reason] for line, name, reason in results.failures()]
    return Table("Failed", ["row", "loop", "reason"], rows)


def figure(judge: Judge, value: float) -> str:
    """A deciding figure with its unit."""
    return size(value) if judge is Judge.BYTES else duration(value)


def size(value: float) -> str:
    """A number of bytes, not to be broken before its unit."""
    return f"{value:.0f}\N{NO-BREAK SPACE}B"


def duration(nanoseconds: float) -> str:
    """A time with three digits or so, not to be broken before its unit."""
    value, unit = (nanoseconds, "ns") if nanoseconds < 1000 else (nanoseconds / 1000, "µs")
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}\N{NO-BREAK SPACE}{unit}"


def interval(ratio: Ratio | None) -> str:
    """A ratio with its interval."""
    return f"{ratio.times:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio else "-"


def shortened(reason: str) -> str:
    """The beginning of a reason; the whole one stands in the table of failures."""
    return reason if len(reason) <= SHORT_REASON else reason[: SHORT_REASON - 1] + "…"
