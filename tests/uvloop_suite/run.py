"""Runs uvloop's own test suite against another event loop.

The suite is that of uvloop's source distribution, which is downloaded when it is first
needed. The exit status is 0 only if every test that applies passes. exclusions.py says
what is left out and why.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

import exclusions
import source
from conformance import session
from conformance.session import Suite
from conformance.target import LOOP_NAMES

HERE = Path(__file__).resolve().parent
PACKAGE = "tests"
UVLOOP = "uvloop"
EXAMPLES = """
examples:
  run.py                                everything, against asyncioxide
  run.py --module tcp --match '*.test_create_server*'
  run.py --loop uvloop                  the runner's own check: all must pass
  run.py --loop stock                   likewise
  run.py --list --module process        what would run, and what not and why
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="run.py",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    session.add_options(parser)
    group = parser.add_argument_group("of this suite")
    group.add_argument(
        "--folder", type=Path, metavar="DIR", help="uvloop's sources, if unpacked already"
    )
    options = parser.parse_args(arguments)
    try:
        folder = options.folder.resolve() if options.folder else source.unpacked()
    except LookupError as exc:
        print(exc, file=sys.stderr)
        return 2
    return session.main(options, lambda: suite(options, folder), folder=str(folder / PACKAGE))


def suite(options: argparse.Namespace, folder: Path) -> Suite:
    version = ".".join(map(str, sys.version_info[:3]))
    return Suite(
        title=f"uvloop {source.VERSION}'s tests, CPython {version}",
        package=PACKAGE,
        folder=folder / PACKAGE,
        worker=HERE / "worker.py",
        modules_left_out=exclusions.MODULES,
        tests_left_out=exclusions.tests_left_out(options.loop),
        env={} if options.loop == UVLOOP else _stand_in(options, folder),
    )


def _stand_in(options: argparse.Namespace, folder: Path) -> dict[str, str]:
    """The environment in which `import uvloop` finds the loop under test."""
    spec = LOOP_NAMES.get(options.loop, options.loop)
    return {
        # The second entry is for processes that a test starts by forkserver: they import it.
        "PYTHONPATH": os.pathsep.join([os.fspath(HERE / "stand_in"), os.fspath(folder)]),
        "UVLOOP_SUITE_LOOP": spec if ":" in spec else f"{spec}:new_event_loop",
        "UVLOOP_SUITE_POLL_EVERY_TURN": "1" if options.poll_every_turn else "",
        "UVLOOP_SUITE_TESTBASE": os.fspath(folder / "testbase"),
    }


if __name__ == "__main__":
    sys.exit(main())
