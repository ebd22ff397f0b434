"""Findings as bytes: between processes, and from one run to the next."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from merge_tool.model.source import Diagnostic, Severity, Span


def finding_row(item: Diagnostic) -> tuple[Any, ...]:
    """A finding as plain data."""
    span = (item.span.line, item.span.column, item.span.end_line, item.span.end_column)
    return (item.code, item.severity.value, item.path, span, item.message, item.fixable, item.reason)


def read_row(row: Any) -> Diagnostic:
    """The finding that `finding_row` made plain.

    Raises:
        ValueError, TypeError: the data is no finding.
    """
    code, severity, path, span, message, fixable, reason = row
    return Diagnostic(
        str(code),
        Severity(severity),
        str(path),
        Span(*(int(number) for number in span)),
        str(message),
        bool(fixable),
        tuple(str(step) for step in reason),
    )


def findings_bytes(findings: Iterable[Diagnostic], **more: Any) -> bytes:
    """Findings, and what else is told of a run, as JSON."""
    rows = [finding_row(item) for item in findings]
    return json.dumps({"findings": rows, **more}).encode("ascii")


def read_findings(data: bytes) -> tuple[tuple[Diagnostic, ...], dict[str, Any]] | None:
    """What `findings_bytes` wrote; None where the bytes are not such."""
    try:
        found = json.loads(data)
        return tuple(read_row(row) for row in found.pop("findings")), found
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
