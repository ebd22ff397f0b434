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


def row(out: Console, text: Text) -> None:
    """Prints one line of a list, cut where the terminal ends; logs and pipes get it whole."""
    if out.file.isatty():
        out.print(text, overflow="ellipsis", no_wrap=True)
    else:
        out.print(text, soft_wrap=True)


def flow(out: Console, text: Text, indent: int = 0, tail: Text | None = None) -> None:
    """Prints one line. Where it is longer than the terminal it goes on below, indented by as many spaces.

    `tail` stands at its end where there is room for all of it, else on a line of its own.

    Logs and pipes get it whole: who reads them wraps by himself, and a search finds what was not cut.
    """
    if tail is not None:
        if not out.file.isatty() or text.cell_len + tail.cell_len <= out.width:
            text = text + tail
        else:
            text.rstrip()
            flow(out, text, indent)
            text = Text(" " * indent) + tail[len(tail.plain) - len(tail.plain.lstrip()) :]
    if "\n" in text.plain:
        for line in text.split("\n"):
            flow(out, line, indent)
        return
    if not out.file.isatty() or out.width - indent < 20:
        out.print(text, soft_wrap=True)
        return
    first, *rest = text.wrap(out, out.width) or [text]
    if not rest:
        out.print(first, soft_wrap=True)
        return
    first.rstrip()
    out.print(first, soft_wrap=True)
    left = text[len(first.plain) :]
    # What comes after the first line is wrapped anew, in the narrower room.
    start = len(left.plain) - len(left.plain.lstrip())
    for line in left[start:].wrap(out, out.width - indent):
        line.rstrip()
        out.print(Text(" " * indent) + line, soft_wrap=True)
