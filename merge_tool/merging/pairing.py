"""Which item of one side is which item of the base, when items were edited, added and removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from merge_tool.merging.diff import changes

# Below this share of common tokens two items are not one that was edited. Half is what git asks of a renamed file.
LIKENESS = 0.5
_MOST_PAIRS = 400


class Item(Protocol):
    """What can be paired: `key` says when two are equal, `name` (or "") what an item keeps when it is edited."""

    @property
    def key(self) -> tuple[str, ...]:
        """What an item is, without what only formatting adds."""

    @property
    def name(self) -> str:
        """What stays when the item is edited: the keyword of an argument, the key of an entry; "" without."""


T = TypeVar("T", bound=Item)


def pair(base: Sequence[T], side: Sequence[T], like: Callable[[T, T], float] | None = None) -> list[int]:
    """For each item of the base, the index of the side's item that it is; -1 where the side removed it.

    Indices rise: an item that moved is removed and added.

    Args:
        like: how alike two unequal items are, from 0 to 1; by default the share of common words of their keys.
    """
    measure = like or likeness
    found = [-1] * len(base)
    done_base = done_side = 0
    for change in changes([repr(item.key) for item in base], [repr(item.key) for item in side]):
        for step in range(change.old_start - done_base):
            found[done_base + step] = done_side + step
        gone, came = range(change.old_start, change.old_end), range(change.new_start, change.new_end)
        for i, j in _pairs(base, side, gone, came, measure):
            found[i] = j
        done_base, done_side = change.old_end, change.new_end
    for step in range(len(base) - done_base):
        found[done_base + step] = done_side + step
    return found


def _pairs(
    base: Sequence[T], side: Sequence[T], gone: range, came: range, like: Callable[[T, T], float]
) -> list[tuple[int, int]]:
    """The rising run of pairs with the greatest likeness in all."""
    if not gone or not came or len(gone) * len(came) > _MOST_PAIRS:
        return []
    scores = [[_score(base[i], side[j], like) for j in came] for i in gone]
    best = [[0.0] * (len(came) + 1) for _ in range(len(gone) + 1)]
    for x in range(len(gone) - 1, -1, -1):
        for y in range(len(came) - 1, -1, -1):
            together = scores[x][y] + best[x + 1][y + 1] if scores[x][y] else 0.0
            best[x][y] = max(best[x + 1][y], best[x][y + 1], together)
    found: list[tuple[int, int]] = []
    x = y = 0
    while x < len(gone) and y < len(came):
        if scores[x][y] and best[x][y] == scores[x][y] + best[x + 1][y + 1]:
            found.append((gone[x], came[y]))
            x, y = x + 1, y + 1
        elif best[x][y] == best[x + 1][y]:
            x += 1
        else:
            y += 1
    return found


def _score(one: T, other: T, like: Callable[[T, T], float]) -> float:
    if one.name or other.name:
        return 1.0 if one.name == other.name else 0.0
    share = like(one, other)
    return share if share >= LIKENESS else 0.0


def likeness(one: Item, other: Item) -> float:
    """The share of words that two keys have in common; punctuation is common to all code, and counts nothing."""
    return shared(
        [text for text in one.key if _is_word(text)], [text for text in other.key if _is_word(text)]
    )


def _is_word(text: str) -> bool:
    return any(char.isalnum() for char in text)


def shared(one: Sequence[str], other: Sequence[str]) -> float:
    """Twice the common words by all words, 1 for two empty sequences."""
    total = len(one) + len(other)
    if not total:
        return 1.0
    return 2 * sum((Counter(one) & Counter(other)).values()) / total
