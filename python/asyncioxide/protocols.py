"""The abstract protocols, which are asyncio's own. See :mod:`asyncio.protocols`."""

from . import _mirror

_mirror.complete(globals())
