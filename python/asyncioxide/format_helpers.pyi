from asyncio.format_helpers import *
