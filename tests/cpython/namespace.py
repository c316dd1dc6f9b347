"""Lets `asyncio` and its modules mean asyncioxide's for all that is imported afterwards."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import types
from typing import Any

STOCK = "asyncio"
OURS = "asyncioxide"
_ABSENT = object()


def install() -> None:
    """Call before the test modules, and what of `unittest` and `test` knows asyncio, are imported.

    A module that only asyncio has stays asyncio's.
    """
    package = importlib.import_module(OURS)
    ours = {found.name for found in pkgutil.iter_modules(package.__path__)}
    for found in pkgutil.iter_modules(importlib.import_module(STOCK).__path__):
        if found.name.startswith("_"):
            continue
        try:
            stock = importlib.import_module(f"{STOCK}.{found.name}")
        except ImportError:
            continue  # for Windows only
        if found.name not in ours:
            setattr(package, found.name, stock)
            continue
        module: Any = importlib.import_module(f"{OURS}.{found.name}")
        _stock_modules[module.__name__] = stock
        module.__class__ = SharedNames
    for name in _stock_modules:
        sys.modules[name.replace(OURS, STOCK, 1)] = sys.modules[name]
    sys.modules[STOCK] = package


_stock_modules: dict[str, types.ModuleType] = {}


class SharedNames(types.ModuleType):
    """A module whose names that are asyncio's too are replaced in asyncio's module as well.

    Tests patch a module's globals, such as `asyncio.base_events.socket`, and mean the code that
    reads them. Where the module takes that code over, it reads those of asyncio's module.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if self._shares(name):
            setattr(_stock_modules[self.__name__], name, value)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if self._shares(name):
            delattr(_stock_modules[self.__name__], name)
        super().__delattr__(name)

    def _shares(self, name: str) -> bool:
        stock = vars(_stock_modules[self.__name__])
        return vars(self).get(name, _ABSENT) is stock.get(name, _ABSENT)
