"""A bar for a long `validate`, on standard error: the phase, and how many files of it are done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_AFTER = 0.5  # seconds before there is one: most runs end sooner
_EVERY = 0.1  # seconds between two drawings


class LintBar:
    """Draws the bar when it is told something, never from a thread of its own: a process with threads cannot be copied safely."""

    def __init__(self, after: float = _AFTER) -> None:
        self._begin = time.monotonic() + after
        self._last = 0.0
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._name, self._total = "", 0

    def phase(self, name: str, total: int) -> None:
        """Shows a phase."""
        self._name, self._total = name, total
        self._draw(0, now=True)

    def step(self, done: int) -> None:
        """Shows how much of the phase is done."""
        self._draw(done, now=False)

    def _draw(self, done: int, *, now: bool) -> None:
        moment = time.monotonic()
        if moment < self._begin or (not now and moment - self._last < _EVERY):
            return
        self._last = moment
        if self._bar is None:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            from merge_tool.report.console import err_console

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._bar = Progress(
                *columns, console=err_console(), auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
            )  # fmt: skip
            self._task = self._bar.add_task("", total=1)
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, description=self._name, total=max(self._total, 1), completed=done)
        self._bar.refresh()

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.stop()
