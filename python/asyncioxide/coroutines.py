"""What is a coroutine. See :mod:`asyncio.coroutines`."""

from . import _mirror

_mirror.complete(globals())
