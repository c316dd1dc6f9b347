"""Tracebacks of programs that end with an exception, without the frames that ran them.

The exception leaves through our frames, so that the interpreter ends as it always does: exit status
1, or death by SIGINT after a Ctrl-C. Each frame that it leaves makes its traceback longer. What the
interpreter does last is to call `sys.excepthook`; there the traceback becomes what it was.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

_Hook = Callable[[type[BaseException], BaseException, TracebackType | None], object]


@contextmanager
def without_our_frames() -> Iterator[None]:
    """Run a program in the block. What it raises shows the frames above the block's only."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, SystemExit) or _shows_exits():
            _shorten_when_shown(error, _above_ours(error.__traceback__))
        raise


def _above_ours(traceback: TracebackType | None) -> TracebackType | None:
    while traceback is not None and traceback.tb_frame.f_globals.get("__package__") == __package__:
        traceback = traceback.tb_next
    return traceback


def _shows_exits() -> bool:
    """With -i, sys.exit() is an exception like others, and Python's shell follows."""
    return bool(sys.flags.inspect or os.environ.get("PYTHONINSPECT"))


def _shorten_when_shown(error: BaseException, traceback: TracebackType | None) -> None:
    hook: _Hook | None = getattr(sys, "excepthook", None)

    def show(kind: type[BaseException], value: BaseException, shown: TracebackType | None) -> None:
        if value is error:
            _put_back(hook)
            _set_last(error.with_traceback(traceback))
            shown = traceback
        _show(hook, kind, value, shown)

    sys.excepthook = show


def _put_back(hook: _Hook | None) -> None:
    if hook is None:
        del sys.excepthook
    else:
        sys.excepthook = hook


def _set_last(error: BaseException) -> None:
    sys.last_traceback = error.__traceback__
    sys.last_value = error
    if sys.version_info >= (3, 12):
        sys.last_exc = error


def _show(hook: Any, kind: Any, value: Any, traceback: Any) -> None:
    """Call the program's hook, and do for one that fails what CPython does (`_PyErr_PrintEx`)."""
    if hook is None:
        print("sys.excepthook is missing", file=sys.stderr)
        sys.__excepthook__(kind, value, traceback)
        return
    try:
        hook(kind, value, traceback)
    except SystemExit:
        raise
    except BaseException as failure:
        print("Error in sys.excepthook:", file=sys.stderr)
        own = failure.__traceback__ and failure.__traceback__.tb_next
        sys.__excepthook__(type(failure), failure.with_traceback(own), own)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(kind, value, traceback)
