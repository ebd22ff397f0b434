"""Three-way alignment of sequences: which parts are stable, which one side changed, where both did (diff3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from merge_tool.merging.diff import Change, changes

Kind = Literal["stable", "ours", "theirs", "same", "conflict"]


@dataclass(frozen=True, slots=True)
class Region:
    """A run of the three sequences that belongs together; ranges are half open.

    `kind` says who changed it: nobody, one side, both alike, or both in different ways.
    """

    kind: Kind
    base: tuple[int, int]
    ours: tuple[int, int]
    theirs: tuple[int, int]


def align(
    base: Sequence[str], ours: Sequence[str], theirs: Sequence[str], *, touching: bool = True
) -> list[Region]:
    """Aligns both sides with the base.

    Args:
        touching: whether changes that meet without a common item between them are one region, as git has it.

    Returns:
        Regions in order that cover all three sequences.
    """
    left, right = changes(base, ours), changes(base, theirs)
    regions: list[Region] = []
    b = o = t = 0
    i = j = 0
    while i < len(left) or j < len(right):
        first = min(
            left[i].old_start if i < len(left) else len(base) + 1,
            right[j].old_start if j < len(right) else len(base) + 1,
        )
        if first > b:
            regions.append(Region("stable", (b, first), (o, o + first - b), (t, t + first - b)))
            o, t, b = o + first - b, t + first - b, first
        i2, j2, end = _group(left, right, i, j, first, touching)
        own, other = left[i:i2], right[j:j2]
        o2 = o + (end - b) + sum(_growth(item) for item in own)
        t2 = t + (end - b) + sum(_growth(item) for item in other)
        if not other:
            kind: Kind = "ours"
        elif not own:
            kind = "theirs"
        else:
            kind = "same" if list(ours[o:o2]) == list(theirs[t:t2]) else "conflict"
        regions.append(Region(kind, (b, end), (o, o2), (t, t2)))
        b, o, t, i, j = end, o2, t2, i2, j2
    if b < len(base):
        regions.append(Region("stable", (b, len(base)), (o, len(ours)), (t, len(theirs))))
    return regions


def _group(
    left: list[Change], right: list[Change], i: int, j: int, start: int, touching: bool
) -> tuple[int, int, int]:
    """The changes from i and j on that overlap one another; returns what follows them and the end in the base."""
    end = start
    fresh = True
    while True:
        grown = False
        for side, changes_ in ((0, left), (1, right)):
            at = i if side == 0 else j
            while at < len(changes_) and (
                changes_[at].old_start < end
                or (changes_[at].old_start == end and (touching or fresh or _pure(changes_[at], end)))
            ):
                end = max(end, changes_[at].old_end)
                at += 1
                grown = True
                fresh = False
                if not touching:
                    break
            if side == 0:
                i = at
            else:
                j = at
        if not grown:
            return i, j, end


def _pure(change: Change, at: int) -> bool:
    """Whether a change only inserts, at this very place."""
    return change.old_start == change.old_end == at


def _growth(change: Change) -> int:
    return (change.new_end - change.new_start) - (change.old_end - change.old_start)
