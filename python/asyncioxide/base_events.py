"""What every event loop has in common. See :mod:`asyncio.base_events`."""

from . import _mirror
from ._loop import Server as Server

_mirror.complete(globals())
