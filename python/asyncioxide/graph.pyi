import sys

if sys.version_info >= (3, 14):
    from asyncio.graph import *
    from asyncio.graph import __all__ as __all__
