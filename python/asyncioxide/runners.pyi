from asyncio.runners import *
from asyncio.runners import __all__ as __all__
