"""Where statements begin: hunks are cut at lines, and are widened to whole logical lines before they are read."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from merge_tool.merging.lexer import logical_lines


class Places:
    """The logical lines of one side, found where they are asked for.

    Args:
        tree: the parsed text.
        lines: its lines with their ends.
    """

    def __init__(self, tree: ast.Module, lines: Sequence[str]) -> None:
        self._tree = tree
        self._lines = lines
        self._zones: dict[tuple[int, int], set[int]] = {}

    def begins(self, line: int) -> bool:
        """Whether a logical line (or a blank line between two) begins at a line, counted from 0; true at the end."""
        if line >= len(self._lines) or line == 0:
            return True
        block: list[ast.stmt] = self._tree.body
        low, high = 0, len(self._lines)
        while True:
            at = bisect_right(block, line, key=_first) - 1
            if at < 0 or line > _last(block[at]):
                start = _last(block[at]) + 1 if at >= 0 else low
                end = _first(block[at + 1]) if at + 1 < len(block) else high
                return self._in_zone(max(start, low), min(end, high), line)
            statement = block[at]
            blocks = list(_blocks(statement))
            if not blocks:
                return line == _first(statement)
            low, high = _first(statement), _last(statement) + 1
            inner = [item for item in blocks if _first(item[0]) <= line]
            if not inner:
                return self._in_zone(low, _first(blocks[0][0]), line)
            block = inner[-1]
            later = [item for item in blocks if _first(item[0]) > line]
            if line > _last(block[-1]):
                return self._in_zone(_last(block[-1]) + 1, _first(later[0][0]) if later else high, line)
            low = _first(block[0])

    def _in_zone(self, start: int, end: int, line: int) -> bool:
        """Whether a logical line begins at `line` of a stretch of headers, comments and blank lines."""
        if (start, end) not in self._zones:
            starts = {end}
            found = logical_lines("".join(self._lines[start:end]))
            if found is not None:
                at = start
                for item in found[0]:
                    for blank in range(item.before.count("\n")):
                        starts.add(at + blank)
                    at += item.before.count("\n")
                    starts.add(at)
                    at += item.raw.count("\n") - item.before.count("\n")
                starts.update(range(at, end))
            self._zones[start, end] = starts
        return line in self._zones[start, end]


def _first(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", None)
    return (min(node.lineno, decorators[0].lineno) if decorators else node.lineno) - 1


def _last(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - 1


def _blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a compound statement, in order."""
    for name in ("body", "handlers", "cases", "orelse", "finalbody"):
        part = getattr(node, name, None)
        if not isinstance(part, list) or not part:
            continue
        if name in ("handlers", "cases"):
            for item in part:
                yield item.body
        else:
            yield part
