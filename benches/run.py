"""Compares the event loops that are installed for the Python that runs this.

See README.md beside this file for what the figures mean.
"""

import argparse
import json
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path

from harness import loadgen, machine, markdown, plot
from harness.contenders import LIMIT, LOOPS, SUBJECT
from harness.installed import Contender, find
from harness.progress import progress
from harness.results import Cell, Line, Results
from harness.row import Row
from harness.tables import all_tables, conditions, warnings
from harness.terminal import print_tables
from harness.tournament import Schedule, Tournament
from rows import GROUPS

ROUNDS = 9
QUICK_ROUNDS = 5
QUICK_BUDGET_S = 165.0
TIMEOUT_S = 60.0
QUICK_TIMEOUT_S = 15.0

EPILOG = """\
Every loop is measured on every row, in fresh processes, in interleaved rounds. The exit status is
1 when asyncioxide is missing, or a row failed on it or on the limit, and 2 when the command line
is wrong. Ctrl-C ends the run after the last whole round and shows what there is.
"""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG)
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"small counts and up to {QUICK_ROUNDS} rounds within {QUICK_BUDGET_S:.0f} s",
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help=f"number of rounds (default: {ROUNDS})"
    )
    parser.add_argument(
        "--budget",
        type=float,
        metavar="SECONDS",
        help="begin no round that would probably end later than this (default: none)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help=f"give up a measurement after this (default: {TIMEOUT_S:.0f}, "
        f"quick: {QUICK_TIMEOUT_S:.0f})",
    )
    parser.add_argument(
        "--row",
        action="append",
        metavar="GLOB",
        help="only rows whose name or group/name matches; may be repeated",
    )
    parser.add_argument(
        "--loop",
        action="append",
        choices=[*LOOPS, LIMIT],
        help="only this loop; may be repeated (default: all that are installed, and the limit)",
    )
    parser.add_argument(
        "--loadgen", type=Path, metavar="FILE", help="a load generator that is built already"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write all tables")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the ratios")
    parser.add_argument("--list", action="store_true", help="list the rows and end")
    options = parser.parse_args(arguments)
    check(parser, options)
    return options


def check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuses now what would otherwise come out after the run."""
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds starts at 1")
    for path in (options.json, options.markdown, options.plot):
        if path is not None and not path.absolute().parent.is_dir():
            parser.error(f"there is no folder {path.parent}")
    if options.plot is not None and not plot.available():
        parser.error("--plot needs matplotlib")
    if not select_rows(options.row):
        parser.error("no row matches; --list shows them")


def select_rows(globs: list[str] | None) -> list[tuple[str, Row]]:
    """The rows asked for, with their groups."""
    return [
        (group, row)
        for group, rows in GROUPS.items()
        for row in rows
        if globs is None
        or any(
            fnmatchcase(name, glob) for glob in globs for name in (row.name, f"{group}/{row.name}")
        )
    ]


def find_contenders(wanted: list[str] | None) -> tuple[list[Contender], dict[str, str]]:
    """The loops that are there, and why the others are not."""
    contenders = []
    missing = {}
    for name in LOOPS:
        if wanted is not None and name not in wanted:
            continue
        try:
            contenders.append(find(name))
        except Exception as error:
            # A package that is installed and broken may raise anything.
            missing[name] = f"{type(error).__name__}: {error}"
    if wanted is None or LIMIT in wanted:
        contenders.append(Contender(LIMIT, ""))
    return contenders, missing


def importable(module: str) -> bool:
    """Whether a module that a row needs is there."""
    try:
        __import__(module)
    except ImportError:
        return False
    return True


def prepare(options: argparse.Namespace) -> Results:
    """Lays out the cells of the run."""
    contenders, missing = find_contenders(options.loop)
    lines = []
    skipped = {}
    for group, row in select_rows(options.row):
        absent = [module for module in row.needs if not importable(module)]
        if absent:
            skipped[row.name] = f"{', '.join(absent)} is not installed"
            continue
        names = [loop.name for loop in contenders if loop.name != LIMIT or row.has_limit]
        cells = {name: Cell() for name in names}
        lines.append(Line(group, row, row.operations(quick=options.quick), cells))
    return Results(
        machine=machine.describe(),
        contenders=contenders,
        missing=missing,
        lines=lines,
        skipped=skipped,
        quick=options.quick,
        rounds_wanted=options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS),
    )


def find_loadgen(options: argparse.Namespace, lines: list[Line]) -> Path | None:
    """Builds the load generator if a row needs it; without it those rows fail, and say why."""
    users = [line for line in lines if line.row.needs_loadgen]
    if not users:
        return None
    if options.loadgen is not None:
        return Path(options.loadgen).absolute()
    try:
        return loadgen.build()
    except loadgen.LoadError as error:
        for line in users:
            for cell in line.cells.values():
                cell.failed = str(error)
        return None


def run(options: argparse.Namespace) -> Results:
    """Measures everything."""
    results = prepare(options)
    binary = find_loadgen(options, results.lines)
    schedule = Schedule(
        rounds=results.rounds_wanted,
        timeout_s=options.timeout or (QUICK_TIMEOUT_S if options.quick else TIMEOUT_S),
        budget_s=options.budget or (QUICK_BUDGET_S if options.quick else None),
    )
    results.load_before = machine.load_average()
    if results.load_before > machine.QUIET_LOAD:
        print(f"The machine is not quiet: load {results.load_before:.2f}.", file=sys.stderr)
    start = time.monotonic()
    total = sum(len(line.cells) for line in results.lines) * schedule.rounds
    with progress(total) as display:
        results.rounds = Tournament(results.lines, schedule, binary, display).run()
    results.seconds = time.monotonic() - start
    results.load_after = machine.load_average()
    return results


def write(options: argparse.Namespace, results: Results) -> None:
    """Prints the tables and writes the files."""
    for line in [*conditions(results), *warnings(results)]:
        print(line)
    print_tables(all_tables(results))
    if options.json is not None:
        text = json.dumps(results.as_dict(), indent=1) + "\n"
        options.json.write_text(text, encoding="utf-8")
    if options.markdown is not None:
        options.markdown.write_text(markdown.document(results), encoding="utf-8")
    if options.plot is not None:
        plot.draw(results, options.plot)


def print_list() -> None:
    """Prints what can be measured."""
    for group, row in select_rows(None):
        print(f"{group}/{row.name}: {row.what}")
        print(f"    x{row.count}, judged by {row.judged_by.value}, per {row.unit}")


def main() -> int:
    """Does what the command line says."""
    options = parse(None)
    if options.list:
        print_list()
        return 0
    results = run(options)
    if not results.rounds:
        print("No round was finished.", file=sys.stderr)
        return 1
    write(options, results)
    broken = {name for _, name, _ in results.failures()} | results.missing.keys()
    return int(not broken.isdisjoint((SUBJECT, LIMIT)))


if __name__ == "__main__":
    sys.exit(main())
