"""Runs the test suites of libraries on stock asyncio and, after `asyncioxide.install()`, on ours.

Each suite is downloaded with pip when it is first needed and run twice. The exit status is 0 only
if no test fails on ours that does not fail on stock asyncio; differences.py has the exceptions and
their reasons. 2: a suite could not be had, or pytest did not get through it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

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
    heads = ("tests", "stock: failed", "ours: failed", "only ours", "unsteady", "on purpose")
    print(COLUMNS.format("library", "version", *heads, "seconds"), flush=True)
    findings = Findings()
    for library in LIBRARIES:
        if library.name not in wanted:
            continue
        try:
            folder = sources.unpacked(library)
            findings.add(library, suite.compare(library, folder, options.jobs))
        except (LookupError, suite.SuiteError) as error:
            findings.problems.append(f"{library.name}: {error}")
    return findings.conclude()


@dataclass
class Findings:
    """What is said below the table, line by line."""

    bugs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, library: Library, found: suite.Comparison) -> None:
        """Prints the library's row and keeps what is to be said later."""
        expected = {test: differences.reason(library.name, test) for test in found.only_ours}
        own = [test for test, why in expected.items() if why is None]
        self.bugs += (f"{library.name}: {test}" for test in own)
        self.notes += remarks(library, found, expected)
        print(row(library, found, len(own)), flush=True)

    def conclude(self) -> int:
        """Prints the lists; gives the exit status."""
        lists = {
            "notes": self.notes,
            "fails only on ours": self.bugs,
            "not run": self.problems,
        }
        for title, lines in lists.items():
            if lines:
                print(f"\n{title}:", *lines, sep="\n  ")
        return 1 if self.bugs else 2 if self.problems else 0


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
