"""The tasks of a process drawn for people: as a tree, as a table.

Both look as ``python -m asyncio pstree`` and ``ps`` of Python 3.14 do, for whoever knows or parses
those. Where these give up, on tasks that wait for each other in a circle, the tree says so and goes
on; and it draws what is awaited by several once.
"""

from collections import defaultdict
from collections.abc import Iterator

from .snapshot import Frame, Task

_HEADER = (
    "tid",
    "task id",
    "task name",
    "coroutine stack",
    "awaiter chain",
    "awaiter name",
    "awaiter id",
)


def tree(tasks: list[Task]) -> str:
    """Who waits for whom: below a task what it is in, and below that the tasks it awaits."""
    return "\n".join(_Tree(tasks).lines())


class _Tree:
    def __init__(self, tasks: list[Task]) -> None:
        self._tasks = {task.id: task for task in tasks}
        self._awaited: dict[int, list[Task]] = defaultdict(list)
        for task in tasks:
            for awaiter in task.awaited_by:
                self._awaited[awaiter].append(task)
        self._drawn: set[int] = set()

    def lines(self) -> Iterator[str]:
        for task in self._tasks.values():
            if not any(awaiter in self._tasks for awaiter in task.awaited_by):
                yield from self._draw(task)
        # What is left has awaiters only among themselves: they wait in a circle.
        for task in self._tasks.values():
            if task.id not in self._drawn:
                yield from self._draw(task)

    def _draw(self, root: Task) -> Iterator[str]:
        """Lines of a task and all below it. Not recursive: a chain of tasks may be long."""
        above: set[int] = set()
        left: list[tuple[Task | None, str, bool]] = [(root, "", True)]
        open_tasks: list[int] = []
        while left:
            task, prefix, last = left.pop()
            if task is None:
                above.discard(open_tasks.pop())
                continue
            yield f"{prefix}{_branch(last)} (T) {task.name}{self._remark(task, above)}"
            if task.id in self._drawn:
                continue
            self._drawn.add(task.id)
            above.add(task.id)
            open_tasks.append(task.id)
            left.append((None, "", True))
            prefix += _below(last)
            for frame in reversed(task.frames):
                yield f"{prefix}{_branch(True)}  {_place(frame)}"
                prefix += _below(True)
            children = self._awaited[task.id]
            for child in reversed(children):
                left.append((child, prefix, child is children[-1]))

    def _remark(self, task: Task, above: set[int]) -> str:
        if task.id in above:
            return " (waits for itself)"
        return " (as above)" if task.id in self._drawn else ""


def _branch(last: bool) -> str:
    return "└──" if last else "├──"


def _below(last: bool) -> str:
    return "    " if last else "│   "


def _place(frame: Frame) -> str:
    return f"{frame.function} {frame.file}:{frame.line}" if frame.file else frame.function


def table(tasks: list[Task]) -> str:
    """A row for each task and each that awaits it."""
    rows = [_HEADER, *_rows(tasks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _rows(tasks: list[Task]) -> Iterator[tuple[str, ...]]:
    by_id = {task.id: task for task in tasks}
    for task in tasks:
        start = str(task.thread), hex(task.id), task.name, _chain(task)
        if not task.awaited_by:
            yield *start, "", "", hex(0)
        for number in task.awaited_by:
            awaiter = by_id.get(number)
            name = awaiter.name if awaiter else "Unknown"
            yield *start, _chain(awaiter) if awaiter else "", name, hex(number)


def _chain(task: Task) -> str:
    return " -> ".join(frame.function for frame in task.frames)
