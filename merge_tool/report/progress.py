"""Progress of a run on standard error: one line a story and step, with the time left by the plan's estimates."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.status import Status

from merge_tool.engine.listener import Listener, Silent
from merge_tool.model.outcome import Outcome, OutcomeStatus
from merge_tool.model.plan import Story
from merge_tool.model.text import one_line
from merge_tool.report.console import err_console, flow, safe

_MARK = {
    OutcomeStatus.DONE: ("ok", "green"),
    OutcomeStatus.STOPPED: ("stop", "yellow"),
    OutcomeStatus.GATE: ("gate", "yellow"),
    OutcomeStatus.FAILED: ("fail", "red"),
}


class Terminal:
    """A listener that prints to standard error."""

    def __init__(self) -> None:
        self._console = err_console()
        self._status: Status | None = None
        self._began = time.monotonic()

    def story_started(self, story: Story, batch_of: str, number: int, total: int) -> None:
        """Prints the story's line."""
        part = f" ({batch_of})" if batch_of else ""
        flow(
            self._console,
            safe(f"[{number}/{total}] Story {story.id}{part}: {one_line(story.title)}", "bold"),
            7,
        )

    def step_started(self, story: Story, kind: str, number: int, total: int) -> None:
        """Shows a spinner on a terminal."""
        self._began = time.monotonic()
        if self._console.is_terminal:
            self._status = Status(safe(f"{kind} ({number}/{total})"), console=self._console)
            self._status.start()

    def say(self, text: str) -> None:
        """Shows what the action is at beside the spinner."""
        if self._status:
            self._status.update(safe(text))

    def step_ended(self, story: Story, kind: str, outcome: Outcome) -> None:
        """Prints how the step ended, and how long it took where that was long."""
        self.close()
        word, style = _MARK[outcome.status]
        seconds = time.monotonic() - self._began
        line = safe("") + safe(f"  {word:<4} ", style) + safe(f"{kind}: {outcome.summary}")
        if seconds >= 1:
            line += safe(f"  {seconds:.1f} s", "dim")
        flow(self._console, line, 7)
        if outcome.status is not OutcomeStatus.DONE:
            for detail in outcome.details[:10]:
                flow(self._console, safe(f"       {detail}", "dim"), 9)

    def story_ended(self, story: Story, status: str, commit: str) -> None:
        """Prints the commit."""
        if commit:
            self._console.print(safe(f"  commit {commit[:12]}", "dim"))

    def close(self) -> None:
        """Takes the spinner away."""
        if self._status:
            self._status.stop()
            self._status = None


@contextmanager
def progress(*, as_json: bool = False) -> Iterator[Listener]:
    """The listener of a command: on standard error, and silent with `--json` where that is no terminal."""
    if as_json and not sys.stderr.isatty():
        yield Silent()
        return
    terminal = Terminal()
    try:
        yield terminal
    finally:
        terminal.close()
