from asyncio.trsock import *
