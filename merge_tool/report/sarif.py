"""Findings as SARIF 2.1.0, which code hosts and editors read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from merge_tool import __version__
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit.rule import Rule

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_data(findings: Sequence[Diagnostic], rules: Iterable[Rule]) -> dict[str, Any]:
    """One run with its rules and results."""
    listed = list(rules)
    numbers = {rule.code: position for position, rule in enumerate(listed)}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "merge-tool",
                        "version": __version__,
                        "rules": [_rule(rule) for rule in listed],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(item, numbers) for item in findings],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    sections = rule.sections()
    return {
        "id": rule.code,
        "name": "".join(word.title() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.title()},
        "fullDescription": {"text": sections.get("Why is this bad?", rule.title())},
        "help": {"text": rule.page()},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(item: Diagnostic, numbers: dict[str, int]) -> dict[str, Any]:
    region = {
        "startLine": item.span.line,
        "startColumn": item.span.column,
        "endLine": item.span.end_line,
        "endColumn": max(item.span.end_column, 1),
    }
    mark = hashlib.sha256(
        f"{item.code}\0{item.path}\0{item.message}".encode("utf-8", "surrogatepass")
    ).hexdigest()[:32]
    result: dict[str, Any] = {
        "ruleId": item.code,
        "level": _LEVELS[item.severity],
        "message": {"text": item.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(item.path, errors="surrogateescape")},
                    "region": region,
                }
            }
        ],
        "partialFingerprints": {"findingHash/v1": mark},
    }
    if item.code in numbers:
        result["ruleIndex"] = numbers[item.code]
    return result
