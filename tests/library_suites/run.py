"""Runs the test suites of libraries on stock asyncio and, after `asyncioxide.install()`, on ours.

Each suite is downloaded with pip when it is first needed and run twice. The exit status is 0 only
if no test fails on ours that does not fail on stock asyncio; differences.py has the exceptions and
their reasons. 2: a suite could not be had, or pytest did not get through it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import differences
import sources
import suite
from libraries import LIBRARIES, Library

COLUMNS = "{:12} {:>9} {:>7} {:>15} {:>14} {:>10} {:>9} {:>10} {:>13}"


def main(arguments: Sequence[str] | None = None) -> int:
    names = [library.name for library in LIBRARIES]
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__.splitlines()[0])
    parser.add_argument("libraries", nargs="*", help=f"which ones; all of them: {', '.join(names)}")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes a suite may take")
    options = parser.parse_args(arguments)
    if unknown := set(options.libraries) - set(names):
        parser.error(f"no library of the list: {', '.join(sorted(unknown))}")
    wanted = options.libraries or names
    compared: dict[Library, suite.Comparison] = {}
    problems: list[str] = []
    for library in LIBRARIES:
        if library.name not in wanted:
            continue
        print(f"{library.name} ...", flush=True, file=sys.stderr)
        try:
            folder = sources.unpacked(library)
            compared[library] = suite.compare(library, folder, options.jobs)
        except (LookupError, suite.SuiteError) as error:
            problems.append(f"{library.name}: {error}")
    return report(compared, problems)


def report(compared: dict[Library, suite.Comparison], problems: list[str]) -> int:
    """Prints the table and the lists below it; gives the exit status."""
    heads = ("tests", "stock: failed", "ours: failed", "only ours", "unsteady", "on purpose")
    print(COLUMNS.format("library", "version", *heads, "seconds"))
    bugs: list[str] = []
    notes: list[str] = []
    for library, found in compared.items():
        expected = {test: differences.reason(library.name, test) for test in found.only_ours}
        own = [test for test, why in expected.items() if why is None]
        bugs += (f"{library.name}: {test}" for test in own)
        notes += remarks(library, found, expected)
        print(row(library, found, len(own)))
    for title, lines in (("notes", notes), ("fails only on ours", bugs), ("not run", problems)):
        if lines:
            print(f"\n{title}:", *lines, sep="\n  ")
    return 1 if bugs else 2 if problems else 0


def row(library: Library, found: suite.Comparison, own: int) -> str:
    return COLUMNS.format(
        library.name,
        library.version,
        len(found.stock.outcomes),
        len(found.stock.failed()),
        len(found.ours.failed()),
        own,
        len(found.unsteady),
        len(found.only_ours) - own,
        f"{found.stock.seconds:.0f} + {found.ours.seconds:.0f}",
    )


def remarks(
    library: Library, found: suite.Comparison, expected: dict[str, str | None]
) -> Iterator[str]:
    for test, why in expected.items():
        if why is not None:
            yield f"{library.name}: {test}: {why}"
    for test in found.unsteady:
        yield f"{library.name}: {test}: passed when it was run again"


if __name__ == "__main__":
    sys.exit(main())
