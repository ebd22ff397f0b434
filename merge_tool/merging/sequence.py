"""Three-way merge of a sequence of items: statements of a block, entries of a bracket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from merge_tool.merging.pairing import Item, pair

T = TypeVar("T", bound=Item)


@dataclass(frozen=True)
class Spot(Generic[T]):
    """A place between two items of the base, with what each side put there.

    Attributes:
        before, after: the neighbours in the base, None at the ends.
    """

    ours: tuple[T, ...]
    theirs: tuple[T, ...]
    before: T | None
    after: T | None


@dataclass(frozen=True)
class Row(Generic[T]):
    """One item of the base with what became of it; None: removed."""

    base: T
    ours: T | None
    theirs: T | None


def rows_and_spots(
    base: Sequence[T], ours: Sequence[T], theirs: Sequence[T], like: Callable[[T, T], float] | None = None
) -> tuple[list[Row[T]], list[Spot[T]]]:
    """Pairs both sides with the base.

    Returns:
        A row for each item of the base, and the spots around them: one more than the rows.
    """
    left, right = pair(base, ours, like), pair(base, theirs, like)
    rows = [
        Row(item, ours[i] if i >= 0 else None, theirs[j] if j >= 0 else None)
        for item, i, j in zip(base, left, right, strict=True)
    ]
    own, other = _added(left, ours), _added(right, theirs)
    spots = [
        Spot(
            own[at], other[at],
            base[at - 1] if at else None, base[at] if at < len(base) else None,
        )
        for at in range(len(base) + 1)
    ]  # fmt: skip
    return rows, spots


def contains(rows: Sequence[Row[T]], spots: Sequence[Spot[T]], side: Literal["ours", "theirs"]) -> bool:
    """Whether one side did all that the other did, with the same outcome: an edit at least, which nobody makes twice by chance."""
    edited = False
    for row in rows:
        large, small = (row.ours, row.theirs) if side == "ours" else (row.theirs, row.ours)
        if small is not None and small.key == row.base.key:
            continue
        if (large is None) != (small is None) or (large and small and large.key != small.key):
            return False
        edited = edited or small is not None
    for spot in spots:
        more, less = (spot.ours, spot.theirs) if side == "ours" else (spot.theirs, spot.ours)
        if less and [item.key for item in less] != [item.key for item in more]:
            return False
    return edited


def _added(found: list[int], side: Sequence[T]) -> list[tuple[T, ...]]:
    """What a side put before each item of the base, and behind the last.

    What stands where items were removed belongs to the first of the spots around them: it took their place.
    """
    spots: list[list[T]] = [[] for _ in range(len(found) + 1)]
    at = 0
    spot = 0
    for index, place in enumerate(found):
        if place < 0:
            continue
        spots[spot].extend(side[at:place])
        at, spot = place + 1, index + 1
    spots[spot].extend(side[at:])
    return [tuple(items) for items in spots]
