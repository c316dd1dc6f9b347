from asyncio.subprocess import *
from asyncio.subprocess import __all__ as __all__
