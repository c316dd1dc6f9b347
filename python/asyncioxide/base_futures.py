"""The states and the representation of futures. See :mod:`asyncio.base_futures`."""

from . import _mirror

_mirror.complete(globals())
