"""``ps`` and ``pstree``: the tasks of another process."""

import sys


def look(pid: int, *, as_tree: bool) -> None:
    """Print the tasks of a process, or why that cannot be done, with status 1."""
    # Only these commands need all that, and a program's start should not pay for it.
    from .._inspection import picture, visit

    try:
        tasks = visit.tasks_of(pid)
    except visit.Unreadable as why:
        print(why, file=sys.stderr)
        sys.exit(1)
    if tasks:
        print(picture.tree(tasks) if as_tree else picture.table(tasks))
    else:
        print(f"Process {pid} has no tasks.", file=sys.stderr)
