"""What ``python -m asyncioxide`` does.

`arguments` says what was asked for; `program` runs a program and `shell` the shell of asyncio, both
with our names installed. `looking` shows the tasks of another process.
"""

import os
import sys

from .._asyncioxide import __version__
from .._inspection.door import inspectable
from .._install import install
from . import looking, program, shell
from .arguments import HELP, Arguments, Kind, UsageError, parse


def main() -> None:
    """Do what the command line asks for. Comes back where a program has run to its end."""
    try:
        arguments = parse(sys.argv[1:])
        if arguments.debug:
            _turn_debug_mode_on()
    except UsageError as error:
        print(f"{error}\nTry: python -m asyncioxide --help", file=sys.stderr)
        sys.exit(2)
    match arguments.kind:
        case Kind.HELP:
            print(HELP, end="")
        case Kind.VERSION:
            print(f"asyncioxide {__version__}")
        case Kind.PS | Kind.PSTREE:
            looking.look(int(arguments.name), as_tree=arguments.kind is Kind.PSTREE)
        case _:
            _run(arguments)


def _run(arguments: Arguments) -> None:
    install()
    if arguments.inspectable:
        inspectable()
    name, rest = arguments.name, list(arguments.rest)
    match arguments.kind:
        case Kind.SCRIPT:
            program.run_script(name, rest)
        case Kind.MODULE:
            program.run_module(name, rest)
        case Kind.CODE:
            program.run_code(name, rest)
        case Kind.STDIN if not sys.stdin or not sys.stdin.isatty():
            program.run_stdin(rest)
        case _:
            shell.run()


def _turn_debug_mode_on() -> None:
    if sys.flags.ignore_environment:
        raise UsageError(
            "--debug sets PYTHONASYNCIODEBUG, which Python ignores with -E and -I. "
            "What turns debug mode on there is python -X dev."
        )
    os.environ["PYTHONASYNCIODEBUG"] = "1"
