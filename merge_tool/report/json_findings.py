"""Findings as the JSON document that scripts rely on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from merge_tool.model.source import Diagnostic


def findings_data(findings: Sequence[Diagnostic], files: int, seconds: float) -> dict[str, Any]:
    """The document of `validate --format json`; keys are only ever added."""
    return {
        "findings": [
            {
                "code": item.code,
                "severity": item.severity.value,
                "path": item.path,
                "line": item.span.line,
                "column": item.span.column,
                "end_line": item.span.end_line,
                "end_column": item.span.end_column,
                "message": item.message,
                "fixable": item.fixable,
                "reason": list(item.reason),
            }
            for item in findings
        ],
        "files": files,
        "seconds": round(seconds, 3),
    }
