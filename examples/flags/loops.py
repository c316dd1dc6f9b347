"""The choice of the event loop, and the open files that 676 connections at once need."""

from __future__ import annotations

import asyncio
import importlib
import resource
import sys
from collections.abc import Callable

LOOPS = ("asyncioxide", "asyncio", "uvloop")  # each has its new_event_loop()
OPEN_FILES = 4096  # 676 connections, twice in the proxy, and what is still closing from before

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def loop_factory(name: str) -> LoopFactory:
    """Give ``new_event_loop`` of the chosen package, imported only now."""
    try:
        package = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        source = "." if name == "asyncioxide" else name
        sys.exit(f"{name} is not installed: run `pip install {source}` in the project's folder")
    factory: LoopFactory = package.new_event_loop
    return factory


def allow_open_files() -> None:
    """Raise the soft limit of open files, or say which limit stands in the way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= OPEN_FILES:
        return
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        sys.exit(
            f"676 connections at once need {OPEN_FILES} open files, and this user may have "
            f"{hard}: raise the limit with `ulimit -Hn {OPEN_FILES}` as root"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, hard))
