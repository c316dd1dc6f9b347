"""Writes a run down as Markdown."""

from harness.results import Results
from harness.tables import Table, all_tables, conditions, detail_table, warnings


def document(results: Results) -> str:
    """The whole run."""
    parts = [f"# Benchmark on {results.machine.python}", ""]
    parts += [f"- {line}" for line in conditions(results)]
    parts += [f"- **{line}**" for line in warnings(results)]
    for table in [*all_tables(results), detail_table(results)]:
        parts += ["", *_table(table)]
    return "\n".join(parts) + "\n"


def _table(table: Table) -> list[str]:
    align = ["---", *["--:"] * (len(table.columns) - 1)]
    lines = [f"## {table.title}", "", _row(table.columns), _row(align)]
    lines += [_row(row) for row in table.rows]
    if table.notes or table.legend:
        lines += ["", *[f"- {_escaped(note)}" for note in [*table.notes, *table.legend]]]
    return lines


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    for sign in ("|", "<", "~"):
        text = text.replace(sign, f"\\{sign}")
    return text
