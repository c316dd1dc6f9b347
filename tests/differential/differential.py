"""Runs random programs over asyncio's primitives on stock asyncio and on asyncioxide, and compares
what they did turn by turn.

A difference is shown with the smallest program found that has it; `--only NUMBER` with the same
seed runs that program again. The exit status is 0 if there was none, 1 if there was one, 2 if the
arguments are wrong.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

import compare
import grammar

# How many programs a worker is given at a time.
BATCH = 250
# Enough to see what they have in common.
SHOWN = 5


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    begin = time.monotonic()
    shown = failed = done = 0
    for count, reports in outcomes(options):
        done += count
        failed += len(reports)
        for report in reports[: SHOWN - shown]:
            print(report, end="\n\n", flush=True)
            shown += 1
        show_progress(done, options.programs, failed, time.monotonic() - begin)
    print(
        f"{done} programs with seed {options.seed} on Python {sys.version.split()[0]}: "
        f"{failed} differences"
    )
    return 1 if failed else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="differential.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--programs", type=positive, default=100_000, metavar="N", help="how many (default 100000)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of all of them (default 1)"
    )
    parser.add_argument("--first", type=int, default=0, metavar="N", help="begin with this number")
    parser.add_argument("--only", type=int, metavar="N", help="run the program of this number")
    parser.add_argument(
        "--jobs", type=positive, default=2, metavar="N", help="processes at a time (default 2)"
    )
    options = parser.parse_args(arguments)
    if options.only is not None:
        options.first, options.programs = options.only, 1
    return options


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def outcomes(options: argparse.Namespace) -> Iterator[tuple[int, list[str]]]:
    """For each batch that is over, how many programs it had and what differed."""
    last = options.first + options.programs
    starts = range(options.first, last, BATCH)
    with concurrent.futures.ProcessPoolExecutor(
        min(options.jobs, len(starts)), multiprocessing.get_context("spawn")
    ) as pool:
        pending = [
            pool.submit(batch, options.seed, start, min(start + BATCH, last)) for start in starts
        ]
        for future in concurrent.futures.as_completed(pending):
            yield future.result()


def batch(seed: int, start: int, end: int) -> tuple[int, list[str]]:
    among = compare.contenders()
    reports: list[str] = []
    for number in range(start, end):
        for difference in compare.differences(grammar.program(seed, number), among):
            told = str(difference.shrunk()) if len(reports) < SHOWN else ""
            reports.append(f"program {number} (--seed {seed} --only {number}): {told}")
    return end - start, reports


def show_progress(done: int, total: int, failed: int, seconds: float) -> None:
    """One line, rewritten on a terminal; elsewhere one for each tenth."""
    line = f"{done}/{total} programs, {failed} differences, {seconds:.0f} s"
    if sys.stderr.isatty():
        print(f"\r{line}", end="" if done < total else "\n", file=sys.stderr, flush=True)
    elif done * 10 // total > (done - BATCH) * 10 // total:
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
