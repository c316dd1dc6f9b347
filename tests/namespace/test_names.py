"""`import asyncioxide as asyncio`: names, modules and signatures are the running Python's."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any

import asyncioxide
import pytest
from asyncioxide import _asyncioxide

# asyncio's modules that another system alone can import, and its own program.
ELSEWHERE = {"__main__", "windows_events", "windows_utils"}
MODULES = [
    found.name for found in pkgutil.iter_modules(asyncio.__path__) if found.name not in ELSEWHERE
]
# What the package has beyond asyncio.
OURS = {"EventLoop", "EventLoopPolicy", "inspectable", "install", "installed", "uninstall"}

# Why a signature is not asyncio's, by the name in the package.
OTHER_SIGNATURES = {
    "new_event_loop": "poll_every_turn= is ours",
    "EventLoop": "poll_every_turn= is ours",
    "SelectorEventLoop": "poll_every_turn= is ours",
    "EventLoop.create_task": "names arguments that asyncio's passes on since 3.14",
    "SelectorEventLoop.create_task": "the same",
    "Server": "is made by the loop only; asyncio's takes private arguments",
}


def stock(module: str) -> ModuleType:
    return importlib.import_module(f"asyncio.{module}")


def ours(module: str) -> ModuleType:
    return importlib.import_module(f"asyncioxide.{module}")


def public(module: ModuleType) -> set[str]:
    """The public names, without the modules that it imports from elsewhere."""
    package = module.__name__.partition(".")[0]
    return {
        name
        for name in dir(module)
        if not name.startswith("_")
        and not (
            isinstance(value := getattr(module, name), ModuleType)
            and value.__name__.partition(".")[0] != package
        )
    }


def test_the_package_has_every_public_name():
    # Not asyncio's, and there only once somebody has imported it.
    assert public(asyncioxide) - {"legacy"} == public(asyncio) | OURS


def test_the_package_exports_what_asyncio_exports():
    assert set(asyncioxide.__all__) == {*asyncio.__all__, *OURS, "__version__"}
    namespace: dict[str, Any] = {}
    exec("from asyncioxide import *", namespace)
    assert namespace.keys() >= set(asyncio.__all__)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_every_name(module):
    names = {name for name in vars(stock(module)) if not name.startswith("__")}
    assert names <= vars(ours(module)).keys()
    assert public(ours(module)) - OURS == public(stock(module)) - OURS
    assert getattr(ours(module), "__all__", None) == getattr(stock(module), "__all__", None)
    assert ours(module).__doc__


@pytest.mark.parametrize("module", MODULES)
def test_a_module_names_modules_of_the_package(module):
    for name, value in vars(stock(module)).items():
        if isinstance(value, ModuleType) and value.__name__.startswith("asyncio."):
            assert getattr(ours(module), name) is ours(value.__name__.partition(".")[2])


@pytest.mark.parametrize("module", sorted({"graph", "tools"} - set(MODULES)))
def test_a_module_that_this_python_lacks_says_so(module):
    with pytest.raises(ModuleNotFoundError, match=f"asyncio has no module '{module}'") as caught:
        ours(module)
    assert caught.value.name == f"asyncioxide.{module}"


def test_a_name_means_one_thing_in_the_package_and_its_modules():
    for module in MODULES:
        for name in getattr(stock(module), "__all__", ()):
            if not hasattr(asyncio, name):
                continue
            assert getattr(asyncioxide, name) is getattr(ours(module), name), (module, name)


# What is native and has a Python class over it.
BEHIND_A_CLASS = {"EventLoop", "Server"}
# What only loops make: programs see asyncio's classes, of which ours are instances.
ASYNCIOS = {"Handle", "TimerHandle"}
NATIVE = sorted(
    (module, name)
    for module in MODULES
    for name in vars(stock(module))
    if name in getattr(_asyncioxide, "__all__", vars(_asyncioxide))
    and not name.startswith("__")
    and (
        name in getattr(stock(module), "__all__", ())
        or vars(stock(module))[name].__module__ in (f"asyncio.{module}", "_asyncio")
    )
)


@pytest.mark.parametrize(("module", "name"), NATIVE)
def test_what_is_native_is_what_a_module_gives(module, name):
    native, given = getattr(_asyncioxide, name), getattr(ours(module), name)
    if name in BEHIND_A_CLASS:
        assert given is not native and issubclass(given, native)
    elif name in ASYNCIOS:
        assert given is getattr(stock(module), name)
    else:
        assert given is native


# Every public name that means something else in the package than in asyncio: name, ours, asyncio's.
DIFFERENT = [
    pytest.param(name, getattr(owner, name), getattr(other, name), id=f"{other.__name__}.{name}")
    for owner, other in (
        (asyncioxide, asyncio),
        *((ours(module), stock(module)) for module in MODULES),
    )
    for name in sorted(public(other))
    if getattr(owner, name) is not getattr(other, name) and callable(getattr(other, name))
]


@pytest.mark.parametrize(("name", "mine", "theirs"), DIFFERENT)
def test_signatures_are_asyncios(name, mine, theirs):
    assert (parameters(mine) == parameters(theirs)) is (name not in OTHER_SIGNATURES)
    if isinstance(theirs, type):
        for method, value in inspect.getmembers(theirs, callable):
            if not method.startswith("_") and f"{name}.{method}" not in OTHER_SIGNATURES:
                found, expected = parameters(getattr(mine, method)), parameters(value)
                # The receiver has another name in C, and some of asyncio's C code says nothing.
                assert found and (expected is None or found[1:] == expected[1:]), method


def parameters(function: Any) -> list[tuple[str, Any, Any]] | None:
    """Name, kind and default of each parameter; None where C code does not say."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        return None
    return [(one.name, one.kind, one.default) for one in signature.parameters.values()]


@pytest.mark.parametrize(("name", "mine", "theirs"), DIFFERENT)
def test_what_is_ours_is_documented(name, mine, theirs):
    assert mine.__doc__ and mine.__doc__ != theirs.__doc__
    if isinstance(theirs, type):
        for method, value in inspect.getmembers(theirs, callable):
            if not method.startswith("_") and value.__doc__:
                assert getattr(mine, method).__doc__, method


@pytest.mark.parametrize(("name", "mine", "theirs"), DIFFERENT)
def test_what_is_ours_says_where_it_is(name, mine, theirs):
    module = importlib.import_module(mine.__module__)
    assert not any(part.startswith("_") for part in module.__name__.split("."))
    assert getattr(module, mine.__qualname__) is mine
