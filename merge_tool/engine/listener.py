"""How a run tells what goes on; the command line prints it, tests collect it."""

from __future__ import annotations

from typing import Protocol

from merge_tool.model.outcome import Outcome
from merge_tool.model.plan import Story


class Listener(Protocol):
    """What a run reports while it works."""

    def story_started(self, story: Story, batch_of: str, number: int, total: int) -> None:
        """A story begins: the `number`-th of `total` in this command."""
        ...

    def step_started(self, story: Story, kind: str, number: int, total: int) -> None:
        """One of its actions begins."""
        ...

    def say(self, text: str) -> None:
        """An action says what it is at."""
        ...

    def step_ended(self, story: Story, kind: str, outcome: Outcome) -> None:
        """The action came to `outcome`."""
        ...

    def story_ended(self, story: Story, status: str, commit: str) -> None:
        """The story is done, stopped, at a gate or failed."""
        ...


class Silent:
    """A listener that says nothing."""

    def story_started(self, story: Story, batch_of: str, number: int, total: int) -> None:
        """Nothing."""

    def step_started(self, story: Story, kind: str, number: int, total: int) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def step_ended(self, story: Story, kind: str, outcome: Outcome) -> None:
        """Nothing."""

    def story_ended(self, story: Story, status: str, commit: str) -> None:
        """Nothing."""
