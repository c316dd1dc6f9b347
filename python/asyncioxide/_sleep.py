from asyncio import sleep as sleep
