"""Tasks, and waiting for them. See :mod:`asyncio.tasks`."""

from . import _mirror
from ._asyncioxide import (
    Task as Task,
    _GatheringFuture as _GatheringFuture,
    ensure_future as ensure_future,
    gather as gather,
    shield as shield,
    sleep as sleep,
    wait_for as wait_for,
)

_mirror.complete(globals())
