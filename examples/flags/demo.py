"""The demo: the four clients on each loop, side by side, and a table of what they reached.

Server and client run on the loop in question, each in a process of its own. The runs of the quick
clients alternate between the loops, so that a busy moment of the machine meets both. The exit
status is not zero if a client failed, a picture was corrupt, or ``await`` missed the bar.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import platform
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import arguments
import codes
import loops
import programs
from scoring import Run, Scores, plan

if TYPE_CHECKING:
    from display import Bar  # needs rich, whose absence is explained first

BAR = 60.0  # times the pictures a second of the sequential client


@asynccontextmanager
async def stage(options: argparse.Namespace) -> AsyncIterator[dict[str, int]]:
    """Start what serves, once for each loop: gives the port of each loop's."""
    async with AsyncExitStack() as stack:
        extra: list[str] = []
        script = "server.py"
        if options.server == "nginx":
            script = "proxy.py"
            extra = ["--origin-port", str(await stack.enter_async_context(programs.nginx()))]
        ports = {}
        for name in options.loops:
            server = programs.serving(script, name, options.delay, *extra)
            ports[name] = await stack.enter_async_context(server)
        yield ports


async def perform(options: argparse.Namespace, bar: Bar, runs: list[Run], scores: Scores) -> None:
    """Run the clients, one after the other; SIGTERM cancels it, as Ctrl-C does by itself."""
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    async with stage(options) as ports:
        for run in runs:
            bar.begin(run)
            expected = expected_requests(run, options)
            extra = ["--rounds", str(run.rounds)]
            if run.client in ("yield", "await"):
                extra += ["--loop", run.loop]

            def advance(count: int, run: Run = run, expected: int = expected) -> None:
                bar.advance(run, count / expected)

            port = ports[run.loop]
            result = await programs.run_client(run.client, port, extra, options.seconds, advance)
            bar.end(run)
            scores[run.client, run.loop].add(result)


def expected_requests(run: Run, options: argparse.Namespace) -> int:
    """Tell how far a run will come: in its seconds the sequential client asks for a part only."""
    everything = run.rounds * len(codes.CODES)
    if run.client == "sequential" and options.delay:
        return min(everything, int(options.seconds / options.delay) + 1)
    return everything


def write_json(path: Path, options: argparse.Namespace, scores: Scores) -> None:
    """Keep the figures in a file."""
    record = {
        "python": platform.python_version(),
        "machine": platform.platform(),
        "server": options.server,
        "delay": options.delay,
        "scores": [
            {
                "client": score.client,
                "loop": score.loop,
                "rounds": score.rounds,
                "pictures": score.pictures,
                "requests": score.requests,
                "seconds": round(score.seconds, 4),
                "cpu_seconds": round(score.cpu_seconds, 4),
                "pictures_per_second": round(score.rate, 2),
                "ratio": round(scores.ratio(score), 2),
            }
            for score in scores
        ],
    }
    path.write_text(json.dumps(record, indent=2) + "\n")


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Run the flag downloader on several loops.")
    parser.add_argument(
        "--loops",
        type=_loop_names,
        default=["asyncio", "asyncioxide"],
        metavar="A,B",
        help="loops to run on, the first is what the others are compared with "
        "(asyncio,asyncioxide)",
    )
    parser.add_argument(
        "--server",
        choices=("own", "nginx"),
        default="own",
        help="the example's own server, or nginx behind the example's delaying proxy (%(default)s)",
    )
    parser.add_argument(
        "--delay",
        type=arguments.duration,
        default=0.150,
        metavar="S",
        help="seconds before each answer (%(default)s)",
    )
    parser.add_argument(
        "--seconds",
        type=arguments.duration,
        metavar="S",
        help="longest run of a client (10, with --quick 4)",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, for a quick check")
    parser.add_argument(
        "--bar",
        type=arguments.duration,
        default=BAR,
        metavar="N",
        help="fail if await is not N times as fast as sequential (%(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    options = parser.parse_args()
    if options.seconds is None:
        options.seconds = 4.0 if options.quick else 10.0
    return options


def main() -> int:
    """Run the demo; 1 if something did not hold, 2 if something is not installed."""
    options = read_options()
    missing = [
        name
        for name in ("aiohttp", "rich", *options.loops)
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        print(
            f"not installed: {', '.join(missing)}; run `make demo`, or `pip install .` and "
            "`pip install -r requirements/demo.txt` in the project's folder",
            file=sys.stderr,
        )
        return 2
    loops.allow_open_files()  # for all that is started from here
    from display import Bar, show

    runs = plan(options.loops, quick=options.quick, seconds=options.seconds)
    scores = Scores(options.loops)
    try:
        with Bar(runs) as bar:
            asyncio.run(perform(options, bar, runs, scores))
    except programs.Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    show(scores)
    if options.json is not None:
        write_json(options.json, options, scores)
    shortcomings = scores.shortcomings(options.bar)
    for shortcoming in shortcomings:
        print(shortcoming, file=sys.stderr)
    return 1 if shortcomings else 0


def _loop_names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in loops.LOOPS:
            raise argparse.ArgumentTypeError(f"not one of {', '.join(loops.LOOPS)}: {name!r}")
    if len(set(names)) < len(names):
        raise argparse.ArgumentTypeError("each loop once")
    return names


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
