"""Modules of the examples, imported as their programs do."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

# What each folder's programs have imported from it.
_loaded: dict[str, dict[str, ModuleType]] = {}


def load(example: str, name: str) -> ModuleType:
    """Gives a module of an example, the same each time.

    Programs import their neighbours by short names, which other folders have too: outside of this
    function nobody finds a module of an example under its name.
    """
    folder = EXAMPLES / example
    names = {path.stem for path in folder.glob("*.py")}
    own = _loaded.setdefault(example, {})
    strangers = {each: sys.modules.pop(each) for each in names & sys.modules.keys()}
    sys.modules.update(own)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
        own.update({each: sys.modules.pop(each) for each in names & sys.modules.keys()})
        sys.modules.update(strangers)
