"""Which side did all that the other did."""

from __future__ import annotations

import pytest

from merge_tool.merging.lexer import logical_lines
from merge_tool.merging.sequence import contains, rows_and_spots


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "ours_contains", "theirs_contains"),
    [
        ("f(a)\n", "f(a, 1)\ng()\n", "f(a, 1)\n", True, False),
        ("f(a)\n", "f(a, 1)\n", "f(a, 1)\n", True, True),
        ("f(a)\n", "f(a, 1)\ng()\n", "f(a, 2)\n", False, False),
        ("f(a)\nh()\n", "f(a, 1)\n", "f(a, 1)\nh()\n", True, False),
        # What both took out or put in may be chance: only an edit in common tells that the one has seen the other.
        ("f(a)\nh()\n", "g()\nk()\n", "f(a)\n", False, False),
        ("f(a)\n", "f(a)\ng()\nk()\n", "f(a)\ng()\n", False, False),
    ],
)
def test_contains(base: str, ours: str, theirs: str, ours_contains: bool, theirs_contains: bool) -> None:
    found = [logical_lines(text) for text in (base, ours, theirs)]
    rows, spots = rows_and_spots(*[part[0] for part in found if part is not None])
    assert contains(rows, spots, "ours") is ours_contains
    assert contains(rows, spots, "theirs") is theirs_contains
