"""How tasks that wait for each other are drawn."""

from __future__ import annotations

from asyncioxide._inspection.picture import table, tree
from asyncioxide._inspection.snapshot import Frame, Task


def task(number: int, *awaited_by: int, frames: int = 0) -> Task:
    places = [Frame(f"f{index}", "a.py", index + 1) for index in range(frames)]
    return Task(number, f"T{number}", 7, places, list(awaited_by))


def test_a_task_is_below_the_innermost_frame_of_who_awaits_it():
    tasks = [task(1, frames=2), task(2, 1), task(3, 1, frames=1), task(4)]
    assert tree(tasks) == (
        "└── (T) T1\n"
        "    └──  f1 a.py:2\n"
        "        └──  f0 a.py:1\n"
        "            ├── (T) T2\n"
        "            └── (T) T3\n"
        "                └──  f0 a.py:1\n"
        "└── (T) T4"
    )


def test_a_native_coroutine_has_a_name_only():
    assert tree([Task(1, "T1", 7, [Frame("sleep")], [])]) == "└── (T) T1\n    └──  sleep"


def test_what_several_await_is_drawn_once():
    tasks = [task(1), task(2), task(3, 1, 2, frames=1)]
    assert tree(tasks) == (
        "└── (T) T1\n    └── (T) T3\n        └──  f0 a.py:1\n└── (T) T2\n    └── (T) T3 (as above)"
    )


def test_a_circle_is_named():
    assert tree([task(1, 2), task(2, 1), task(3, 2)]) == (
        "└── (T) T1\n    └── (T) T2\n        ├── (T) T1 (waits for itself)\n        └── (T) T3"
    )


def test_many_tasks_in_a_row():
    tasks = [task(0), *(task(number, number - 1) for number in range(1, 3000))]
    assert tree(tasks).count("\n") == 2999


def test_an_awaiter_that_is_not_among_the_tasks():
    assert tree([task(1, 99)]) == "└── (T) T1"
    assert table([task(1, 99)]).splitlines()[2].split() == ["7", "0x1", "T1", "Unknown", "0x63"]


def test_a_table_is_as_wide_as_its_rows():
    assert table([task(1, frames=2), task(2, 1)]) == (
        "tid  task id  task name  coroutine stack  awaiter chain  awaiter name  awaiter id\n"
        "---------------------------------------------------------------------------------\n"
        "7    0x1      T1         f0 -> f1                                      0x0\n"
        "7    0x2      T2                          f0 -> f1       T1            0x1"
    )
