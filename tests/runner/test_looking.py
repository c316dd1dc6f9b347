"""`python -m asyncioxide ps` and `pstree`: the tasks of another process, or why there are none."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from asyncioxide._inspection.door import knock
from harness.versions import since, until

from .conftest import OURS, PATIENCE_S, Folder, clean_environment

PROGRAM = """
import asyncio, sys

async def rest():
    await asyncio.sleep(1000)

async def group():
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(rest(), name="member-9")
        tasks.create_task(rest(), name="member-10")

async def collect():
    await asyncio.gather(*(asyncio.create_task(rest(), name=name) for name in ("left", "right")))

async def choose():
    await asyncio.wait([asyncio.create_task(rest(), name="choice")])

async def hurry():
    await asyncio.wait_for(asyncio.create_task(rest(), name="slow"), 1000)

async def follow(task):
    await task

async def main():
    last = asyncio.create_task(rest(), name="last")
    tasks = [
        asyncio.create_task(group(), name="group"),
        asyncio.create_task(collect(), name="collect"),
        asyncio.create_task(choose(), name="choose"),
        asyncio.create_task(hurry(), name="hurry"),
        asyncio.create_task(follow(last), name="follow"),
    ]
    for _ in range(5):
        await asyncio.sleep(0)
    print("ready", flush=True)
    await asyncio.gather(*tasks)

asyncio.run(main())
"""
# Whom a task of the program is awaited by.
AWAITED_BY = {
    "Task-1": None,
    "group": "Task-1",
    "collect": "Task-1",
    "follow": "Task-1",
    "choose": "Task-1",
    "choice": "choose",
    "hurry": "Task-1",
    "slow": "hurry",
    "last": "follow",
    "left": "collect",
    "right": "collect",
    "member-9": "group",
    "member-10": "group",
}

BUSY = """
import asyncio

def compute():
    print("ready", flush=True)
    while True:
        pass

async def inner():
    compute()

async def main():
    await inner()

asyncio.run(main())
"""

# How a program is started so that it can be looked into.
WAYS = [
    pytest.param((*OURS, "--inspectable", "program.py"), id="through its door"),
    pytest.param((*OURS, "program.py"), id="traced", marks=since(3, 14)),
    pytest.param(("program.py",), id="stock asyncio", marks=since(3, 14)),
    pytest.param(("opening.py",), id="stock asyncio with a door"),
]
OPENING = "import asyncioxide, runpy\nasyncioxide.inspectable()\nrunpy.run_path('program.py')\n"


@contextlib.contextmanager
def running(folder: Folder, text: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A program that has said that it is ready; killed at the end."""
    folder.write("program.py", text)
    folder.write("opening.py", OPENING)
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder.path,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def parents(tree: str) -> dict[str, str | None]:
    """The task above each task of a tree."""
    found: dict[str, str | None] = {}
    above: list[tuple[int, str]] = []
    for line in tree.splitlines():
        place = re.match(r"([ │├└─]*?)(?:└──|├──) \(T\) (.*)", line)
        if place is None:
            continue
        depth, name = len(place[1]), place[2]
        above = [(other, task) for other, task in above if other < depth]
        found[name] = above[-1][1] if above else None
        above.append((depth, name))
    return found


@pytest.mark.parametrize("way", WAYS)
def test_the_tree_shows_who_awaits_whom(folder, way):
    with running(folder, PROGRAM, *way) as process:
        seen = folder.run(*OURS, "pstree", str(process.pid))
    assert (seen.stderr, seen.status) == ("", 0)
    assert parents(seen.stdout) == AWAITED_BY
    for function, line in ("follow", "    await task"), ("rest", "    await asyncio.sleep(1000)"):
        number = PROGRAM.splitlines().index(line) + 1
        assert re.search(rf"  {function} \S*program.py:{number}\n", seen.stdout)
    assert re.search(r"└──  sleep( .*)?\n", seen.stdout)


@pytest.mark.parametrize("way", WAYS[:2])
def test_the_table_shows_a_row_for_each_task(folder, way):
    with running(folder, PROGRAM, *way) as process:
        seen = folder.run(*OURS, "ps", str(process.pid))
    assert (seen.stderr, seen.status) == ("", 0)
    header, line, *rows = seen.stdout.splitlines()
    assert re.split("  +", header)[:4] == ["tid", "task id", "task name", "coroutine stack"]
    assert set(line) == {"-"}
    assert len(rows) == len(AWAITED_BY)
    row = next(row for row in rows if " member-10 " in row)
    assert re.split("  +", row)[:1] == [str(process.pid)]
    assert "sleep -> rest" in row
    assert "TaskGroup.__aexit__ -> group" in row


@pytest.mark.parametrize("way", WAYS)
def test_a_loop_that_is_busy_is_seen_at_work(folder, way):
    with running(folder, BUSY, *way) as process:
        seen = folder.run(*OURS, "pstree", str(process.pid))
    assert (seen.stderr, seen.status) == ("", 0)
    assert parents(seen.stdout) == {"Task-1": None}
    functions = re.findall(r"└──  (\S+)", seen.stdout)
    # asyncio's own reader sees the coroutine that a running task began with.
    read_by_asyncio = way == ("program.py",)
    assert functions == (["main"] if read_by_asyncio else ["main", "inner", "compute"])


def test_loops_of_other_threads(folder):
    text = """
import asyncio, threading
started = threading.Barrier(3)
async def main():
    asyncio.current_task().set_name("other")
    started.wait()
    await asyncio.sleep(1000)
for _ in range(2):
    threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
started.wait()
print("ready", flush=True)
threading.Event().wait()
"""
    with running(folder, text, *OURS, "--inspectable", "program.py") as process:
        seen = folder.run(*OURS, "ps", str(process.pid))
    rows = [row for row in seen.stdout.splitlines() if " other " in row]
    threads = {row.split()[0] for row in rows}
    assert len(rows) == len(threads) == 2
    assert str(process.pid) not in threads


def test_a_process_without_tasks(folder):
    text = "import asyncio\nprint('ready', flush=True)\ninput()"
    with running(folder, text, *OURS, "--inspectable", "program.py") as process:
        seen = folder.run(*OURS, "pstree", str(process.pid))
    assert seen == ("", f"Process {process.pid} has no tasks.\n", 0)


def test_no_such_process(folder):
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    seen = folder.run(*OURS, "pstree", str(gone.pid))
    assert seen == ("", f"There is no process {gone.pid}.\n", 1)


@since(3, 14)
def test_a_process_without_asyncio(folder):
    with running(folder, "print('ready', flush=True)\ninput()", "program.py") as process:
        seen = folder.run(*OURS, "pstree", str(process.pid))
    assert seen.stdout == ""
    if sys.version_info >= (3, 15):
        assert seen.stderr == f"Process {process.pid} has no tasks.\n"
    else:
        assert f"Process {process.pid} cannot be looked into: " in seen.stderr
        assert seen.status == 1


@until(3, 14)
@pytest.mark.parametrize("way", [(*OURS, "program.py"), ("program.py",)])
def test_a_python_that_cannot_look_says_what_can(folder, way):
    with running(folder, PROGRAM, *way) as process:
        seen = folder.run(*OURS, "pstree", str(process.pid))
    assert (seen.stdout, seen.status) == ("", 1)
    assert "Python 3.14 and later can" in seen.stderr
    assert "--inspectable" in seen.stderr


@pytest.mark.parametrize("words", [(), ("x",), ("-1",), ("1", "2"), ("²",)])
@pytest.mark.parametrize("command", ["ps", "pstree"])
def test_a_wrong_number(folder, command, words):
    seen = folder.run(*OURS, command, *words)
    assert (seen.stdout, seen.status) == ("", 2)
    assert f"{command} needs the number of one process" in seen.stderr


def test_a_forked_child_does_not_answer_for_its_parent(folder):
    text = """
import os, warnings
warnings.simplefilter("ignore")
if os.fork() == 0:
    input()
    os._exit(0)
print("ready", flush=True)
os.read(0, 1)
"""
    with running(folder, text, *OURS, "--inspectable", "program.py") as process:
        assert knock(process.pid) == []
        process.kill()
        process.wait(PATIENCE_S)
        # The child has inherited the socket, and lives until its standard input ends.
        assert knock(process.pid) is None


def test_opening_the_door_twice_is_opening_it_once(folder):
    code = "import asyncioxide\nasyncioxide.inspectable()\nasyncioxide.inspectable()\n"
    code += "import threading\nprint(threading.active_count())"
    assert folder.run("-W", "error", "-c", code) == ("2\n", "", 0)


def test_who_answers_for_another_process_is_not_believed():
    with socket.socket(socket.AF_UNIX) as impostor:
        # No process has this number.
        impostor.bind("\0asyncioxide-ps-99999999")
        impostor.listen()
        with pytest.raises(PermissionError, match="another process answers for process 99999999"):
            knock(99999999)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("way", WAYS[:3])
def test_another_user_is_refused_and_told_whom_to_be(folder, way):
    # The interpreter may be where that user cannot read: all is imported before.
    look = """
import os, sys
from asyncioxide._inspection import door, snapshot, visit
if sys.version_info >= (3, 14):
    import asyncioxide.tools
os.setgroups([])
os.setuid(65534)
try:
    visit.tasks_of(int(sys.argv[1]))
except visit.Unreadable as why:
    print(why)
"""
    with running(folder, PROGRAM, *way) as process:
        seen = folder.run("-c", look, str(process.pid))
    assert (seen.stderr, seen.status) == ("", 0)
    assert f"Process {process.pid} may not be looked into" in seen.stdout
    assert "It belongs to another user. Become that user or root" in seen.stdout
    assert ("answers its own user and root only" in seen.stdout) is ("--inspectable" in way)


@since(3, 14)
def test_waking_a_process_loses_none_of_its_signals(folder):
    from asyncioxide._inspection.wake import wake

    text = """
import asyncio, os, signal
async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, os.write, 1, b".")
    print("ready", flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""
    with running(folder, text, *OURS, "program.py") as process:
        output = process.stdout.fileno()
        for _ in range(300):
            process.send_signal(signal.SIGUSR1)
            wake(process.pid)
            assert os.read(output, 10) == b"."
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == -signal.SIGTERM
