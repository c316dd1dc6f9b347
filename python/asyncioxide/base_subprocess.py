"""The transport of a child process. See :mod:`asyncio.base_subprocess`."""

from . import _mirror

_mirror.complete(globals())
