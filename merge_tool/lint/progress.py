"""What a long run tells of how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told of each phase of a run. It must start no thread: the run copies its process where that pays."""

    def phase(self, name: str, total: int) -> None:
        """A phase begins that has `total` steps."""

    def step(self, done: int) -> None:
        """So many steps of the phase are done."""
