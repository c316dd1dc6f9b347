"""Runs CPython's own asyncio tests, those of the interpreter that runs this file, against
an event loop and, as one more parametrisation, against a Task and a Future.

The exit status is 0 only if every test that applies passes and every expected failure
fails. README.md says what is re-pointed at the loop; exclusions.py and
expected_failures.py say what is left out and what cannot pass yet, and why.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

import exclusions
import expected_failures
from conformance import session
from conformance.session import OURS, Suite
from seams import SUITE

NONE = "none"
WORKER = Path(__file__).resolve().with_name("worker.py")
EXAMPLES = """
examples:
  run.py                                        everything, against asyncioxide
  run.py --module tasks --module futures        two modules
  run.py --module streams --match '*.test_read*'
  run.py --namespace                            asyncio is asyncioxide in the tests
  run.py --loop stock                           the runner's own check: all must pass
  run.py --loop stock --task asyncio.tasks:_PyTask --future asyncio.futures:_PyFuture
  run.py --list --module events                 what would run, and what not and why
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    ours = options.loop == OURS and not options.namespace
    return session.main(
        options,
        lambda: suite(options.package, namespace=options.namespace),
        task=_class_option(options.task, f"{OURS}:Task" if ours else None),
        future=_class_option(options.future, f"{OURS}:Future" if ours else None),
        namespace=options.namespace,
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.py",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    session.add_options(parser)
    group = parser.add_argument_group("of this suite")
    group.add_argument(
        "--namespace",
        action="store_true",
        help="let asyncio and its modules mean asyncioxide's in the tests; adds no test classes",
    )
    group.add_argument(
        "--task",
        metavar="MODULE:NAME",
        help="the Task for the added Oxide* test classes; 'none' adds none "
        "(default: asyncioxide:Task with --loop asyncioxide, else none)",
    )
    group.add_argument("--future", metavar="MODULE:NAME", help="likewise the Future")
    group.add_argument(
        "--package",
        default=SUITE,
        metavar="NAME",
        help=f"the package that holds the test modules (default {SUITE})",
    )
    options = parser.parse_args(arguments)
    if options.namespace and (options.loop != OURS or options.poll_every_turn):
        parser.error("the loops of --namespace are those that asyncioxide makes by default")
    return options


def suite(package: str, *, namespace: bool = False) -> Suite:
    locations = session.spec_of(package).submodule_search_locations
    if not locations:
        raise LookupError(f"{package} is not a package")
    version = ".".join(map(str, sys.version_info[:3]))
    return Suite(
        title=f"CPython {version} {package}" + (", asyncio is asyncioxide" if namespace else ""),
        package=package,
        folder=Path(next(iter(locations))),
        worker=WORKER,
        modules_left_out=exclusions.MODULES,
        tests_left_out=exclusions.tests_left_out(namespace=namespace),
        expected_failures=expected_failures.NAMESPACE if namespace else expected_failures.TESTS,
        checks_rules=package == SUITE,
    )


def _class_option(given: str | None, default: str | None) -> str | None:
    if given == NONE:
        return None
    return given or default


if __name__ == "__main__":
    sys.exit(main())
