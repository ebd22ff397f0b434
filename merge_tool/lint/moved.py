"""Where the lines of a text stand in a later version of it."""

from __future__ import annotations

from difflib import SequenceMatcher

from merge_tool.model.source import Span


class Moved:
    """Maps lines of `old` to lines of `new`."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self._blocks = SequenceMatcher(None, old.split(b"\n"), new.split(b"\n"), autojunk=False).get_opcodes()

    def lines(self, first: int, last: int) -> range:
        """The lines of the new text that stand where `first`..`last` (from 1, both of them in it) stood in the old one."""
        low: int | None = None
        high = 0
        for _, start, end, there, until in self._blocks:
            begin, stop = max(first - 1, start), min(last, end)
            if begin >= stop:
                continue
            if end - start == until - there:  # unchanged, or line for line
                begin, stop = there + begin - start, there + stop - start
            else:
                begin, stop = there, until
            low = begin if low is None else min(low, begin)
            high = max(high, stop)
        return range(0) if low is None else range(low + 1, high + 1)

    def span(self, span: Span) -> Span:
        """A span's lines in the new text; its columns are kept."""
        lines = self.lines(span.line, span.end_line)
        first, last = (lines[0], lines[-1]) if lines else (span.line, span.end_line)
        return Span(first, span.column, last, span.end_column)
