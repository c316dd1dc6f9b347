"""Waiting until another thread's loop waits in the kernel, by looking and not by sleeping."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

GIVE_UP_AFTER_S = 30.0


def _waits_in_poll(native_id: int) -> bool:
    place = f"/proc/self/task/{native_id}"
    with open(f"{place}/wchan") as file:
        where = file.read()
    if where not in ("", "0"):
        # do_epoll_wait or ep_poll, by the kernel's age; not futex, the GIL's wait.
        return "ep" in where and "futex" not in where
    # A kernel that does not tell where: asleep has to do.
    with open(f"{place}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"


def wait_until_parked(native_id: int) -> None:
    """Returns once the thread waits in epoll; raises when it never does."""
    deadline = time.monotonic() + GIVE_UP_AFTER_S
    while not _waits_in_poll(native_id):
        if time.monotonic() > deadline:
            raise TimeoutError(f"thread {native_id} never waited in epoll")
        os.sched_yield()


def once_parked(act: Callable[..., Any], *args: Any) -> threading.Thread:
    """A thread, not yet started, that acts once the thread calling this is parked."""
    native_id = threading.get_native_id()

    def run() -> None:
        wait_until_parked(native_id)
        act(*args)

    return threading.Thread(target=run)
