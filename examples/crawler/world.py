"""The people and repositories that the API knows: made up, and the same in every process."""

from __future__ import annotations

import random
from typing import NamedTuple

ORGANISATION = "ferrous"
TOKEN = "ghp_example"

_FIRST = ["Ada", "Alan", "Barbara", "Edsger", "Frances", "Grace"]
_FIRST += ["Jean", "Ken", "Margaret", "Niklaus", "Radia", "Tony"]
_LAST = ["Adler", "Brandt", "Castro", "Dietz", "Evans"]
_KINDS = ["parser", "logger", "cache", "router", "linter", "server"]
_METALS = ["iron", "rust", "steel", "nickel", "cobalt"]


class Repository(NamedTuple):
    """A repository, and how many commits each of its contributors has made."""

    name: str
    stars: int
    contributors: dict[str, int]


def _make() -> tuple[dict[str, str], list[Repository]]:
    chance = random.Random(676)
    people = {f"{first[:3]}{last}".lower(): f"{first} {last}" for last in _LAST for first in _FIRST}
    repositories = []
    for metal in _METALS:
        for kind in _KINDS:
            some = chance.sample(sorted(people), chance.randint(1, 24))
            commits = {login: chance.randint(1, 400) for login in some}
            repositories.append(Repository(f"{metal}-{kind}", chance.randint(0, 9999), commits))
    return people, repositories


PEOPLE, REPOSITORIES = _make()
