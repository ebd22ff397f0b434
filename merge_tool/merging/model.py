"""What goes into a merge and what comes out of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Level = Literal["safe", "full"]


class Step(StrEnum):
    """What resolved a hunk, the surest first."""

    GIT = "git"
    TRANSFORM = "transform"
    FORMAT = "format"
    CONTAINED = "contained"
    IMPORTS = "imports"
    ENTRIES = "entries"
    ARGUMENTS = "arguments"
    SIGNATURES = "signatures"
    DEFINITIONS = "definitions"
    ADJACENT = "adjacent"
    STATEMENTS = "statements"
    TOKENS = "tokens"
    RECORDED = "recorded"
    LEFT = "left"


class Left(Exception):  # noqa: N818 a verdict, no error
    """This hunk is not decided here; the message is the reason, for the person who will."""


@dataclass
class Allowance:
    """Which steps may be taken, and which were.

    Attributes:
        level: `safe` or `full`.
        off: steps that were turned off by name.
        used: what was taken so far for the hunk at hand, with the reason of each.
        unsure: whether one of those is only for the level `full`.
        keep: names whose imports stay although a side removed them, because the merge uses them.
        around: the text of ours and of theirs around the hunk, in which an order of imports shows.
    """

    level: Level = "safe"
    off: frozenset[str] = frozenset()
    used: dict[Step, str] = field(default_factory=dict)
    unsure: bool = False
    keep: frozenset[str] = frozenset()
    around: tuple[str, str] = ("", "")

    def take(self, step: Step, reason: str, *, sure: bool = True) -> None:
        """Notes that a step is taken.

        Args:
            sure: whether the `safe` level takes it.

        Raises:
            Left: the step is turned off, or the level does not go that far.
        """
        if step in self.off:
            raise Left(f"{reason}; the step {step} is turned off")
        if not sure and self.level == "safe":
            raise Left(f"{reason}; only the level full merges that")
        self.used.setdefault(step, reason)
        self.unsure = self.unsure or not sure


def least_sure(steps: Iterable[Step]) -> Step:
    """The step that a hunk is told by: the least sure of those that it took."""
    order = list(Step)
    return max(steps, key=order.index, default=Step.FORMAT)


@dataclass(frozen=True)
class Shift:
    """Base and theirs as the fork's transforms make them.

    Attributes:
        base: None where both sides added the file.
        made: the transforms that were made, for reasons.
    """

    base: bytes | None
    theirs: bytes
    made: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hunk:
    """One conflict of the line merge.

    Attributes:
        line: where it stands in the merged text, from 1: its first line, or its marker.
        base, ours, theirs: its lines on the three sides.
    """

    line: int
    base: str
    ours: str
    theirs: str


@dataclass(frozen=True)
class Resolution:
    """What became of a hunk.

    Attributes:
        step: what resolved it; `left` where a person must.
        confidence: the level at which it is resolved; "" where it is left.
        text: the lines that stand for it, widened to whole statements; "" where it is left.
        reason: why it was resolved so, or why not.
    """

    step: Step
    confidence: Level | Literal[""]
    text: str
    reason: str


@dataclass(frozen=True)
class MergeResult:
    """A merged file.

    Attributes:
        data: its bytes; hunks that are left stand in it with markers.
        hunks: each conflict of the line merge with what became of it, in order.
        problem: why the whole cannot be called clean although no hunk is left; "" without.
    """

    data: bytes
    hunks: tuple[tuple[Hunk, Resolution], ...] = ()
    problem: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing is left to a person."""
        return not self.problem and all(item.step is not Step.LEFT for _, item in self.hunks)

    @property
    def left(self) -> int:
        """How many hunks are left."""
        return sum(item.step is Step.LEFT for _, item in self.hunks)
