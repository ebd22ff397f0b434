"""Findings as GitHub's workflow commands, which show them as annotations of a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from merge_tool.model.source import Diagnostic, Severity
from merge_tool.model.text import printable

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})
SHOWN = 10  # annotations of each type that GitHub takes from one step; the log keeps the rest


def github_lines(findings: Iterable[Diagnostic]) -> list[str]:
    """One command a finding, the worst first, because GitHub shows only the first ten of each type from a step.

    A last line, which is no command, says how many it leaves out. Text from the checked code cannot end a command or
    begin another.
    """
    order = list(_LEVELS)
    ordered = sorted(findings, key=lambda item: (order.index(item.severity), item.sort_key))
    lines = [_line(item) for item in ordered]
    counts = Counter(item.severity for item in ordered)
    left = [f"{count - SHOWN} {_LEVELS[kind]}s" for kind, count in counts.items() if count > SHOWN]
    if left:
        total = sum(max(count - SHOWN, 0) for count in counts.values())
        lines.append(
            f"GitHub shows {SHOWN} annotations of each type from one step; {total} findings are in this log only: {', '.join(left)}"
        )
    return lines


def _line(item: Diagnostic) -> str:
    span = item.span
    place = f"line={max(span.line, 1)},endLine={max(span.end_line, span.line, 1)}"
    if span.line == span.end_line:  # GitHub takes columns within one line only
        place += f",col={max(span.column, 1)},endColumn={max(span.end_column, span.column, 1)}"
    path = printable(item.path.translate(_PROPERTY))
    return f"::{_LEVELS[item.severity]} file={path},{place},title={item.code}::{printable(item.message.translate(_DATA))}"
