"""What binds an object to one event loop. See :mod:`asyncio.mixins`."""

from . import _mirror

_mirror.complete(globals())
