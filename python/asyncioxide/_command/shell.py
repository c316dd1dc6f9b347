"""The shell of asyncio, on our loop.

It is the running Python's own, ``python -m asyncio``: what it can do differs from release to
release, and so does ours. All that it needs from asyncio is ours by then.
"""

import sys

from .._asyncioxide import __version__
from . import program


def run() -> None:
    """Run the shell until it is left."""
    if not sys.flags.quiet:
        print(f"asyncioxide {__version__}, in place of asyncio", file=sys.stderr)
    program.run_module("asyncio", [])
