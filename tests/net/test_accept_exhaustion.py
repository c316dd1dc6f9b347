"""A server that runs out of descriptors: says so, backs off, and recovers."""

from __future__ import annotations

import json
import socket

from harness.child import PATIENCE_S, child

CLIENTS = 40

# Five connections fit; the others do once the reserve is given up.
PROGRAM = """
    import json, os, resource, time

    CLIENTS = %d
    served = lost = 0
    reports = []
    reserve = []
    started = None

    class Greets(asyncio.Protocol):
        def connection_made(self, transport):
            global served
            served += 1
            transport.write(b"hi")

        def connection_lost(self, exc):
            global lost
            lost += 1
            if lost == CLIENTS:
                done.set_result(time.process_time() - started)

    def on_error(loop, context):
        global started
        reports.append({"message": context["message"], "keys": sorted(context)})
        started = started or time.process_time()
        while reserve:
            os.close(reserve.pop())

    async def main():
        global done
        done = loop.create_future()
        server = await loop.create_server(Greets, "127.0.0.1", 0)
        reserve.extend(os.open("/dev/null", os.O_RDONLY) for _ in range(50))
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (reserve[-1] + 6, hard))
        loop.set_exception_handler(on_error)
        print(server.sockets[0].getsockname()[1], flush=True)
        used = await done
        server.close()
        await server.wait_closed()
        return {"served": served, "reports": reports, "used": used}

    loop = new_event_loop()
    print(json.dumps(loop.run_until_complete(main())))
    loop.close()
"""


def test_recovers_when_descriptors_are_free_again(loop_kind):
    with child(loop_kind, PROGRAM % CLIENTS) as process:
        port = int(process.stdout.readline())
        clients = []
        for _ in range(CLIENTS):
            clients.append(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
        greetings = [client.recv(2) for client in clients]
        for client in clients:
            client.close()
        output, errors = process.communicate(timeout=PATIENCE_S)
    assert greetings == [b"hi"] * CLIENTS
    assert errors == ""
    result = json.loads(output)
    assert result["served"] == CLIENTS
    assert result["reports"]
    for report in result["reports"]:
        assert report["message"] == "socket.accept() out of system resource"
        assert report["keys"] == ["exception", "message", "socket"]
    # It waits about a second before it tries again, and does not burn it.
    assert result["used"] < 0.5
