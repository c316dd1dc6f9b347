"""Who waits for whom, since Python 3.14. See :mod:`asyncio.graph`."""

from . import _mirror

_mirror.complete(globals())
