from asyncio.streams import *
from asyncio.streams import __all__ as __all__
