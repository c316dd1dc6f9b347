"""What the outcomes of one module mean, given the list of expected failures."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from .outcomes import Status
from .rules import Rule, Rulebook, Version
from .supervisor import ModuleResult, Outcome


class Verdict(StrEnum):
    PASSED = "passed"
    EXPECTED_FAILURE = "expected failure"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Judged:
    """One test's outcome, and what it counts as. `why` is empty for a pass."""

    verdict: Verdict
    outcome: Outcome
    why: str = ""


@dataclass
class ModuleReport:
    """One row of the table and what stands behind it."""

    result: ModuleResult
    tests: dict[str, Judged] = field(default_factory=dict)
    flaky: list[str] = field(default_factory=list)

    @property
    def counts(self) -> Counter[Verdict]:
        return Counter(judged.verdict for judged in self.tests.values())

    @property
    def failures(self) -> dict[str, Judged]:
        return {
            name: judged for name, judged in self.tests.items() if judged.verdict is Verdict.FAILED
        }

    @property
    def ok(self) -> bool:
        return not self.failures and not self.result.broken


class Judge:
    """Applies the expected failures, strictly: a pass or a crash is none, nor is a hang
    that the rule does not name.
    """

    def __init__(self, rules: Iterable[Rule], version: Version = sys.version_info[:3]) -> None:
        self.expected = Rulebook(rules, version)

    def hangs(self, module: str, test: str) -> bool:
        rule = self.expected.find(module, test)
        return rule is not None and rule.hangs

    def report(self, result: ModuleResult, flaky: Iterable[str] = ()) -> ModuleReport:
        tests = {
            name: self.judge(result.module, name, outcome)
            for name, outcome in result.outcomes.items()
        }
        return ModuleReport(result, tests, list(flaky))

    def judge(self, module: str, test: str, outcome: Outcome) -> Judged:
        status = outcome.status
        if status is Status.SKIPPED:
            return Judged(Verdict.SKIPPED, outcome, outcome.summary)
        rule = self.expected.find(module, test)
        if rule is None:
            return _judge_by_itself(outcome)
        if status is Status.FAILED or (status is Status.HUNG and rule.hangs):
            return Judged(Verdict.EXPECTED_FAILURE, outcome, rule.kind)
        why = f"{status}, but expected to fail for want of: {rule.kind}"
        return Judged(Verdict.FAILED, outcome, why)


def _judge_by_itself(outcome: Outcome) -> Judged:
    if outcome.status is Status.PASSED:
        return Judged(Verdict.PASSED, outcome)
    if outcome.status is Status.FAILED:
        return Judged(Verdict.FAILED, outcome, outcome.summary)
    return Judged(Verdict.FAILED, outcome, f"{outcome.status}: {outcome.summary}")
