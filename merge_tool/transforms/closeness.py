"""How near two texts are, and in how many places a change made a text what the fork has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from merge_tool.merging.diff import Change, changes
from merge_tool.merging.lexer import tokens_of


@dataclass(frozen=True, slots=True)
class Match:
    """A transform's edits of one text against the fork.

    Attributes:
        places: runs of lines that it changed.
        matched: those that came nearer to what the fork has there.
        nearer: how many tokens nearer the whole text came; negative where it went away.
    """

    places: int = 0
    matched: int = 0
    nearer: int = 0

    def __add__(self, other: Match) -> Match:
        return Match(self.places + other.places, self.matched + other.matched, self.nearer + other.nearer)


def match(before: str, after: str, fork: str) -> Match:
    """How the edits that made `after` of `before` fit what the fork has.

    Each run of changed lines is compared with the fork's lines at that place, by the tokens that they hold.
    """
    if before == after:
        return Match()
    old, new, other = (text.splitlines(keepends=True) for text in (before, after, fork))
    edits, towards = changes(old, new), changes(old, other)
    matched = nearer = 0
    for edit in edits:
        start, end, span = _widened(edit, towards)
        mine = [*old[start : edit.old_start], *new[edit.new_start : edit.new_end], *old[edit.old_end : end]]
        theirs = _tokens(other[slice(*span)])
        gain = _apart(_tokens(old[start:end]), theirs) - _apart(_tokens(mine), theirs)
        matched += gain > 0
        nearer += gain
    return Match(len(edits), matched, nearer)


def distance(one: str, other: str) -> int:
    """By how many tokens two texts differ, line by line."""
    old, new = one.splitlines(keepends=True), other.splitlines(keepends=True)
    return sum(
        _apart(_tokens(old[item.old_start : item.old_end]), _tokens(new[item.new_start : item.new_end]))
        for item in changes(old, new)
    )


def _widened(edit: Change, towards: Sequence[Change]) -> tuple[int, int, tuple[int, int]]:
    """The lines around an edit that the fork changed in one piece with it, and the fork's lines for them."""
    start, end = edit.old_start, edit.old_end
    shift = 0
    grown: list[Change] = []
    for item in towards:
        if item.old_end < start:
            shift += _growth(item)
        elif item.old_start <= end:
            grown.append(item)
            start, end = min(start, item.old_start), max(end, item.old_end)
        else:
            break
    return start, end, (start + shift, end + shift + sum(map(_growth, grown)))


def _growth(item: Change) -> int:
    return (item.new_end - item.new_start) - (item.old_end - item.old_start)


def _tokens(lines: Sequence[str]) -> Counter[str]:
    return Counter(piece for kind, piece in tokens_of("".join(lines)) if kind not in ("space", "newline"))


def _apart(one: Counter[str], other: Counter[str]) -> int:
    return sum((one - other).values()) + sum((other - one).values())
