"""What an idle TLS connection weighs beside what OpenSSL needs for it.

Fresh processes hold as many handshaken connections as they are told, and their growth is compared:
one holds bare `ssl.SSLObject`s with their `MemoryBIO`s, the others transports and protocols of a
loop over connected sockets. All hold both ends of every connection. By resident size, garbage
collected.

    python benches/tls_memory.py --connections 2000
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import resource
import socket
import ssl
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from harness.resources import rss_bytes

CERTIFICATES = Path(__file__).parent.parent / "tests" / "certificates"
KINDS = ("bare", "asyncio", "asyncioxide")
# Made before the first measurement, so that nothing is weighed that is made once.
WARM_UP = 100


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATES / "localhost.pem")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(CERTIFICATES / "authority.pem")
    return server, client


def bare_pair(server: ssl.SSLContext, client: ssl.SSLContext) -> list[object]:
    """Both ends of a connection, with nothing around OpenSSL."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    from_server, from_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = server.wrap_bio(to_server, from_server, server_side=True)
    two = client.wrap_bio(to_client, from_client, server_hostname="localhost")
    pending = [two, one]
    while pending:
        for end in tuple(pending):
            try:
                end.do_handshake()
                pending.remove(end)
            except ssl.SSLWantReadError:
                pass
            to_server.write(from_client.read())
            to_client.write(from_server.read())
    # The tickets that a client finds when it reads.
    with contextlib.suppress(ssl.SSLWantReadError):
        two.read(1)
    return [one, two, to_server, to_client, from_server, from_client]


def weigh_bare(count: int) -> float:
    """The bytes of an end without a loop."""
    server, client = contexts()
    held = [bare_pair(server, client) for _ in range(WARM_UP)]
    gc.collect()
    before = rss_bytes()
    held += [bare_pair(server, client) for _ in range(count)]
    gc.collect()
    return (rss_bytes() - before) / count / 2


async def weigh_loop(count: int) -> float:
    """The bytes of an end that a loop serves."""
    loop = asyncio.get_running_loop()
    server, client = contexts()
    held: list[object] = []

    async def connect() -> None:
        one, two = socket.socketpair()
        held.extend(
            await asyncio.gather(
                loop.connect_accepted_socket(asyncio.Protocol, one, ssl=server),
                loop.create_connection(
                    asyncio.Protocol, sock=two, ssl=client, server_hostname="localhost"
                ),
            )
        )

    for _ in range(WARM_UP):
        await connect()
    await asyncio.sleep(0.1)
    gc.collect()
    before = rss_bytes()
    for _ in range(count):
        await connect()
    await asyncio.sleep(0.1)
    gc.collect()
    return (rss_bytes() - before) / count / 2


def weigh(kind: str, count: int) -> float:
    """The bytes of one end, in this process."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if kind == "bare":
        return weigh_bare(count)
    if kind == "asyncio":
        return asyncio.run(weigh_loop(count))
    import asyncioxide

    return asyncioxide.run(weigh_loop(count))


def weigh_apart(kind: str, count: int) -> float:
    """The same, in a process of its own."""
    command = [sys.executable, __file__, "--connections", str(count), "--only", kind]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Weighs and prints."""
    parser = argparse.ArgumentParser(description="What an idle TLS connection weighs.")
    parser.add_argument(
        "--connections",
        type=int,
        default=2000,
        metavar="N",
        help="how many are held at once, with both of their ends (default %(default)s)",
    )
    parser.add_argument(
        "--only", choices=KINDS, help="weigh one kind in this process: the bytes of one end"
    )
    options = parser.parse_args()
    count = options.connections
    if options.only is not None:
        print(weigh(options.only, count))
        return
    bare = weigh_apart("bare", count)
    print(f"one end of an idle TLS connection, {count} connections, in KiB")
    print(f"  OpenSSL, SSLObject, two MemoryBIOs: {bare / 1024:.1f}")
    for kind in KINDS[1:]:
        whole = weigh_apart(kind, count)
        print(f"  {kind}: {whole / 1024:.1f}, that is {(whole - bare) / 1024:.1f} more")


if __name__ == "__main__":
    main()
