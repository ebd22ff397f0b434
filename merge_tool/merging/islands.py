"""Widens each conflict to whole logical lines, the same stretch in base, ours and theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merge_tool.merging.places import Places
from merge_tool.merging.regions import Region

# A conflict in a table of a thousand lines is read whole; what is larger is not code that a person wrote by hand.
MOST_LINES = 3000


@dataclass(frozen=True)
class Island:
    """Regions `first` to `last` (not included), and how far it reaches into the stable regions around them."""

    first: int
    last: int
    base: tuple[int, int]
    ours: tuple[int, int]
    theirs: tuple[int, int]


def islands(regions: Sequence[Region], sides: tuple[Places, Places, Places]) -> list[Island | None]:
    """One island for each conflict, in order; conflicts whose islands meet share one (the same object).

    None stands for a conflict that cannot be widened to whole logical lines.
    """
    found: list[Island | None] = []
    for index, region in enumerate(regions):
        if region.kind != "conflict":
            continue
        previous = found[-1] if found else None
        if previous is not None and index < previous.last:
            found.append(previous)
            continue
        island = _widen(regions, index, sides)
        if previous is not None and island is not None and _meet(previous, island):
            joined = Island(
                previous.first, max(previous.last, island.last),
                (previous.base[0], island.base[1]), (previous.ours[0], island.ours[1]), (previous.theirs[0], island.theirs[1]),
            )  # fmt: skip
            found = [joined if item is previous else item for item in found]
            island = joined
        found.append(island)
    return found


def _widen(regions: Sequence[Region], index: int, sides: tuple[Places, Places, Places]) -> Island | None:
    first = last = index
    here = regions[index]
    start = (here.base[0], here.ours[0], here.theirs[0])
    end = (here.base[1], here.ours[1], here.theirs[1])
    while not all(side.begins(line) for side, line in zip(sides, start, strict=True)):
        if start == _starts(regions[first]):
            first -= 1
            if first < 0:
                return None
            if regions[first].kind != "stable":
                start = _starts(regions[first])
                continue
        start = (start[0] - 1, start[1] - 1, start[2] - 1)
    while not all(side.begins(line) for side, line in zip(sides, end, strict=True)):
        if end == _ends(regions[last]):
            last += 1
            if last >= len(regions):
                return None
            if regions[last].kind != "stable":
                end = _ends(regions[last])
                continue
        end = (end[0] + 1, end[1] + 1, end[2] + 1)
    if max(end[i] - start[i] for i in range(3)) > MOST_LINES:
        return None
    return Island(first, last + 1, (start[0], end[0]), (start[1], end[1]), (start[2], end[2]))


def _meet(one: Island, other: Island) -> bool:
    """Whether the second, which comes later, begins inside the first."""
    return other.base[0] < one.base[1] or other.ours[0] < one.ours[1] or other.theirs[0] < one.theirs[1]


def _starts(region: Region) -> tuple[int, int, int]:
    return region.base[0], region.ours[0], region.theirs[0]


def _ends(region: Region) -> tuple[int, int, int]:
    return region.base[1], region.ours[1], region.theirs[1]
