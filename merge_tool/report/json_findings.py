"""Findings as the JSON document that scripts rely on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from merge_tool.model.source import Diagnostic
from merge_tool.model.text import printable
from merge_tool.report.steps import Lines, steps


def findings_data(
    findings: Sequence[Diagnostic], files: int, seconds: float, lines_of: Lines | None = None
) -> dict[str, Any]:
    """The document of `validate --format json`; keys are only ever added.

    Args:
        findings: in order of place.
        files: how many files were reported on.
        seconds: wall time of the run.
        lines_of: the lines of the project's files; given, each finding has `steps` with places and code.
    """
    return {
        "findings": [_finding(item, lines_of) for item in findings],
        "files": files,
        "seconds": round(seconds, 3),
    }


def _finding(item: Diagnostic, lines_of: Lines | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "code": item.code,
        "severity": item.severity.value,
        "path": _text(item.path),
        "line": item.span.line,
        "column": item.span.column,
        "end_line": item.span.end_line,
        "end_column": item.span.end_column,
        "message": _text(item.message),
        "fixable": item.fixable,
        "reason": [_text(step) for step in item.reason],
    }
    if data["path"] != item.path:
        data["uri"] = quote(item.path, errors="surrogateescape")  # the file's own name, byte by byte
    if lines_of is not None:
        data["steps"] = [
            {
                "text": _text(step.text),
                **({"path": _text(step.path), "line": step.line, "column": step.column, "code": _text(step.code)}
                   if step.path else {}),
            }
            for step in steps(item, lines_of)
        ]  # fmt: skip
    return data


def _text(text: str) -> str:
    """Text that every JSON reader takes: half a surrogate pair, as bytes that are no UTF-8 become, is none."""
    return printable(text) if any("\ud800" <= char <= "\udfff" for char in text) else text
