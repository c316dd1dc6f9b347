from asyncio.sslproto import *
