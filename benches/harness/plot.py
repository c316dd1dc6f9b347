"""Draws the ratios of a run: a bar for each loop on each row, on a logarithmic axis."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.contenders import LIMIT
from harness.results import Line, Results

COLORS = {
    "asyncio": "#9aa0a6",
    "uvloop": "#5b8db8",
    "rloop": "#c98a3b",
    "rsloop": "#8f6fb5",
    "zuvloop": "#5fa777",
    "asyncioxide": "#c0392b",
}
TICKS = (0.25, 0.5, 1, 2, 4, 8, 16, 32)
BAR_INCHES = 0.12


def available() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def draw(results: Results, path: Path) -> None:
    """Writes the picture; groups stand in two columns of about the same length."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    names = [name for name in results.names if name not in (results.baseline, LIMIT)]
    columns = [column for column in _columns(results) if column]
    longest = max(sum(len(lines) for lines in column) for column in columns)
    height = longest * (len(names) * BAR_INCHES + 0.12) + 1.6
    figure = pyplot.figure(figsize=(8.5 * len(columns), height), layout="constrained")
    figure.suptitle(
        f"Times less than {results.baseline}: {results.machine.python}, "
        f"medians of {results.rounds} rounds, lines: 95 % intervals, dots: limit"
    )
    subfigures = figure.subfigures(1, len(columns), squeeze=False)[0]
    for subfigure, column in zip(subfigures, columns, strict=True):
        filler = longest - sum(len(lines) for lines in column)
        heights = [len(lines) for lines in column] + ([filler] if filler else [])
        axes = subfigure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)
        for axis, lines in zip(axes[:, 0], column, strict=False):
            _draw_group(axis, results, lines, names)
        if filler:
            axes[-1, 0].set_axis_off()
    bars = [Patch(color=_color(name), label=name) for name in names]
    figure.legend(handles=bars, loc="outside lower center", ncols=len(bars))
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _columns(results: Results) -> list[list[list[Line]]]:
    groups: dict[str, list[Line]] = {}
    for line in results.lines:
        groups.setdefault(line.group, []).append(line)
    columns: list[list[list[Line]]] = [[], []]
    for lines in sorted(groups.values(), key=len, reverse=True):
        min(columns, key=lambda column: sum(map(len, column))).append(lines)
    return columns


def _draw_group(axis: Any, results: Results, lines: list[Line], names: list[str]) -> None:
    axis.set_title(f"{lines[0].group} ({lines[0].row.judged_by.value})", loc="left", fontsize=10)
    axis.set_xscale("log", base=2)
    axis.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axis.axvline(1, color="black", linewidth=0.8)
    axis.grid(axis="x", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    thickness = 0.86 / len(names)
    for index, name in enumerate(names):
        offset = (index - (len(names) - 1) / 2) * thickness
        _draw_bars(axis, results, lines, name, offset, thickness)
    for place, line in enumerate(lines):
        limit = line.ratio(LIMIT, results.baseline) if results.baseline else None
        if limit is not None:
            axis.plot(limit.times, place, "o", color="black", markersize=3)
    axis.set_yticks(range(len(lines)), [line.row.name for line in lines], fontsize=8)
    axis.set_ylim(len(lines) - 0.4, -0.6)


def _color(name: str) -> str:
    return COLORS.get(name, "#444444")


def _draw_bars(
    axis: Any, results: Results, lines: list[Line], name: str, offset: float, thickness: float
) -> None:
    if results.baseline is None:
        return
    places, widths, errors = [], [], []
    for place, line in enumerate(lines):
        ratio = line.ratio(name, results.baseline)
        if ratio is None:
            if name in line.cells and not line.cells[name].measured:
                axis.text(1, place + offset, f" {name} failed", fontsize=6, va="center")
            continue
        places.append(place + offset)
        widths.append(ratio.times)
        errors.append((max(ratio.times - ratio.low, 0), max(ratio.high - ratio.times, 0)))
    if not places:
        return
    # A bar begins at 1 and points to the side of the winner.
    axis.barh(
        places,
        [width - 1 for width in widths],
        left=1,
        height=thickness * 0.9,
        xerr=list(zip(*errors, strict=True)),
        error_kw={"elinewidth": 0.7, "ecolor": "#333333"},
        color=_color(name),
    )
