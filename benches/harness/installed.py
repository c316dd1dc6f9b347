"""Which of the loops this Python has. Apart from the names, so that workers start faster."""

import importlib
import importlib.metadata
import platform
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contender:
    """A loop that can be measured, or the limit."""

    name: str
    version: str


def find(name: str) -> Contender:
    """Imports a loop; what one that is missing or broken raises is the caller's to tell."""
    module = importlib.import_module(name)
    if name == "asyncio":
        return Contender(name, f"Python {platform.python_version()}")
    try:
        return Contender(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        # A build that lies on the path without being installed.
        return Contender(name, getattr(module, "__version__", "of unknown version"))
