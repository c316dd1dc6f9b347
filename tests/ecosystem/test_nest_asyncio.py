"""nest_asyncio, which wants pure-Python tasks and the stock loop's _run_once, is refused."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("nest_asyncio")

PROGRAM = """
import asyncio, asyncioxide, nest_asyncio
loop = asyncioxide.new_event_loop()
try:
    nest_asyncio.apply(loop)
except ValueError as error:
    print(error)
assert loop.run_until_complete(asyncio.sleep(0, "runs on")) == "runs on"
loop.close()
stock = asyncio.SelectorEventLoop()
async def main():
    return stock.run_until_complete(asyncio.sleep(0, "nested"))
nest_asyncio.apply(stock)
print(stock.run_until_complete(main()))
stock.close()
"""


def test_says_so_itself_and_leaves_the_stock_loop_alone():
    # It patches asyncio for good, so it is done elsewhere.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)
    assert done.stderr == ""
    refusal = "Can't patch loop of type <class 'asyncioxide.unix_events.EventLoop'>"
    assert done.stdout == f"{refusal}\nnested\n"
