"""How the modules of the package take over from asyncio's what they do not define.

``asyncioxide.locks`` stands for ``asyncio.locks``, and so on: each module imports what is ours and
calls `complete` at its end. Nothing is copied: what is taken over is asyncio's own object.
"""

import importlib
from types import ModuleType
from typing import Any

_STOCK = "asyncio"
_OURS = __package__
_PRIVATE = f"{_OURS}._"


def complete(namespace: dict[str, Any]) -> None:
    """Give a module all names of asyncio's module of the same name that it does not have yet.

    namespace: the module's ``globals()``. Private names come too, since libraries and tests use
    them; a name for one of asyncio's modules becomes one for ours.

    Raises ModuleNotFoundError where the running Python's asyncio has no such module.
    """
    module = namespace["__name__"].rpartition(".")[2]
    try:
        stock = importlib.import_module(f"{_STOCK}.{module}")
    except ModuleNotFoundError as error:
        if error.name != f"{_STOCK}.{module}":
            raise
        raise ModuleNotFoundError(
            f"No module named {namespace['__name__']!r}: "
            f"the running Python's asyncio has no module {module!r} either",
            name=namespace["__name__"],
        ) from None
    for name, value in namespace.items():
        if getattr(value, "__qualname__", None) == name and value.__module__.startswith(_PRIVATE):
            # Where users find it, and where pickle does.
            value.__module__ = namespace["__name__"]
    for name, value in vars(stock).items():
        special = name.startswith("__") and name != "__all__"
        if not special and name not in namespace:
            namespace[name] = _counterpart(value)


def _counterpart(value: Any) -> Any:
    if isinstance(value, ModuleType):
        package, _, module = value.__name__.partition(".")
        if package == _STOCK and module:
            return importlib.import_module(f"{_OURS}.{module}")
    return value
