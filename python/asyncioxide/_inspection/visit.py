"""Ways into another process, for who wants to see its tasks.

A door that the process opened itself comes first: it needs no permission to trace. Then, since
Python 3.14, a process with this package in it is made to write its tasks down, and any other is
read by the standard library, which knows the tasks of its own kind.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import door
from .snapshot import Frame, Task, understand
from .wake import wake

# How long a process may compute without reaching the interpreter.
_PATIENCE_S = 10.0
_READINGS = 5
_LOOK_EVERY_S = 0.005
_WAKE_EVERY_S = 0.1

# Who asked may have gone by the time that it runs, and the folder with it.
_SCRIPT = """\
def look():
    import json, os, sys
    try:
        from asyncioxide._inspection.snapshot import answer
        text = answer(sys._getframe(1))
    except Exception as error:
        text = json.dumps({{"error": f"{{type(error).__name__}}: {{error}}"}})
    try:
        with open({answer!r} + ".new", "w") as file:
            file.write(text)
        os.rename({answer!r} + ".new", {answer!r})
    except OSError:
        pass
look()
"""


class Unreadable(Exception):
    """Why a process cannot be looked into, and what to do about it."""


def tasks_of(pid: int) -> list[Task]:
    """The tasks of a process. Raises Unreadable."""
    if not os.path.exists(f"/proc/{pid}"):
        raise Unreadable(f"There is no process {pid}.")
    try:
        seen = door.knock(pid)
        if seen is None:
            seen = _enter(pid)
    except ProcessLookupError:
        raise Unreadable(f"Process {pid} has ended.") from None
    except PermissionError as error:
        raise Unreadable(_not_permitted(pid, error)) from error
    except (OSError, RuntimeError) as error:
        raise Unreadable(f"Process {pid} cannot be looked into: {_innermost(error)}.") from error
    return seen


def _enter(pid: int) -> list[Task]:
    mapped = Path(f"/proc/{pid}/maps").read_text()
    if not mapped:
        raise ProcessLookupError
    ours = "/_asyncioxide" in mapped
    if sys.version_info < (3, 14):
        raise Unreadable(_too_old(pid, ours))
    return _made_to_tell(pid) if ours else _read_by_asyncio(pid)


def _made_to_tell(pid: int) -> list[Task]:
    """Have the main thread of the process run a script that leaves its tasks in a file."""
    with tempfile.TemporaryDirectory(prefix="asyncioxide-ps-") as folder:
        script, answer = Path(folder, "look.py"), Path(folder, "tasks.json")
        script.write_text(_SCRIPT.format(answer=str(answer)))
        _hand_over(pid, folder, script)
        execute: Any = vars(sys)["remote_exec"]
        execute(pid, str(script))
        return understand(_await(pid, answer))


def _hand_over(pid: int, folder: str, script: Path) -> None:
    """Let a process of another user, which root may trace, read the script and answer."""
    owner = os.stat(f"/proc/{pid}")
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(folder, owner.st_uid, owner.st_gid)
        os.chown(script, owner.st_uid, owner.st_gid)


def _await(pid: int, answer: Path) -> str:
    started = woken = time.monotonic()
    while not answer.exists():
        now = time.monotonic()
        if not os.path.exists(f"/proc/{pid}"):
            raise ProcessLookupError
        if now - started > _PATIENCE_S:
            raise Unreadable(_silent(pid))
        if now - woken > _WAKE_EVERY_S:
            woken = now
            wake(pid)
        time.sleep(_LOOK_EVERY_S)
    return answer.read_text()


def _read_by_asyncio(pid: int) -> list[Task]:
    return [
        Task(
            task.task_id,
            str(task.task_name),
            thread.thread_id,
            [_frame(frame) for coroutine in task.coroutine_stack for frame in coroutine.call_stack],
            # The id of the awaiter is where the name would be.
            [coroutine.task_name for coroutine in task.awaited_by],
        )
        for thread in _retried_reading(pid)
        for task in thread.awaited_by
    ]


def _retried_reading(pid: int) -> Any:
    """Read the memory of a process that goes on running, and may change what is being followed."""
    from .. import tools

    read: Any = vars(tools)["get_all_awaited_by"]
    failure: Exception | None = None
    for _ in range(_READINGS):
        try:
            return read(pid)
        except (PermissionError, ProcessLookupError):
            raise
        except (RuntimeError, OSError, ValueError, MemoryError) as error:
            failure = _innermost(error)
    raise RuntimeError(str(failure)) from failure


def _frame(frame: Any) -> Frame:
    location = getattr(frame, "location", None)
    line = location.lineno if location else getattr(frame, "lineno", None)
    return Frame(frame.funcname, frame.filename if line else "", line or 0)


def _innermost(error: Exception) -> Exception:
    while isinstance(error.__context__, Exception):
        error = error.__context__
    return error


def _not_permitted(pid: int, error: PermissionError) -> str:
    # With an errno it is the kernel's, in words that say less than these.
    said = f": {error}" if error.errno is None and error.args else ""
    refused = f"Process {pid} may not be looked into{said}."
    if os.stat(f"/proc/{pid}").st_uid != os.geteuid():
        return f"{refused} It belongs to another user. Become that user or root:\n{_as_root(pid)}"
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    if scope.exists() and scope.read_text().strip() != "0":
        why = (
            "The kernel lets nobody but root trace processes (kernel.yama.ptrace_scope). Become "
            f"root:\n{_as_root(pid)}\nor allow it until the next start of the system:\n"
            "  sudo sysctl kernel.yama.ptrace_scope=0"
        )
    else:
        why = (
            "The kernel protects it, or the container is without the right to trace "
            "(docker run --cap-add=SYS_PTRACE gives it)."
        )
    return f"{refused} {why}\n{_open_the_door()}"


def _too_old(pid: int, ours: bool) -> str:
    version = ".".join(map(str, sys.version_info[:2]))
    what = "into another process" if ours else "at the tasks of asyncio itself in another process"
    return (
        f"Python {version} cannot look {what}; Python 3.14 and later can. "
        f"If process {pid} runs on one of them, run this command with its Python.\n"
        f"{_open_the_door()}"
    )


def _silent(pid: int) -> str:
    return (
        f"Process {pid} was asked for its tasks and did not answer within {_PATIENCE_S:g} s: its "
        "main thread is stopped, waits for a lock or another thread, or computes outside of the "
        f"interpreter.\n{_open_the_door()}"
    )


def _open_the_door() -> str:
    return (
        "Or start the program so that it answers by itself, from a thread:\n"
        "  python -m asyncioxide --inspectable script.py\n"
        "or call asyncioxide.inspectable() in it."
    )


def _as_root(pid: int) -> str:
    return f"  sudo {sys.executable} -m asyncioxide pstree {pid}"
