"""Prints tables on the terminal, by rich where it is installed."""

from harness.tables import Table

# Of output that goes to a file or a pipe, so that no cell is broken there.
FILE_WIDTH = 200


def print_tables(tables: list[Table]) -> None:
    """Prints tables with their notes."""
    try:
        import rich.box
        import rich.table
        import rich.text
    except ImportError:
        for table in tables:
            print("\n".join(plain(table)))
        return
    console = rich.console.Console()
    if not console.is_terminal:
        console.width = FILE_WIDTH
    for table in tables:
        shown = rich.table.Table(title=table.title, title_justify="left", box=rich.box.SIMPLE_HEAD)
        for index, column in enumerate(table.columns):
            shown.add_column(column, justify="right" if index else "left", overflow="fold")
        for row in table.rows:
            styles = ["red" if cell.startswith("failed") else "" for cell in row]
            shown.add_row(*[rich.text.Text(*pair) for pair in zip(row, styles, strict=True)])
        console.print(shown)
        for note in table.notes:
            console.print(f"  {note}", markup=False, highlight=False, style="dim")


def plain(table: Table) -> list[str]:
    """A table as lines with aligned columns."""
    rows = [table.columns, *table.rows]
    widths = [max(len(row[index]) for row in rows) for index in range(len(table.columns))]
    lines = ["", table.title]
    for row in rows:
        first, *others = row
        figures = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *figures]).rstrip())
    return [*lines, *[f"  {note}" for note in table.notes]]
