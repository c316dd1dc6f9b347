"""Runs the class-parametrised tests of CPython with another Task and Future.

CPython tests its C and its pure-Python Task and Future with the same base classes. Here
each of those files gets one more set of test classes, named `Oxide...`, that mirrors the
C ones: wherever a C class stands for a parameter, ours does, also mixed with the stock
classes. Where CPython's C class adds tests of its own, ours inherits them.
"""

from __future__ import annotations

import asyncio
import asyncio.futures
import asyncio.tasks
import types
import unittest
from collections.abc import Callable
from typing import Any
from unittest import mock

_PyTask: type[Any] = asyncio.tasks._PyTask  # type: ignore[attr-defined]
_CTask: type[Any] = asyncio.tasks._CTask  # type: ignore[attr-defined]
_PyFuture: type[Any] = asyncio.futures._PyFuture  # type: ignore[attr-defined]
_CFuture: type[Any] = asyncio.futures._CFuture  # type: ignore[attr-defined]


def add_variants(
    name: str, module: Any, task: type[Any] | None, future: type[Any] | None
) -> list[str]:
    """Adds the classes for one test module; returns their names."""
    builder = _BUILDERS.get(name)
    if builder is None:
        return []
    variants = Variants(module, task, future)
    builder(variants)
    return variants.added


class Variants:
    """The test classes added to one module."""

    def __init__(self, module: Any, task: type[Any] | None, future: type[Any] | None) -> None:
        self.module = module
        self.task = task
        self.future = future
        self.added: list[str] = []

    def of_stock(self, pattern: str) -> type[Any]:
        """A stock class to derive from: `Fut{}Tests` is FutCTests, or FutPyTests.

        The pure-Python ones fit only if what is tested derives from those classes.
        """
        pure = (self.task is not None and issubclass(self.task, _PyTask)) or (
            self.task is None and self.future is not None and issubclass(self.future, _PyFuture)
        )
        found: type[Any] = getattr(self.module, pattern.format("Py" if pure else "C"))
        return found

    def on_base(self, *names: str) -> tuple[type[Any], ...]:
        """The bases of a test class made from one of the suite's mixins."""
        utils = self.module.test_utils
        return (*(getattr(self.module, name) for name in names), utils.TestCase)

    def add(
        self,
        name: str,
        *bases: type[Any],
        decorate: Callable[[type[Any]], type[Any]] | None = None,
        **attributes: Any,
    ) -> None:
        attributes |= {"__module__": self.module.__name__, "__qualname__": name}
        cls = types.new_class(name, bases, exec_body=lambda body: body.update(attributes))
        setattr(self.module, name, decorate(cls) if decorate else cls)
        self.added.append(name)


def _futures(variants: Variants) -> None:
    future = variants.future
    if future is None:
        return
    subclass = type("OxideSubFuture", (future,), {})

    def new(cls: type[Any]) -> Callable[[Any], Any]:
        return lambda self: cls(loop=self.loop)

    done = variants.on_base("BaseFutureDoneCallbackTests")
    variants.add("OxideFutureTests", variants.of_stock("{}FutureTests"), cls=future)
    variants.add("OxideSubFutureTests", *variants.on_base("BaseFutureTests"), cls=subclass)
    variants.add("OxideFutureDoneCallbackTests", *done, _new_future=new(future))
    variants.add("OxideSubFutureDoneCallbackTests", *done, _new_future=new(subclass))
    variants.add(
        "OxideFutureInheritanceTests",
        *variants.on_base("BaseFutureInheritanceTests"),
        _get_future_cls=lambda self: future,
    )


def _futures2(variants: Variants) -> None:
    if variants.task is None:
        return
    variants.add("OxideFutureTests", variants.of_stock("{}FutureTests"), cls=variants.task)
    variants.add("OxideFutureReprTests", _public_names(variants), variants.module.FutureReprTests)


def _tasks(variants: Variants) -> None:
    task, future, module = variants.task, variants.future, variants.module
    decorate = module.add_subclass_tests
    if task is not None and future is not None:
        stock = variants.of_stock("{0}Task_{0}Future_Tests")
        variants.add("OxideTask_OxideFuture_Tests", stock, Task=task, Future=future)
        _add_pair(variants, "OxideTask_OxideFuture_SubclassTests", task, future, decorate)
    if task is not None:
        _add_pair(variants, "OxideTask_CFuture_Tests", task, _CFuture)
        _add_pair(variants, "OxideTask_PyFuture_Tests", task, _PyFuture)
        _add_pair(variants, "OxideTaskSubclass_PyFuture_Tests", task, _PyFuture, decorate)
        _add_task_functions(variants, task)
    if future is not None:
        _add_pair(variants, "CTask_OxideFuture_Tests", _CTask, future)
        _add_pair(variants, "PyTask_OxideFuture_Tests", _PyTask, future)
        _add_pair(variants, "PyTask_OxideFutureSubclass_Tests", _PyTask, future, decorate)
        variants.add("OxideTask_Future_Tests", _public_names(variants), module.CTask_Future_Tests)
    if task is not None and future is not None:
        variants.add(
            "OxideGenericTaskTests",
            _public_names(variants),
            module.GenericTaskTests,
            test_asyncio_module_compiled=None,
        )


def _add_pair(
    variants: Variants,
    name: str,
    task: type[Any],
    future: type[Any],
    decorate: Callable[[type[Any]], type[Any]] | None = None,
) -> None:
    variants.add(
        name,
        *variants.on_base("BaseTaskTests"),
        decorate=decorate,
        Task=task,
        Future=future,
        all_tasks=_registry("all_tasks", task),
        current_task=_registry("current_task", task),
    )


def _add_task_functions(variants: Variants, task: type[Any]) -> None:
    """The tests of current_task() and, where they make a task, of the registry."""
    variants.add(
        "OxideCurrentLoopTests",
        *variants.on_base("BaseCurrentLoopTests"),
        current_task=_registry("current_task", task),
        new_task=lambda self, coro: task(coro, loop=self.loop),
    )
    if hasattr(variants.module.BaseTaskIntrospectionTests, "Task"):
        stock = variants.of_stock("{}IntrospectionTests")
        without_task = dict.fromkeys(name for name in dir(stock) if name.startswith("test__"))
        variants.add("OxideIntrospectionTests", stock, Task=task, **without_task)


def _eager_task_factory(variants: Variants) -> None:
    if variants.task is None:
        return
    for name, pattern in (
        ("OxideEagerTaskFactoryLoopTests", "{}EagerTaskFactoryLoopTests"),
        ("OxideEagerTaskTests", "Eager{}TaskTests"),
        ("OxideNonEagerTaskTests", "NonEager{}TaskTests"),
    ):
        variants.add(name, variants.of_stock(pattern), Task=variants.task)


def _free_threading(variants: Variants) -> None:
    task = variants.task
    if task is None:
        return

    def factory(self: Any, loop: Any, coro: Any, **kwargs: Any) -> Any:
        return task(coro, loop=loop, **kwargs)

    def eager_factory(self: Any, loop: Any, coro: Any, **kwargs: Any) -> Any:
        return task(coro, loop=loop, **({"eager_start": True} | kwargs))

    stock = variants.of_stock("Test{}FreeThreading")
    variants.add("OxideFreeThreadingTests", stock, factory=factory)
    variants.add("OxideEagerFreeThreadingTests", stock, factory=eager_factory)


def _registry(function: str, task: type[Any]) -> Any:
    """`all_tasks` or `current_task` as far as it knows this kind of task.

    CPython 3.14 keeps pure-Python tasks apart from all others.
    """
    kind = "py" if issubclass(task, _PyTask) else "c"
    public = getattr(asyncio.tasks, function)
    return staticmethod(getattr(asyncio.tasks, f"_{kind}_{function}", public))


def _public_names(variants: Variants) -> type[Any]:
    """A mixin for tests that take the classes from `asyncio` by name."""
    names: dict[str, Any] = {}
    if variants.future is not None:
        names["Future"] = variants.future
    if variants.task is not None:
        names["Task"] = variants.task
        names["all_tasks"] = _registry("all_tasks", variants.task).__func__

    class PublicNames(unittest.TestCase):
        def setUp(self) -> None:
            patch = mock.patch.multiple(asyncio, **names)
            patch.start()
            self.addCleanup(patch.stop)
            super().setUp()

    return PublicNames


_BUILDERS: dict[str, Callable[[Variants], None]] = {
    "test_futures": _futures,
    "test_futures2": _futures2,
    "test_tasks": _tasks,
    "test_eager_task_factory": _eager_task_factory,
    "test_free_threading": _free_threading,
}
