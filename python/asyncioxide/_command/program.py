"""Running somebody's program so that it cannot tell from being run by ``python`` itself.

What CPython does in C before a program's first line (``pymain_run_python``, ``pyrun_file``), done
again here: `sys.argv`, `sys.path[0]`, the names in ``__main__``, and what is said about a program
that cannot be read. Modules, folders and zip files go through `runpy`, as they do there.

What stays visible are frames below the program's own, for who looks at the stack of calls itself.
"""

import builtins
import importlib.machinery
import importlib.util
import io
import linecache
import marshal
import os
import pkgutil
import runpy
import sys
import textwrap
from types import CodeType
from typing import Any, NoReturn

from .uncaught import without_our_frames

_run_module_as_main: Any = vars(runpy)["_run_module_as_main"]


def run_script(script: str, arguments: list[str]) -> None:
    """``python script arguments``: a file, or a folder or zip file with a ``__main__`` in it."""
    sys.argv = [script, *arguments]
    # Not normalized, as Python leaves it.
    path = os.path.join(os.getcwd(), script)
    if pkgutil.get_importer(path) is not None:
        _set_first_path(path)
        _fresh_main()
        sys.audit("cpython.run_module", "__main__")
        with without_our_frames():
            _run_module_as_main("__main__", False)
        return
    sys.audit("cpython.run_file", path)
    text = _read(path)
    if not sys.flags.safe_path:
        _set_first_path(os.path.dirname(os.path.realpath(path)))
    compiled = path.endswith(".pyc") or text.startswith(importlib.util.MAGIC_NUMBER)
    loader = (
        importlib.machinery.SourcelessFileLoader
        if compiled
        else importlib.machinery.SourceFileLoader
    )
    _fresh_main(path, loader("__main__", path))
    with without_our_frames():
        _execute(_load(text) if compiled else _compile(text, path))
    _forget_file()


def run_module(module: str, arguments: list[str]) -> None:
    """``python -m module arguments``."""
    # The first is what packages see while they are imported; runpy puts the module's file there.
    sys.argv = ["-m", *arguments]
    _fresh_main()
    sys.audit("cpython.run_module", module)
    with without_our_frames():
        _run_module_as_main(module)


def run_code(code: str, arguments: list[str]) -> None:
    """``python -c code arguments``."""
    sys.argv = ["-c", *arguments]
    sys.audit("cpython.run_command", code + "\n")
    if not sys.flags.safe_path:
        _set_first_path("")
    _fresh_main()
    with without_our_frames():
        _execute(_compile_argument(code))


def run_stdin(arguments: list[str]) -> None:
    """``python - arguments``, where standard input is no terminal."""
    sys.argv = ["-", *arguments]
    sys.audit("cpython.run_stdin")
    if not sys.flags.safe_path:
        _set_first_path("")
    _fresh_main("<stdin>")
    text = sys.stdin.buffer.read() if sys.stdin else b""
    with without_our_frames():
        _execute(_compile(text, "<stdin>"))
    _forget_file()


def _set_first_path(first: str) -> None:
    if sys.flags.safe_path:
        sys.path.insert(0, first)
    else:
        # What is there is for `python -m asyncioxide`, the current folder.
        sys.path[0] = first


def _fresh_main(file: str | None = None, loader: object = None) -> None:
    """Make the module ``__main__``, which was this command's, the program's."""
    namespace = vars(sys.modules["__main__"])
    namespace.clear()
    namespace.update(
        __name__="__main__",
        __doc__=None,
        __package__=None,
        __loader__=loader or importlib.machinery.BuiltinImporter,
        __spec__=None,
        __builtins__=builtins,
    )
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    if file is not None:
        namespace["__file__"] = file
        if sys.version_info < (3, 15):
            namespace["__cached__"] = None


def _forget_file() -> None:
    """Python takes this away from a script that has run to its end, before its exit handlers."""
    namespace = vars(sys.modules["__main__"])
    namespace.pop("__file__", None)
    namespace.pop("__cached__", None)


def _execute(code: CodeType) -> None:
    exec(code, vars(sys.modules["__main__"]))


def _read(path: str) -> bytes:
    try:
        with io.open_code(path) as file:
            return file.read()
    except IsADirectoryError:
        _refuse(f"{path!r} is a directory, cannot continue", 1)
    except OSError as error:
        # Opening and reading a file that changes its kind meanwhile fail alike.
        _refuse(f"can't open file {path!r}: [Errno {error.errno}] {error.strerror}", 2)


def _refuse(why: str, status: int) -> NoReturn:
    print(f"{sys.orig_argv[0]}: {why}", file=sys.stderr)
    sys.exit(status)


def _load(data: bytes) -> CodeType:
    if not data.startswith(importlib.util.MAGIC_NUMBER):
        raise RuntimeError("Bad magic number in .pyc file")
    code: CodeType = marshal.loads(data[16:])
    return code


def _compile(text: str | bytes, filename: str) -> CodeType:
    code: CodeType = compile(text, filename, "exec", dont_inherit=True)
    return code


def _compile_argument(code: str) -> CodeType:
    if sys.version_info >= (3, 14):
        code = textwrap.dedent(code)
    code += "\n"
    compiled = _compile(code, "<string>")
    if sys.version_info >= (3, 13):
        # Where tracebacks find the lines of what has no file.
        key = compiled if sys.version_info >= (3, 14) else "<string>"
        register: Any = vars(linecache)["_register_code"]
        register(key, code, "<string>")
    return compiled
