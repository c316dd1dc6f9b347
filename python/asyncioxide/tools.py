"""The tasks of another process, since Python 3.14. See :mod:`asyncio.tools`."""

from . import _mirror

_mirror.complete(globals())
