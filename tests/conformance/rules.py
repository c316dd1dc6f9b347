"""A rule names tests by pattern and says why they are left out or expected to fail."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

Version = tuple[int, ...]
ANY_SINCE: Version = (3, 11)
ANY_BEFORE: Version = (4,)


@dataclass(frozen=True)
class Rule:
    """`module` and `test` are globs; `test` is matched with "Class.test".

    `kind` is the category of an exclusion, or the part that an expected failure
    waits for. The rule holds for versions from `since` up to, without, `before`. It is
    not `certain` if the test came with a patch release and may be missing. An expected
    failure may be one that `hangs`, when a thread of the test waits for what is missing.
    """

    module: str
    test: str
    kind: str
    reason: str
    since: Version = ANY_SINCE
    before: Version = ANY_BEFORE
    certain: bool = True
    hangs: bool = False

    def holds_for(self, version: Version) -> bool:
        return self.since <= version < self.before

    def names(self, module: str, test: str) -> bool:
        return fnmatchcase(module, self.module) and fnmatchcase(test, self.test)

    def __str__(self) -> str:
        return f"{self.module}: {self.test} ({self.kind})"


class Rulebook:
    """The rules that hold for one version; the first one that names a test counts."""

    def __init__(self, rules: Iterable[Rule], version: Version) -> None:
        self.rules = [rule for rule in rules if rule.holds_for(version)]

    def find(self, module: str, test: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.names(module, test)), None)

    def stale(self, tests: Mapping[str, Iterable[str]]) -> list[Rule]:
        """The certain rules about these modules that no test in them needed."""
        used = {self.find(module, test) for module, names in tests.items() for test in names}
        return [
            rule
            for rule in self.rules
            if rule.certain
            and rule not in used
            and any(fnmatchcase(module, rule.module) for module in tests)
        ]


def rules(
    kind: str,
    reason: str,
    module: str,
    *patterns: str,
    since: Version = ANY_SINCE,
    before: Version = ANY_BEFORE,
    certain: bool = True,
) -> list[Rule]:
    """One rule for each pattern; a pattern may hold several, separated by blanks."""
    return [
        Rule(module, test, kind, reason, since, before, certain)
        for pattern in patterns
        for test in pattern.split()
    ]


def needs(
    part: str,
    module: str,
    *patterns: str,
    since: Version = ANY_SINCE,
    before: Version = ANY_BEFORE,
    certain: bool = True,
    hangs: bool = False,
) -> list[Rule]:
    """Expected failures for want of a part of the loop; patterns as for `rules`."""
    found = rules(
        part, f"needs {part}", module, *patterns, since=since, before=before, certain=certain
    )
    return [dataclasses.replace(rule, hangs=hangs) for rule in found]
