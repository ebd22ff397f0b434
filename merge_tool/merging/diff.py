"""The difference of two sequences: unique common items first (patience), then the shortest script in each gap."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

# Past this many edits in one gap the shortest script is not looked for: its cost is their square.
_MOST_EDITS = 400
_SLACK = 200


@dataclass(frozen=True, slots=True)
class Change:
    """`old[old_start:old_end]` became `new[new_start:new_end]`; ranges are half open, from 0, in order, apart."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def changes(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    """What turns `old` into `new`.

    Where a change could stand in several places (an inserted line equal to its neighbour) it stands as far down as it
    goes, as git has it, so that two diffs of one base agree on the place.

    Returns:
        The changes in order; between two of them at least one item is common.
    """
    head = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        head += 1
    tail = 0
    for one, other in zip(reversed(old[head:]), reversed(new[head:]), strict=False):
        if one != other:
            break
        tail += 1
    # A few equal items more, so that a group can slide down into them.
    tail = max(tail - _SLACK, 0)
    middle = _changes(old[head : len(old) - tail], new[head : len(new) - tail])
    return [Change(a + head, b + head, c + head, d + head) for a, b, c, d in middle]


def _changes(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int, int]]:
    first: list[int] = []
    second: list[int] = []
    numbers: dict[str, int] = {}
    for source, target in ((old, first), (new, second)):
        for item in source:
            number = numbers.get(item)
            if number is None:
                number = numbers[item] = len(numbers)
            target.append(number)
    gone, came = [True] * len(first), [True] * len(second)
    for i, j in _matches(first, second):
        gone[i] = came[j] = False
    _slide(first, gone, came)
    _slide(second, came, gone)
    return _collect(gone, came)


def _matches(a: list[int], b: list[int]) -> list[tuple[int, int]]:
    """Pairs of equal items, rising in both."""
    found: list[tuple[int, int]] = []
    stack = [(0, len(a), 0, len(b))]
    while stack:
        a0, a1, b0, b1 = stack.pop()
        while a0 < a1 and b0 < b1 and a[a0] == b[b0]:
            found.append((a0, b0))
            a0, b0 = a0 + 1, b0 + 1
        while a0 < a1 and b0 < b1 and a[a1 - 1] == b[b1 - 1]:
            a1, b1 = a1 - 1, b1 - 1
            found.append((a1, b1))
        if a0 == a1 or b0 == b1:
            continue
        anchors = _unique(a, a0, a1, b, b0, b1)
        if not anchors:
            found.extend(_shortest(a, a0, a1, b, b0, b1))
            continue
        before = (a0, b0)
        for i, j in anchors:
            found.append((i, j))
            stack.append((before[0], i, before[1], j))
            before = (i + 1, j + 1)
        stack.append((before[0], a1, before[1], b1))
    found.sort()
    return found


def _unique(a: list[int], a0: int, a1: int, b: list[int], b0: int, b1: int) -> list[tuple[int, int]]:
    """The longest rising run of items that stand once in each range."""
    places: dict[int, int] = {}
    for i in range(a0, a1):
        places[a[i]] = -1 if a[i] in places else i
    others: dict[int, int] = {}
    for j in range(b0, b1):
        if places.get(b[j], -1) >= 0:
            others[b[j]] = -1 if b[j] in others else j
    pairs = sorted((j, places[item]) for item, j in others.items() if j >= 0)
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for index, (_, i) in enumerate(pairs):
        at = bisect_left(tails, i)
        previous.append(ends[at - 1] if at else -1)
        if at == len(tails):
            tails.append(i)
            ends.append(index)
        else:
            tails[at], ends[at] = i, index
    run: list[tuple[int, int]] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        j, i = pairs[index]
        run.append((i, j))
        index = previous[index]
    return run[::-1]


def _shortest(a: list[int], a0: int, a1: int, b: list[int], b0: int, b1: int) -> list[tuple[int, int]]:
    """Matches of the shortest edit script.

    Source: E. W. Myers, "An O(ND) difference algorithm and its variations" (1986).
    """
    n, m = a1 - a0, b1 - b0
    most = min(n + m, _MOST_EDITS)
    reach = {1: 0}
    trace: list[dict[int, int]] = []
    for edits in range(most + 1):
        trace.append(dict(reach))
        for k in range(-edits, edits + 1, 2):
            if k == -edits or (k != edits and reach[k - 1] < reach[k + 1]):
                x = reach[k + 1]
            else:
                x = reach[k - 1] + 1
            y = x - k
            while x < n and y < m and a[a0 + x] == b[b0 + y]:
                x, y = x + 1, y + 1
            reach[k] = x
            if x >= n and y >= m:
                return _walk_back(trace, n, m, a0, b0)
    return []


def _walk_back(trace: list[dict[int, int]], n: int, m: int, a0: int, b0: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    x, y = n, m
    for edits in range(len(trace) - 1, -1, -1):
        reach = trace[edits]
        k = x - y
        down = k == -edits or (k != edits and reach[k - 1] < reach[k + 1])
        back = k + 1 if down else k - 1
        from_x = reach[back]
        from_y = from_x - back
        start = from_x if down else from_x + 1
        while x > start and x > 0 and y > 0:
            x, y = x - 1, y - 1
            found.append((a0 + x, b0 + y))
        x, y = from_x, from_y
    return found


def _slide(items: list[int], changed: list[bool], other: list[bool]) -> None:
    """Moves each pure group of changed items down while the text stays the same.

    A group that would meet a change of the other sequence stays: moving it would tear that one apart.
    """
    kept_other = [at for at, flag in enumerate(other) if not flag]
    end = len(items)
    at = end - 1
    while at >= 0:
        if not changed[at]:
            at -= 1
            continue
        stop = at + 1
        start = at
        while start > 0 and changed[start - 1]:
            start -= 1
        at = start - 1
        unchanged_before = start - sum(changed[:start]) if start else 0
        while stop < end and not changed[stop] and items[start] == items[stop]:
            left = kept_other[unchanged_before - 1] if unchanged_before else -1
            right = kept_other[unchanged_before] if unchanged_before < len(kept_other) else len(other)
            if right - left != 1:
                break
            changed[start], changed[stop] = False, True
            start, stop, unchanged_before = start + 1, stop + 1, unchanged_before + 1
            while stop < end and changed[stop]:
                stop += 1


def _collect(gone: list[bool], came: list[bool]) -> list[tuple[int, int, int, int]]:
    found: list[tuple[int, int, int, int]] = []
    i = j = 0
    while i < len(gone) or j < len(came):
        if (i >= len(gone) or not gone[i]) and (j >= len(came) or not came[j]):
            i, j = i + 1, j + 1
            continue
        start = (i, j)
        while i < len(gone) and gone[i]:
            i += 1
        while j < len(came) and came[j]:
            j += 1
        found.append((start[0], i, start[1], j))
    return found
