"""How programs end under `python -m asyncioxide`: exit statuses, tracebacks, hooks, signals."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from harness.versions import since

from .conftest import OURS, PATIENCE_S, clean_environment


@pytest.mark.parametrize(
    "statement",
    [
        "sys.exit()",
        "sys.exit(0)",
        "sys.exit(3)",
        "sys.exit(-1)",
        "sys.exit(256)",
        "sys.exit(2**70)",
        "sys.exit(True)",
        "sys.exit('a reason')",
        "sys.exit((1, 2))",
        "sys.exit(1.5)",
        "raise SystemExit",
        "raise SystemExit(1, 2)",
        "raise type('Leave', (SystemExit,), {})(5)",
        "os._exit(6)",
        "os.abort()",
        "os.kill(os.getpid(), 15)",
        "exit(7)",
        "threading.Thread(target=sys.exit, args=(8,)).start()",
        "sys.stdout.write('unfinished')",
        "atexit.register(sys.exit, 9)",
        "atexit.register(print, 'last'); sys.exit(10)",
        "threading.Thread(target=print, args=('thread',)).start(); sys.exit(11)",
    ],
)
def test_exits(folder, statement):
    code = f"import atexit, os, sys, threading\n{statement}\n"
    folder.write("program.py", code)
    folder.same("program.py")


FAILURES = {
    "plain": "def f():\n    1 / 0\nf()",
    "chained": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    [][1]",
    "caused": "raise ValueError('a') from KeyError('b')",
    "group": "raise ExceptionGroup('g', [ValueError('a'), KeyError('b')])",
    "notes": "e = ValueError('a')\ne.add_note('a note')\nraise e",
    "of a library": "import json\njson.loads('{')",
    "syntax": "x = (\n",
    "indentation": "if True:\nprint(1)",
    "imported syntax": "import broken",
    "missing import": "import nowhere",
    "base": "raise BaseException('a')",
    "generator": "raise GeneratorExit",
    "not an exception": "raise 1",
    "interrupt": "raise KeyboardInterrupt",
    "interrupt below": "class Mine(KeyboardInterrupt): pass\nraise Mine('a')",
    "unprintable": "class Mine(Exception):\n    def __str__(self): raise ValueError\nraise Mine",
    "surrogate": "raise ValueError('\\udc80')",
    "shown twice": "import traceback\ntry:\n    1 / 0\nexcept Exception as e:\n"
    "    traceback.print_exc()\n    raise",
    "at exit": "import atexit\natexit.register(lambda: 1 / 0)",
    "in a thread": "import threading\nthreading.Thread(target=lambda: 1 / 0, name='T').start()",
    "unraisable": "class A:\n    def __del__(self): 1 / 0\nA()",
    "warning": "import warnings\nwarnings.warn('old', DeprecationWarning)",
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failures(folder, failure):
    code = FAILURES[failure] + "\n"
    folder.write("broken.py", "x = [\n")
    folder.write("program.py", code)
    folder.same("program.py")


@pytest.mark.parametrize("failure", ["chained", "syntax", "interrupt", "imported syntax"])
def test_failures_of_other_programs_than_scripts(folder, failure):
    code = FAILURES[failure] + "\n"
    folder.write("broken.py", "x = [\n")
    folder.write("program.py", code)
    folder.write("app/__main__.py", code)
    for program in (("-c", code), ("-m", "program"), ("app",)):
        folder.same(*program)
    folder.same("-", stdin=code)


HOOKS = {
    "sees what was raised": """
def hook(kind, value, traceback):
    frames = []
    while traceback:
        frames.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    print(kind, value, frames, value.__traceback__ is not None, sys.last_value is value)
    print(sys.excepthook is hook, sys.exc_info())
sys.excepthook = hook
""",
    "fails": "def hook(*_):\n    [][1]\nsys.excepthook = hook",
    "exits": "sys.excepthook = lambda *_: sys.exit(4)",
    "is gone": "del sys.excepthook",
    "is looked at by exit handlers": """
import atexit
atexit.register(lambda: print(sys.excepthook is sys.__excepthook__, sys.last_traceback.tb_lineno))
""",
}


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks(folder, hook):
    code = f"import sys\n{HOOKS[hook]}\ndef f():\n    1 / 0\nf()\n"
    folder.write("program.py", code)
    folder.same("program.py")


def test_an_exit_leaves_the_hook_alone(same):
    same("import atexit, sys\natexit.register(lambda: print(sys.excepthook))\nsys.exit(1)")


@pytest.mark.parametrize("statement", ["x = 1", "1 / 0", "import sys; sys.exit(3)"])
def test_the_shell_that_dash_i_opens_has_the_programs_names(folder, statement):
    folder.write("program.py", f"name = 'known'\n{statement}\n")
    more = "print(name, __name__)\nimport sys; print(sys.last_value)\n"
    folder.same("program.py", before=("-i", "-q"), stdin=more)


WAITING = """
import asyncio, sys
async def main():
    print("waiting", flush=True)
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        raise
asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("how", ["script", "module", "code"])
def test_signals_end_a_waiting_program(folder, how, number):
    folder.write("program.py", WAITING)
    program = {"script": ["program.py"], "module": ["-m", "program"], "code": ["-c", WAITING]}[how]
    endings = [_signalled(folder, [*before, *program], number) for before in ((), OURS)]
    assert endings[0] == endings[1]
    assert endings[0] == (
        "cancelled\n" if number == signal.SIGINT else "",
        "KeyboardInterrupt" if number == signal.SIGINT else "",
        -number,
    )


def _signalled(folder, arguments, number):
    """What the program says after the signal; of its traceback, which differs, the last line."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder.path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "waiting\n"
            process.send_signal(number)
            stdout, stderr = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    return stdout, "".join(stderr.splitlines()[-1:]), process.returncode


@since(3, 12)
def test_the_last_exception_is_the_programs(same):
    ending = same("""
import atexit, sys
atexit.register(lambda: print(repr(sys.last_exc), sys.last_exc.__traceback__.tb_lineno))
1 / 0
""")
    assert ending.stdout.endswith(" 4\n")
