"""Running a program. See :mod:`asyncio.runners`."""

from . import _mirror
from ._run import Runner as Runner, run as run

_mirror.complete(globals())
