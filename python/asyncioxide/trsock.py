"""The socket that a transport shows. See :mod:`asyncio.trsock`."""

from . import _mirror

_mirror.complete(globals())
