"""The terminal: the only module that imports rich. Text from repositories goes through `safe` first."""

from __future__ import annotations

import os
import sys
from typing import IO

from rich.console import Console
from rich.text import Text

from merge_tool.model.text import printable


def _console(stream: IO[str]) -> Console:
    """A console that has neither colour nor markup of its own accord, and 100 columns where there is no terminal."""
    width = None if stream.isatty() or os.environ.get("COLUMNS") else 100
    return Console(
        file=stream, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False, legacy_windows=False,
        no_color=True if os.environ.get("NO_COLOR") else None,
    )  # fmt: skip


def console() -> Console:
    """The console on standard output, for what was asked for."""
    return _console(sys.stdout)


def err_console() -> Console:
    """The console on standard error, for progress, notes and errors."""
    return _console(sys.stderr)


def safe(text: str, style: str = "") -> Text:
    """Text from outside as rich text: no markup is read in it, control characters are made visible."""
    return Text(printable(text), style=style)
