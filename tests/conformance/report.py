"""The table, the list of failures and the JSON file of a run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .rules import Rule
from .verdicts import ModuleReport, Verdict

HEADERS = ("module", "total", "passed", "xfail", "failed", "skipped", "excluded", "seconds")
SHOWN_CHARS = 200

Row = tuple[str, ...]


def table(reports: Sequence[ModuleReport]) -> str:
    """One line per module; `total` is the tests that apply, without the excluded ones."""
    rows = [HEADERS, *(_row(report) for report in reports), _total_row(reports)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADERS))]
    lines = [_aligned(row, widths) for row in rows]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _row(report: ModuleReport) -> Row:
    return _cells(
        report.result.module,
        report.counts,
        len(report.result.plan.excluded),
        report.result.seconds,
    )


def _total_row(reports: Iterable[ModuleReport]) -> Row:
    counts: Counter[Verdict] = Counter()
    excluded, seconds = 0, 0.0
    for report in reports:
        counts += report.counts
        excluded += len(report.result.plan.excluded)
        seconds += report.result.seconds
    return _cells("all", counts, excluded, seconds)


def _cells(name: str, counts: Counter[Verdict], excluded: int, seconds: float) -> Row:
    numbers = [
        counts.total(),
        counts[Verdict.PASSED],
        counts[Verdict.EXPECTED_FAILURE],
        counts[Verdict.FAILED],
        counts[Verdict.SKIPPED],
        excluded,
    ]
    return (name, *map(str, numbers), f"{seconds:.1f}")


def _aligned(row: Row, widths: Sequence[int]) -> str:
    name, *numbers = row
    cells = (number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True))
    return "  ".join([name.ljust(widths[0]), *cells])


def failures(reports: Iterable[ModuleReport]) -> list[str]:
    """A line per failing test with the last line of its exception."""
    lines = []
    for report in reports:
        module = report.result.module
        if report.result.broken:
            lines.append(f"BROKEN {module}: {report.result.broken[:SHOWN_CHARS]}")
        lines += [
            f"FAILED {module}.{name}: {judged.why[:SHOWN_CHARS]}"
            for name, judged in report.failures.items()
        ]
    return lines


def flaky(reports: Iterable[ModuleReport]) -> list[str]:
    return [
        f"FLAKY  {r.result.module}.{name}: passed when repeated"
        for r in reports
        for name in r.flaky
    ]


def write_json(
    path: Path,
    about: Mapping[str, Any],
    reports: Iterable[ModuleReport],
    left_out: Mapping[str, Rule],
    stale: Iterable[Rule],
) -> None:
    document = {
        **about,
        "modules": {report.result.module: _module(report) for report in reports},
        "modules_left_out": {name: [rule.kind, rule.reason] for name, rule in left_out.items()},
        "stale_rules": [str(rule) for rule in stale],
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def _module(report: ModuleReport) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "broken": report.result.broken,
        "skipped": report.result.skipped,
        "seconds": round(report.result.seconds, 1),
        "flaky": report.flaky,
        "excluded": report.result.plan.excluded,
        "tests": {
            name: {
                "verdict": judged.verdict,
                "status": judged.outcome.status,
                "why": judged.why,
                "seconds": judged.outcome.seconds,
                "detail": judged.outcome.detail,
            }
            for name, judged in report.tests.items()
        },
    }
