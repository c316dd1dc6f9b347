"""What a test may not leave behind: descriptors, threads, objects, process state."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from asyncio import _get_running_loop
from collections import Counter
from dataclasses import dataclass, field

from harness.loops import tracked_types

# A worker thread whose executor was shut down without waiting ends by itself,
# soon: it is joined for this long, and what is left then is a leak.
THREAD_GRACE_S = 10.0

WATCHED_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGALRM,
    signal.SIGCHLD,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGPIPE,
)


def open_descriptors() -> dict[int, str]:
    """Maps every open descriptor to what it is open on."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            # The descriptor of the directory listing itself.
            continue
    return found


def live_objects() -> Counter[str]:
    """Counts the live loops, futures, handles, transports and servers by class."""
    counts = Counter(type(thing) for thing in gc.get_objects())
    watched = tracked_types()
    return Counter(
        {
            f"{cls.__module__}.{cls.__qualname__}": count
            for cls, count in counts.items()
            if issubclass(cls, watched)
        }
    )


def wakeup_fd() -> int:
    """Reads the descriptor that signal.set_wakeup_fd last got."""
    current = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(current, warn_on_full_buffer=False)
    return current


def process_state() -> dict[str, object]:
    """Global settings that a loop changes while it runs and must put back."""
    state: dict[str, object] = {
        "running loop": _get_running_loop(),
        "asyncgen hooks": tuple(sys.get_asyncgen_hooks()),
        "coroutine origin tracking": sys.get_coroutine_origin_tracking_depth(),
        "wakeup fd": wakeup_fd(),
    }
    for number in WATCHED_SIGNALS:
        state[f"handler of {number.name}"] = signal.getsignal(number)
    return state


@dataclass
class Snapshot:
    """The process before a test; `differences` compares it with the one after."""

    descriptors: dict[int, str] = field(default_factory=open_descriptors)
    threads: set[threading.Thread] = field(default_factory=lambda: set(threading.enumerate()))
    objects: Counter[str] = field(default_factory=live_objects)
    state: dict[str, object] = field(default_factory=process_state)

    def differences(self) -> list[str]:
        return [
            *self._threads_left(),
            *self._state_changed(),
            *self._objects_left(),
            *self._descriptors_left(),
        ]

    def _threads_left(self) -> list[str]:
        left = []
        for thread in set(threading.enumerate()) - self.threads:
            thread.join(THREAD_GRACE_S)
            if thread.is_alive():
                left.append(f"thread {thread!r}")
        return left

    def _state_changed(self) -> list[str]:
        now = process_state()
        return [
            f"{name}: {self.state[name]!r} before, {value!r} after"
            for name, value in now.items()
            if value != self.state[name]
        ]

    def _objects_left(self) -> list[str]:
        # Twice: a finalizer of the first round may free more.
        gc.collect()
        gc.collect()
        return [f"{count} more {name}" for name, count in (live_objects() - self.objects).items()]

    def _descriptors_left(self) -> list[str]:
        return [
            f"descriptor {number} -> {target}"
            for number, target in open_descriptors().items()
            if self.descriptors.get(number) != target
        ]
