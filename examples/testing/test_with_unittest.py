"""Tests with ``unittest.IsolatedAsyncioTestCase``, each on a loop of its own.

    python examples/testing/test_with_unittest.py --loop asyncio --verbose

The test case makes its loop through asyncio. ``asyncioxide.install()`` before the run is therefore
all it takes to have every test on asyncioxide, on each version of Python; from Python 3.13 on the
class attribute ``loop_factory`` does it for a single class.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import unittest

from cache import Cache
from source import Source


class CacheTest(unittest.IsolatedAsyncioTestCase):
    """The setup, each test and the cleanup run in one task, one after the other."""

    async def asyncSetUp(self) -> None:
        self.source = Source()
        self.cache = Cache(self.source.fetch)
        self.addAsyncCleanup(self.cache.close)

    async def test_asks_once_for_all_that_wait(self) -> None:
        waiting = [asyncio.create_task(self.cache.get("a")) for _ in range(100)]
        await asyncio.sleep(0)
        self.source.open.set()
        self.assertEqual(await asyncio.gather(*waiting), ["A"] * 100)
        self.assertEqual(self.source.asked, ["a"])

    async def test_failure_reaches_all_and_is_not_kept(self) -> None:
        self.source.open.set()
        self.source.failure = LookupError("no such key")
        both = await asyncio.gather(
            self.cache.get("a"), self.cache.get("a"), return_exceptions=True
        )
        self.assertEqual(both, [self.source.failure] * 2)
        self.source.failure = None
        self.assertEqual(await self.cache.get("a"), "A")

    async def test_who_leaves_does_not_disturb_the_others(self) -> None:
        impatient, patient = (asyncio.create_task(self.cache.get("a")) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        self.source.open.set()
        self.assertEqual(await patient, "A")
        self.assertTrue(impatient.cancelled())

    async def test_source_that_never_answers_is_given_up(self) -> None:
        with self.assertRaises(TimeoutError):
            await Cache(self.source.fetch, timeout_s=0.01).get("a")

    async def test_runs_on_the_chosen_loop(self) -> None:
        self.assertEqual(type(asyncio.get_running_loop()).__module__.partition(".")[0], loop_name)


loop_name = "asyncio"


def main() -> None:
    """Run the tests, with what ``unittest`` takes on the command line and ``--loop``."""
    global loop_name
    parser = argparse.ArgumentParser(
        description="Tests with IsolatedAsyncioTestCase.",
        epilog="All else is for unittest; `-- --help` shows its options.",
    )
    parser.add_argument(
        "--loop",
        choices=("asyncioxide", "asyncio"),
        default="asyncioxide",
        help="whose event loop runs the tests (%(default)s)",
    )
    arguments, others = parser.parse_known_args()
    loop_name = arguments.loop
    if loop_name == "asyncioxide":
        import asyncioxide

        asyncioxide.install()
    unittest.main(argv=[sys.argv[0], *(word for word in others if word != "--")])


if __name__ == "__main__":
    main()
