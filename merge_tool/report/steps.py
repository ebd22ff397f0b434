"""The steps by which a rule came to a finding, with the places that they speak of."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from merge_tool.model.source import Diagnostic

Lines = Callable[[str], Sequence[str]]
_PLACE = re.compile(r"\.py:(\d+)(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        text: as the rule says it.
        path: the file that it names; empty where it names none of the project's.
        line: the line there, from 1; 0 where there is none.
        column: the column there, from 1: that of the line's first word where the rule names none.
        code: the line itself.
    """

    text: str
    path: str = ""
    line: int = 0
    column: int = 0
    code: str = ""


def steps(item: Diagnostic, lines_of: Lines) -> list[Step]:
    """The steps of a finding, in the rule's order.

    Args:
        item: the finding. Rules write places as `path:line`, so a place counts only where the project has that line.
        lines_of: the lines of a file; empty where there is none.
    """
    return [_step(text, lines_of) for text in item.reason]


def _step(text: str, lines_of: Lines) -> Step:
    for match in _PLACE.finditer(text):
        line = int(match[1])
        before = text[: match.start() + len(".py")]
        # A path may hold spaces: the shortest ending of the text that is a file is the path.
        starts = [index + 1 for index, char in enumerate(before) if char in " ("]
        for start in (*reversed(starts), 0):
            lines = lines_of(before[start:])
            if 0 < line <= len(lines):
                code = lines[line - 1]
                first = len(code) - len(code.lstrip()) + 1
                return Step(text, before[start:], line, int(match[2] or first), code)
    return Step(text)
