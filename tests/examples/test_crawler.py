"""The example of a crawler: polite to a strict and moody API, on both loops, and complete."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from harness.examples import load

CRAWLER = Path(__file__).resolve().parents[2] / "examples" / "crawler"
END_LIMIT_S = 50
LOOPS = ("asyncio", "asyncioxide")


def run(*options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(CRAWLER / "crawl.py"), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=END_LIMIT_S)


def check_complete(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Compares the table with what the API knows: gives the counts below it."""
    world = load("crawler", "world")
    assert done.stderr == ""
    assert done.returncode == 0
    commits, repositories = Counter[str](), Counter[str]()
    for repository in world.REPOSITORIES:
        commits.update(repository.contributors)
        repositories.update(repository.contributors.keys())
    total = f"{len(commits)} people, {sum(commits.values())} contributions"
    assert total in done.stdout
    rows = re.findall(r"^ *(\w+)  +(\w+ \w+)  +(\d+)  +(\d+) *$", done.stdout, re.MULTILINE)
    ranking = sorted(commits, key=lambda login: (-commits[login], login))
    assert rows == [
        (login, world.PEOPLE[login], str(repositories[login]), str(commits[login]))
        for login in ranking[:8]
    ]
    counted = done.stdout.splitlines()[-1].split(", ")
    return {name: int(count) for name, count in (item.split(": ") for item in counted)}


@pytest.mark.parametrize("loop_name", LOOPS)
def test_everything_is_found_whatever_fails(loop_name: str) -> None:
    done = run("--loop", loop_name, "--limit", 70, "--window", 2, "--fail-every", 10)
    counts = check_complete(done)
    assert counts["requests"] > 150
    assert counts["most at once"] == 8
    assert counts["tried again"] > 0
    assert counts["rested"] > 0


@pytest.mark.parametrize("loop_name", LOOPS)
def test_a_narrow_limit_of_requests_at_once_is_kept(loop_name: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(CRAWLER / "api.py"), "--loop", loop_name, "--port=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as api:
        try:
            assert api.stdout is not None
            address = api.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), api.communicate()
            counts = check_complete(run("--loop", loop_name, "--url", address, "--at-once", 2))
            api.send_signal(signal.SIGTERM)
            said, complaints = api.communicate(timeout=END_LIMIT_S)
        finally:
            api.kill()
    assert complaints == ""
    assert api.returncode == 0
    assert counts["most at once"] == 2
    # The API has counted for itself.
    assert "most at once: 2," in said
    assert re.search(r"failed: [1-9]", said)


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("nobody",), "/orgs/nobody/repos?per_page=10: 404 Not Found"),
        (("--token", "wrong"), "401 Unauthorized"),
        (("--fail-every", "1", "--attempts", "2"), "502 Bad Gateway, 2 times"),
        (("--url", "http://127.0.0.1:1", "--attempts", "2"), "Cannot connect to host 127.0.0.1:1"),
    ],
    ids=["unknown", "stranger", "failing", "absent"],
)
def test_a_refusal_ends_it_with_the_words_of_the_api(
    loop_name: str, options: tuple[str, ...], words: str
) -> None:
    done = run("--loop", loop_name, *options)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("wrong", ["--limit=0", "--window=-1", "--url=ftp://a", "--at-once=x"])
def test_wrong_option_is_refused_by_name(wrong: str) -> None:
    done = run(wrong)
    assert done.returncode == 2
    assert wrong.partition("=")[0] in done.stderr


@pytest.mark.parametrize("program", ["crawl", "api"])
def test_help_names_each_option(program: str) -> None:
    asking = [sys.executable, str(CRAWLER / f"{program}.py"), "--help"]
    done = subprocess.run(asking, capture_output=True, text=True, timeout=END_LIMIT_S)
    assert done.returncode == 0
    for option in [
        "--loop",
        *re.findall(r'"(--[a-z-]+)"', (CRAWLER / f"{program}.py").read_text()),
    ]:
        assert option in done.stdout
