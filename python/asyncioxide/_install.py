"""Puts the package's names in place of asyncio's, and takes them back.

What is replaced is one table of rows. It is not written down: it is found by comparing each module
of the package with asyncio's of the same name, so that a name that becomes ours is never forgotten.
"""

import asyncio
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

from . import _policy
from ._loop import EventLoop

# asyncio's own loops make the first one, and look into it. The default policy remains asyncio's: a
# policy of ours would outlive `uninstall`.
_KEPT = frozenset({"Server", "DefaultEventLoopPolicy", "_DefaultEventLoopPolicy"})


class Row(NamedTuple):
    """One place: `owner`'s attribute `name`, which was `stock` and is `ours`."""

    owner: Any
    name: str
    stock: Any
    ours: Any


_lock = threading.Lock()
_rows: list[Row] = []


def _replacements(owner: ModuleType, ours: ModuleType) -> Iterator[Row]:
    for name, stock in list(vars(owner).items()):
        if name in _KEPT or name.startswith("__") or isinstance(stock, ModuleType):
            continue
        value = vars(ours).get(name, stock)
        if value is not stock and not isinstance(value, ModuleType):
            yield Row(owner, name, stock, value)


def _table() -> list[Row]:
    package = sys.modules[__package__]
    rows: list[Row] = []
    for name, ours in vars(package).items():
        if isinstance(ours, ModuleType) and ours.__name__ == f"{__package__}.{name}":
            owner = sys.modules.get(f"asyncio.{name}")
            if owner is not None:
                rows += _replacements(owner, ours)
    rows += _replacements(asyncio, package)
    policy: Any = _policy._Default
    rows.append(Row(policy, "_loop_factory", policy._loop_factory, EventLoop))
    return rows


def install() -> None:
    """Put this package's functions and classes in place of asyncio's, in the modules of asyncio.

    Programs and libraries that look a name up in ``asyncio`` get ours from now on; names that were
    taken before (``from asyncio import Queue``) stay asyncio's, and work on our loops. New loops
    are ours. Does nothing where it has been called already. `installed` shows each place.
    """
    with _lock:
        if _rows:
            return
        _rows.extend(_table())
        for row in _rows:
            setattr(row.owner, row.name, row.ours)


def uninstall() -> None:
    """Put back what `install` replaced, last first. Does nothing where nothing is installed.

    A name that somebody else has given another meaning since then keeps it.
    """
    with _lock:
        while _rows:
            row = _rows.pop()
            if vars(row.owner).get(row.name) is row.ours:
                setattr(row.owner, row.name, row.stock)


def installed() -> tuple[Row, ...]:
    """Return the places that are replaced now, in the order of replacement; empty where none is.

    A row has `owner` (a module or class of asyncio's), `name`, `stock` and `ours`.
    """
    return tuple(_rows)
