"""The command line of ``python -m asyncioxide``.

argparse would not do: as in Python's own command line, all that follows the program is the
program's, whatever it looks like.
"""

import enum
from collections.abc import Sequence
from typing import NamedTuple

HELP = """\
usage: python -m asyncioxide [options] script.py [arguments]
       python -m asyncioxide [options] -m module [arguments]
       python -m asyncioxide [options] -c code [arguments]
       python -m asyncioxide [options]
       python -m asyncioxide pstree PID
       python -m asyncioxide ps PID

Runs an asyncio program as python does, with asyncioxide in place of asyncio: the program and its
libraries stay as they are. Without a program: the shell of asyncio, where await works.
pstree and ps show what the tasks of a running process wait for.

what is run:
  script.py           a file, or a folder or zip file with a __main__.py
  -                   what comes from standard input
  -m module           a module or package, as python -m does
  -c code             the code itself
  arguments           the program's own: sys.argv[1:]

the tasks of a process:
  pstree PID          as a tree: who awaits whom, and where
  ps PID              as a table
                      Python 3.14 can look into processes that may be traced, of asyncio as well;
                      before, and without that permission, into those started with --inspectable

options:
  --inspectable       let pstree and ps look in: asyncioxide.inspectable() before the program
  --debug             turn asyncio's debug mode on, as PYTHONASYNCIODEBUG=1 does
  -V, --version       print the version of asyncioxide and end
  -h, --help          print this text and end

Python's own options go before -m: python -X dev -m asyncioxide script.py

examples:
  python -m asyncioxide server.py --port 8080
  python -m asyncioxide -m uvicorn app:app
  python -m asyncioxide -m pytest tests
  python -m asyncioxide --debug -c "import asyncio; asyncio.run(asyncio.sleep(1))"
  python -m asyncioxide
  python -m asyncioxide --inspectable server.py &
  python -m asyncioxide pstree $!
"""


class Kind(enum.Enum):
    """What is to be done."""

    SCRIPT = "script"
    MODULE = "module"
    CODE = "code"
    STDIN = "stdin"
    SHELL = "shell"
    PS = "ps"
    PSTREE = "pstree"
    VERSION = "version"
    HELP = "help"


class Arguments(NamedTuple):
    """A command line that was understood."""

    kind: Kind
    # The script, the module, the code, or the number of the process.
    name: str = ""
    rest: tuple[str, ...] = ()
    debug: bool = False
    inspectable: bool = False


class UsageError(Exception):
    """A command line that was not understood, in words for who wrote it."""


_ENDING = {"-h": Kind.HELP, "--help": Kind.HELP, "-V": Kind.VERSION, "--version": Kind.VERSION}
_LOOKING = {"ps": Kind.PS, "pstree": Kind.PSTREE}
_NAMING = {"-m": (Kind.MODULE, "a module"), "-c": (Kind.CODE, "code")}


def parse(words: Sequence[str]) -> Arguments:
    """Understand the command line after ``python -m asyncioxide``, or raise UsageError."""
    options = {"--debug": False, "--inspectable": False}
    understood = Arguments(Kind.SHELL)
    for position, word in enumerate(words):
        if word in options:
            options[word] = True
            continue
        understood = _program(word, tuple(words[position + 1 :]))
        break
    return understood._replace(debug=options["--debug"], inspectable=options["--inspectable"])


def _program(word: str, rest: tuple[str, ...]) -> Arguments:
    """What the first word after the options asks for."""
    if word in _ENDING:
        return Arguments(_ENDING[word])
    if word in _LOOKING:
        return Arguments(_LOOKING[word], _process(word, rest))
    if word == "-":
        return Arguments(Kind.STDIN, rest=rest)
    if word[:2] in _NAMING:
        return _named(word, rest)
    if word.startswith("-"):
        raise UsageError(f"unknown option: {word}. Python's own options go before -m.")
    return Arguments(Kind.SCRIPT, word, rest)


def _named(word: str, rest: tuple[str, ...]) -> Arguments:
    """`-m module` and `-mmodule`, as Python takes them."""
    kind, what = _NAMING[word[:2]]
    if len(word) > 2:
        return Arguments(kind, word[2:], rest)
    if not rest:
        raise UsageError(f"{word} needs {what} after it.")
    return Arguments(kind, rest[0], rest[1:])


def _process(word: str, rest: tuple[str, ...]) -> str:
    if len(rest) != 1 or not (rest[0].isascii() and rest[0].isdecimal()):
        raise UsageError(
            f"{word} needs the number of one process after it. A script of that name is ./{word}."
        )
    return rest[0]
