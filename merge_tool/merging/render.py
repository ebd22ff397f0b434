"""Conflicts as text: markers in the zdiff3 style of git."""

from __future__ import annotations

from collections.abc import Sequence

Labels = tuple[str, str, str]
MARKER_SIZE = 7


def conflict_text(
    base: Sequence[str], ours: Sequence[str], theirs: Sequence[str], labels: Labels, size: int = MARKER_SIZE
) -> str:
    """One conflict with its markers; lines that both sides begin or end with alike stand outside.

    Args:
        labels: how ours, base and theirs are called.
        size: how many characters a marker has.
    """
    head = 0
    while head < min(len(ours), len(theirs)) and ours[head] == theirs[head]:
        head += 1
    tail = 0
    while tail < min(len(ours), len(theirs)) - head and ours[-1 - tail] == theirs[-1 - tail]:
        tail += 1
    some = next((line for line in (*ours, *theirs, *base) if line.endswith("\n")), "\n")
    end = "\r\n" if some.endswith("\r\n") else "\n"
    parts: list[str] = list(ours[:head])
    sections = (
        (f"{'<' * size} {labels[0]}", ours[head : len(ours) - tail]),
        (f"{'|' * size} {labels[1]}", base),
        ("=" * size, theirs[head : len(theirs) - tail]),
        (f"{'>' * size} {labels[2]}", ours[len(ours) - tail :]),
    )
    for index, (marker, lines) in enumerate(sections):
        parts.append(marker.rstrip() + end)
        parts += [line if line.endswith("\n") or index == 3 else line + end for line in lines]
    return "".join(parts)
