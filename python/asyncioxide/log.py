"""The logger, which is asyncio's. See :mod:`asyncio.log`."""

from . import _mirror

_mirror.complete(globals())
