"""Run the programs on the asyncio that they were written for: where their outputs come from.

    python tests/legacy/on_old_pythons.py python3.6 python3.7 python3.8 python3.9

Each program says in its first line which versions it is for. Exits with 1 if one of them prints
something else there than its ``.out`` file says.
"""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
from pathlib import Path

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
VERSIONS = re.compile(r"# Python (3\.\d+)(?:\.\d+)?(?: to (3\.\d+)(?:\.(\d+))?)?")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def main() -> int:
    differences = 0
    for python in sys.argv[1:]:
        asked = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        for program in PROGRAMS:
            match = VERSIONS.match(program.read_text())
            assert match is not None, program
            first, last, bugfix = match.groups()
            # A program that ends within the bugfix releases of 3.4 has no oracle any more.
            if bugfix or not numbers(first) <= numbers(version) <= numbers(last or first):
                continue
            expected = program.with_suffix(".out").read_text().splitlines()
            done = subprocess.run([python, program], capture_output=True, text=True, timeout=60)
            seen = done.stdout.splitlines()
            if seen != expected or done.returncode:
                differences += 1
                print(f"{program.name} on Python {version}:")
                print("\n".join(difflib.unified_diff(expected, seen, lineterm="")))
                print(done.stderr)
            else:
                print(f"{program.name} on Python {version}: as expected")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
