"""Puts the package's names in place of asyncio's, and takes them back.

What is replaced is one table of rows. It is not written down: it is found by comparing each module
of the package with asyncio's of the same name, so that a name that becomes ours is never forgotten.
"""

import asyncio
import importlib
import pkgutil
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

from . import _policy, futures, tasks
from ._loop import EventLoop

# asyncio's loops make handles of their own kind and look into them; ours are instances of both. The
# default policy remains asyncio's: a policy of ours would outlive `uninstall`.
_KEPT = frozenset({"Handle", "TimerHandle", "DefaultEventLoopPolicy", "_DefaultEventLoopPolicy"})


class Row(NamedTuple):
    """One place: `owner`'s attribute `name`, which was `stock` and is `ours`."""

    owner: Any
    name: str
    stock: Any
    ours: Any


_lock = threading.Lock()
_rows: list[Row] = []


class _Face(type):
    """The type of what stands for asyncio's Future and Task: both kinds are its instances."""

    _kinds: tuple[type, ...] = ()

    def __instancecheck__(cls, instance: Any) -> bool:
        return super().__instancecheck__(instance) or isinstance(instance, cls._own_kinds())

    def __subclasscheck__(cls, subclass: type) -> bool:
        return super().__subclasscheck__(subclass) or issubclass(subclass, cls._own_kinds())

    def _own_kinds(cls) -> tuple[type, ...]:
        # A program's subclass inherits the attribute and is no wider for it.
        kinds: tuple[type, ...] = cls.__dict__.get("_kinds", ())
        return kinds


def _face_of(native: type, stock: type) -> type:
    def make(cls: type, *args: Any, **kwargs: Any) -> Any:
        # Not of the face's type, so that type.__call__ leaves it alone: the exact, fast kind.
        return native(*args, **kwargs) if cls is face else native.__new__(cls, *args, **kwargs)

    body = {
        "__doc__": native.__doc__,
        "__module__": native.__module__,
        "__qualname__": native.__qualname__,
        "__new__": make,
        "_kinds": (native, stock),
    }
    face = _Face(native.__name__, (native,), body)
    return face


# Made once: what a program derived from one is an instance of the next install's as well.
_faces: dict[Any, Any] = {
    futures.Future: _face_of(futures.Future, asyncio.Future),
    tasks.Task: _face_of(tasks.Task, asyncio.Task),
}


def _replacements(owner: ModuleType, ours: ModuleType) -> Iterator[Row]:
    for name, stock in list(vars(owner).items()):
        if name in _KEPT or name.startswith("__") or isinstance(stock, ModuleType):
            continue
        value = vars(ours).get(name, stock)
        if value is not stock and not isinstance(value, ModuleType):
            yield Row(owner, name, stock, _faces.get(value, value))


def _table() -> list[Row]:
    package = importlib.import_module(__package__)
    rows: list[Row] = []
    for info in pkgutil.iter_modules(asyncio.__path__):
        ours = vars(package).get(info.name)
        if not isinstance(ours, ModuleType):
            continue
        rows += _replacements(importlib.import_module(f"asyncio.{info.name}"), ours)
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
    """Put back what `install` replaced, last first. Does nothing where nothing is installed."""
    with _lock:
        while _rows:
            row = _rows.pop()
            setattr(row.owner, row.name, row.stock)


def installed() -> tuple[Row, ...]:
    """Return the places that are replaced now, in the order of replacement; empty where none is.

    A row has `owner` (a module or class of asyncio's), `name`, `stock` and `ours`.
    """
    return tuple(_rows)
