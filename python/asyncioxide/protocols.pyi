from asyncio.protocols import *
from asyncio.protocols import __all__ as __all__
