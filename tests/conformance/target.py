"""The loop, Task and Future that a run is about, found from what the command line says."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

STOCK = "stock"
LOOP_NAMES = {STOCK: "asyncio.unix_events:_UnixSelectorEventLoop"}


class Target:
    """Makes loops under test; `loop_class` is what they are instances of."""

    def __init__(self, loop: str, *, poll_every_turn: bool = False) -> None:
        spec = LOOP_NAMES.get(loop, loop)
        self._factory = load(spec if ":" in spec else f"{spec}:new_event_loop")
        self._options = {"poll_every_turn": True} if poll_every_turn else {}
        probe = self.new_loop()
        self.loop_class: type[Any] = type(probe)
        self.shows_executor = hasattr(probe, "_default_executor")
        probe.close()

    def new_loop(self) -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = self._factory(**self._options)
        return loop

    def new_instance(self, subclass: type[Any]) -> Any:
        """An instance of a subclass of the loop's class, made with the same options."""
        return subclass(**self._options)


def load(spec: str) -> Any:
    """The object that MODULE:NAME.NAME stands for."""
    module, _, path = spec.partition(":")
    found = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return found
