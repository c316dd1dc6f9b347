"""Calls one function of the service by hand.

python examples/monitor/client.py SOCKET add tea 2
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tour"))

import options


async def call(arguments: argparse.Namespace) -> str:
    """Make the call: gives what there is to print."""
    from interface import connected

    async with connected(Path(arguments.socket), arguments.patience) as client:
        if arguments.function == "add":
            return f"{arguments.name}: {await client.add(arguments.name, arguments.amount)}"
        if arguments.function == "hang":
            await client.hang(arguments.seconds)
            return "over"
        if arguments.function == "crash":
            await client.crash()
            return "sent"
        status = await client.status()
        return f"process {status.process}, {status.calls} calls"


def main() -> int:
    """Call on the chosen loop; 1 if the service refused or did not answer."""
    parser = options.parser("Call one function of the service.")
    parser.add_argument("socket", help="path of the service's Unix socket")
    parser.add_argument(
        "--patience",
        type=options.seconds,
        default=3.0,
        metavar="S",
        help="how long an answer may take (%(default)s)",
    )
    functions = parser.add_subparsers(dest="function", required=True)
    functions.add_parser("status", help="what the service says of itself")
    add = functions.add_parser("add", help="add to a sum")
    add.add_argument("name")
    add.add_argument("amount", type=int)
    hang = functions.add_parser("hang", help="block the service")
    hang.add_argument("seconds", type=options.seconds)
    functions.add_parser("crash", help="end the service")
    arguments = parser.parse_args()
    options.require("thriftpy2")
    from interface import tally
    from thriftpy2.thrift import TException

    try:
        with options.runner(arguments) as runner:
            print(runner.run(call(arguments)))
    except tally.Refused as refused:
        print("refused:", refused.reason, file=sys.stderr)
        return 1
    except TimeoutError:
        print("no answer", file=sys.stderr)
        return 1
    except (OSError, TException) as error:
        print(f"no service: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
