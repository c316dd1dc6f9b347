from asyncio.staggered import *
from asyncio.staggered import __all__ as __all__
