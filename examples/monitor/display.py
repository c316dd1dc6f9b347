"""What the monitor says: a line for each thing that happens, coloured where there is a terminal."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text

STYLES = {"demo": "bold yellow", "monitor": "bold", "watchdog": "green", "service": "cyan"}


class Display:
    """Lines, each with who says it."""

    def __init__(self) -> None:
        self._console = Console(soft_wrap=True)

    def demo(self, text: str) -> None:
        """The demo does something."""
        self._say("demo", text)

    def monitor(self, text: str) -> None:
        """The monitor did or noticed something."""
        self._say("monitor", text)

    def check(self, text: str) -> None:
        """The watchdog is content."""
        self._say("watchdog", text)

    def service(self, text: str) -> None:
        """The service wrote a line of its log."""
        self._say("service", text)

    def line(self, text: str) -> None:
        """Pass on a line that another display has made."""
        self._console.print(Text(text, style=STYLES.get(text.partition(" ")[0], "")))
        sys.stdout.flush()

    def _say(self, who: str, text: str) -> None:
        self.line(f"{who:<8} | {text}")
