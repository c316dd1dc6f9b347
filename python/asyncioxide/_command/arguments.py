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

Runs an asyncio program as python does, with asyncioxide in place of asyncio: the program and its
libraries stay as they are. Without a program: the shell of asyncio, where await works.

what is run:
  script.py           a file, or a folder or zip file with a __main__.py
  -                   what comes from standard input
  -m module           a module or package, as python -m does
  -c code             the code itself
  arguments           the program's own: sys.argv[1:]

options:
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
"""


class Kind(enum.Enum):
    """What is to be done."""

    SCRIPT = "script"
    MODULE = "module"
    CODE = "code"
    STDIN = "stdin"
    SHELL = "shell"
    VERSION = "version"
    HELP = "help"


class Arguments(NamedTuple):
    """A command line that was understood."""

    kind: Kind
    # The script, the module or the code.
    name: str = ""
    rest: tuple[str, ...] = ()
    debug: bool = False


class UsageError(Exception):
    """A command line that was not understood, in words for who wrote it."""


_ENDING = {"-h": Kind.HELP, "--help": Kind.HELP, "-V": Kind.VERSION, "--version": Kind.VERSION}
_NAMING = {"-m": (Kind.MODULE, "module"), "-c": (Kind.CODE, "code")}


def parse(words: Sequence[str]) -> Arguments:
    """Understand the command line after ``python -m asyncioxide``, or raise UsageError."""
    debug = False
    for position, word in enumerate(words):
        rest = tuple(words[position + 1 :])
        if word in _ENDING:
            return Arguments(_ENDING[word])
        if word == "--debug":
            debug = True
        elif word == "-":
            return Arguments(Kind.STDIN, rest=rest, debug=debug)
        elif word[:2] in _NAMING:
            kind, name, rest = _named(word, rest)
            return Arguments(kind, name, rest, debug)
        elif word.startswith("-"):
            raise UsageError(f"unknown option: {word}. Python's own options go before -m.")
        else:
            return Arguments(Kind.SCRIPT, word, rest, debug)
    return Arguments(Kind.SHELL, debug=debug)


def _named(word: str, rest: tuple[str, ...]) -> tuple[Kind, str, tuple[str, ...]]:
    """`-m module` and `-mmodule`, as Python takes them."""
    kind, what = _NAMING[word[:2]]
    if len(word) > 2:
        return kind, word[2:], rest
    if not rest:
        raise UsageError(f"{word} needs a {what} after it.".replace("a code", "code"))
    return kind, rest[0], rest[1:]
