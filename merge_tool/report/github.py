"""Findings as GitHub's workflow commands, which show them as annotations of a pull request."""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.source import Diagnostic, Severity

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def github_lines(findings: Iterable[Diagnostic]) -> list[str]:
    """One command a finding. Text from the checked code cannot end one or begin another."""
    return [
        f"::{_LEVELS[item.severity]} file={item.path.translate(_PROPERTY)},line={item.span.line},col={item.span.column},"
        f"endLine={item.span.end_line},title={item.code}::{item.message.translate(_DATA)}"
        for item in findings
    ]
