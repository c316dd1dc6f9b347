"""The abstract transports, which are asyncio's own. See :mod:`asyncio.transports`."""

from . import _mirror

_mirror.complete(globals())
