"""Findings and edits in the protocol's terms."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from lsprotocol import types

from merge_tool.model.source import Diagnostic, Severity, Span

if TYPE_CHECKING:
    from pygls.workspace import PositionCodec

    from merge_tool.rulekit.rule import Rule

_LEVELS = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}


def range_of(span: Span, lines: Sequence[str], codec: PositionCodec) -> types.Range:
    """A span (from 1, in characters) as a range (from 0, in the units that the client counts in)."""
    return types.Range(
        _position(span.line, span.column, lines, codec),
        _position(span.end_line, span.end_column, lines, codec),
    )


def _position(line: int, column: int, lines: Sequence[str], codec: PositionCodec) -> types.Position:
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    return types.Position(max(line - 1, 0), codec.client_num_units(text[: max(column - 1, 0)]))


def as_diagnostic(
    item: Diagnostic, lines: Sequence[str], codec: PositionCodec, rule: Rule | None
) -> types.Diagnostic:
    """A finding; the rule's name stands beside its message, the steps to it below."""
    steps = "".join(f"\n  {step}" for step in item.reason)
    name = f" ({rule.name})" if rule is not None else ""
    return types.Diagnostic(
        range_of(item.span, lines, codec),
        f"{item.message}{name}{steps}",
        severity=_LEVELS[item.severity],
        code=item.code,
        source="merge-tool",
    )


def page_of(item: Diagnostic, rule: Rule | None) -> str:
    """The finding, how the rule came to it, and the rule's page, as Markdown."""
    parts = [f"**{item.code}** {_plain(item.message)}"]
    if item.reason:
        parts.append("\n".join(f"- {_plain(step)}" for step in item.reason))
    if rule is not None:
        parts.append(rule.page())
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    """Text from checked code that Markdown takes as text."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>#|~" else char for char in text)


def suppression(item: Diagnostic, lines: Sequence[str], codec: PositionCodec) -> types.TextEdit | None:
    """A comment at the end of the finding's first line; None where the line has a comment, or ends inside a string.

    It holds no reason, and without one it suppresses nothing (T02): the person has to write why.
    """
    text = lines[item.span.line - 1].rstrip("\r\n") if 0 < item.span.line <= len(lines) else ""
    if not text.strip() or "#" in text or text.endswith("\\") or '"""' in text or "'''" in text:
        return None
    end = types.Position(item.span.line - 1, codec.client_num_units(text))
    return types.TextEdit(types.Range(end, end), f"  # tenant: ignore[{item.code}]")


def changes_of(old: str, new: str, codec: PositionCodec) -> list[types.TextEdit]:
    """The edits, by whole lines, that make one text of another."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    edits = []
    for tag, first, last, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            where = types.Range(_line(first, before, codec), _line(last, before, codec))
            edits.append(types.TextEdit(where, "".join(after[start:end])))
    return edits


def _line(index: int, lines: Sequence[str], codec: PositionCodec) -> types.Position:
    """The start of a line; behind the last line, the end of the text."""
    if index < len(lines) or not lines or lines[-1].endswith(("\n", "\r")):
        return types.Position(index, 0)
    return types.Position(len(lines) - 1, codec.client_num_units(lines[-1]))
