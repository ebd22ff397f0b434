"""One stretch of conflicts, merged by itself: what was tried, and what came of it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from merge_tool.merging.block import merge_lines
from merge_tool.merging.checks import stretch_problem
from merge_tool.merging.facts import Fact, facts_of
from merge_tool.merging.islands import Island
from merge_tool.merging.lexer import logical_lines
from merge_tool.merging.model import Allowance, Left, Level, Step, least_sure
from merge_tool.merging.regions import Region


@dataclass(frozen=True)
class Material:
    """Three texts as lines, how they align, and their trees (base, ours, theirs)."""

    base: Sequence[str]
    ours: Sequence[str]
    theirs: Sequence[str]
    regions: Sequence[Region]
    trees: Sequence[ast.Module]

    @cached_property
    def facts(self) -> list[Counter[Fact]]:
        """What each of the three holds; asked for only where something was merged."""
        return [facts_of(tree) for tree in self.trees]


@dataclass
class Trial:
    """One stretch of conflicts with what was made of it.

    Attributes:
        island: the stretch; None where its conflict does not end at whole statements.
        conflicts: the numbers of its regions that are conflicts.
        text: what stands for it; None where it is left.
        reason: why so, or why it is left.
    """

    island: Island | None
    conflicts: list[int]
    text: str | None = None
    reason: str = "the conflict does not end at whole statements"
    step: Step = Step.LEFT
    unsure: bool = False

    def leave(self, reason: str) -> None:
        """Undoes what was made."""
        self.text, self.step, self.reason = None, Step.LEFT, reason

    def sides(self, material: Material) -> str:
        """All that the three sides have there."""
        stretches = [self.island] if self.island else [material.regions[index] for index in self.conflicts]
        return "".join(
            "".join(lines[slice(*span)])
            for item in stretches
            for lines, span in (
                (material.base, item.base), (material.ours, item.ours), (material.theirs, item.theirs),
            )
        )  # fmt: skip


def stretches(trials: Sequence[Trial]) -> list[tuple[Island, str]]:
    """The stretches that were merged, with their texts."""
    return [
        (trial.island, trial.text) for trial in trials if trial.island is not None and trial.text is not None
    ]


def attempt(
    material: Material, island: Island, index: int, level: Level, off: frozenset[str], keep: frozenset[str]
) -> Trial:
    """Merges one stretch.

    Args:
        index: the number of its first conflict.
        off: steps that are not taken.
        keep: names whose imports stay.
    """
    trial = Trial(island, [index])
    sides = (
        (material.base, island.base), (material.ours, island.ours), (material.theirs, island.theirs),
    )  # fmt: skip
    found = [logical_lines("".join(lines[slice(*span)])) for lines, span in sides]
    parts = [part for part in found if part is not None]
    if len(parts) < len(found):
        return trial
    (base, tail), (ours, own_tail), (theirs, other_tail) = parts
    allowance = Allowance(level, off, keep=keep, around=_around(material, island))
    try:
        text = merge_lines(base, ours, theirs, allowance)
    except Left as left:
        trial.leave(str(left))
        return trial
    merged = logical_lines(text)
    problem = (
        "its brackets do not close" if merged is None else stretch_problem(base, ours, theirs, merged[0])
    )
    if problem:
        trial.leave(problem)
        return trial
    trial.text = text + (own_tail if own_tail != tail else other_tail)
    trial.unsure = allowance.unsure
    trial.step = least_sure(allowance.used)
    trial.reason = "; ".join(allowance.used.values())
    return trial


def _around(material: Material, island: Island) -> tuple[str, str]:
    """The lines of each side around a stretch, in which an order of imports shows."""
    texts = []
    for lines, (start, end) in ((material.ours, island.ours), (material.theirs, island.theirs)):
        first, last = start, end
        while first > 0 and lines[first - 1].strip():
            first -= 1
        while last < len(lines) and lines[last].strip():
            last += 1
        texts.append("".join(lines[first:last]))
    return texts[0], texts[1]
