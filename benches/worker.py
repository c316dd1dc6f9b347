"""Measures one row on one loop, once, and prints the result as one line of JSON.

usage: worker.py ROW LOOP OPERATIONS [LOADGEN]

`run.py` starts one of these for every measurement. It is also the thing to put under a profiler:
`perf record python benches/worker.py call_soon_chain asyncioxide 1000000`. LOOP may be `limit`.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from traceback import extract_tb

from harness.contenders import LIMIT, loop_factory
from harness.row import Assignment, Sample
from rows import find_row


def measure(arguments: list[str]) -> Sample:
    """Does what the command line says."""
    row = find_row(arguments[0])
    assignment = Assignment(
        operations=row.whole_batches(int(arguments[2])),
        loadgen=Path(arguments[3]) if len(arguments) > 3 else None,
    )
    if arguments[1] == LIMIT:
        return row.measure_limit(assignment)
    return row.measure(loop_factory(arguments[1]), assignment)


def place(error: BaseException) -> str:
    """The function an exception comes from, for one that says nothing itself."""
    frames = extract_tb(error.__traceback__)
    return f"in {frames[-1].name}" if frames else ""


def main() -> None:
    """Prints a sample or the reason why there is none."""
    arguments = sys.argv[1:]
    if len(arguments) not in (3, 4):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    answer: dict[str, object]
    try:
        answer = {"sample": asdict(measure(arguments))}
    except BaseException as error:
        # Whatever goes wrong on a loop, a Rust panic included, is the result of this measurement.
        answer = {"failed": f"{type(error).__name__}: {str(error) or place(error)}"}
    print(json.dumps(answer), flush=True)
    # Objects of the memory rows are still pending, and taking the interpreter down is no part of
    # any row.
    os._exit(0)


if __name__ == "__main__":
    main()
