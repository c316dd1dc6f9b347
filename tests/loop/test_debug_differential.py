"""Small programs in debug mode: the log and the warnings, word for word as on stock asyncio."""

from __future__ import annotations

import asyncio
import difflib
import re

import pytest
from harness import debug_kinds, debug_loop, debug_net
from harness.said import Said, said_by

PROGRAMS = [*debug_loop.PROGRAMS, *debug_net.PROGRAMS, *debug_kinds.PROGRAMS]


def without_inner_callbacks(said: list[Said]) -> list[Said]:
    """Where everything counts as slow, the loop's own callbacks differ and are left out."""
    return [
        each
        for each in said
        if not each[1].startswith("Executing")
        or re.search(r"/debug_\w+\.py:\d+", created_cut(each[1]))
    ]


def created_cut(text: str) -> str:
    return re.sub(r"created at [^ ]*", "", text)


def alike(expected: Said, found: Said) -> bool:
    """Where asyncio names a place inside itself, ours names the user's line that led there."""
    if expected == found:
        return True
    if "created elsewhere" not in expected[1]:
        return False
    parts = [re.split(r" created (?:elsewhere|at /[^ >]*)", said[1]) for said in (expected, found)]
    places = [
        re.findall(r" created (?:elsewhere|at /[^ >]*)", said[1]) for said in (expected, found)
    ]
    same_places = len(places[0]) == len(places[1]) and all(
        first in (second, " created elsewhere") for first, second in zip(*places, strict=True)
    )
    return (
        expected[0] == found[0]
        and without_source(parts[0]) == without_source(parts[1])
        and same_places
    )


def without_source(parts: list[str]) -> list[str]:
    return [re.sub(r"source_traceback: .*\n", "", part, flags=re.DOTALL) for part in parts]


@pytest.mark.only("asyncioxide")
@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: run.__name__)
def test_debug_mode_says_what_it_says_on_asyncio(run, loop_factory, captured_log):
    captured_log.expected = True
    expected = without_inner_callbacks(said_by(asyncio.SelectorEventLoop, run))
    assert expected, "a program that says nothing shows nothing"
    found = without_inner_callbacks(said_by(loop_factory, run))
    if len(found) != len(expected) or not all(map(alike, expected, found)):
        lines = [["\n".join(each) for each in said] for said in (expected, found)]
        pytest.fail("\n".join(difflib.ndiff(*lines)), pytrace=False)
