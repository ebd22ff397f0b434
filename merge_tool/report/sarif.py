"""Findings as SARIF 2.1.0, which code hosts and editors read."""

from __future__ import annotations

import hashlib
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from merge_tool import __version__
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.model.text import printable
from merge_tool.report.steps import Lines, Step, steps
from merge_tool.rulekit.rule import Rule

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_BASE = "%SRCROOT%"
_CODE = ("Example", "Use instead")


def sarif_data(
    findings: Sequence[Diagnostic],
    rules: Iterable[Rule],
    suppressed: Sequence[tuple[Diagnostic, str]] = (),
    root: Path | None = None,
    lines_of: Lines = lambda _: (),
) -> dict[str, Any]:
    """One run with its rules and results.

    Args:
        findings: what stands.
        rules: every rule there is; a result points at its own.
        suppressed: what comments took out, with the reasons given there; code hosts show these as dismissed.
        root: the project's root, which the results' paths are relative to; None: not told.
        lines_of: the lines of the project's files, for the places that the rules' steps name.
    """
    listed = list(rules)
    numbers = {rule.code: position for position, rule in enumerate(listed)}
    mark = _marker()
    reasons: list[tuple[Diagnostic, str | None]] = [(item, None) for item in findings]
    reasons += suppressed
    ordered = sorted(reasons, key=lambda pair: pair[0].sort_key)
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "merge-tool",
                "version": __version__,
                "rules": [_rule(rule) for rule in listed],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_BASE: _base(root)},
        "results": [_result(item, why, numbers, mark(item), lines_of) for item, why in ordered],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _base(root: Path | None) -> dict[str, Any]:
    told: dict[str, Any] = {"description": {"text": "The project's root."}}
    return told if root is None else {"uri": root.resolve().as_uri().rstrip("/") + "/", **told}


def _rule(rule: Rule) -> dict[str, Any]:
    sections = rule.sections()
    return {
        "id": rule.code,
        "name": "".join(word.title() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.title()},
        "fullDescription": {"text": sections.get("Why is this bad?", rule.title())},
        "help": {"text": rule.page(), "markdown": _markdown(rule)},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": ["tenancy", "security"]},
    }


def _markdown(rule: Rule) -> str:
    parts = [f"# {rule.code}: {rule.title()}"]
    for heading, body in rule.sections().items():
        shown = f"```python\n{textwrap.dedent(body).strip()}\n```" if heading in _CODE else body.strip()
        parts.append(f"## {heading}\n\n{shown}")
    return "\n\n".join(parts) + "\n"


def _marker() -> Callable[[Diagnostic], str]:
    """Gives each finding a mark of its own that no moving of lines changes: what it says, and which of those that say the same it is."""
    seen: Counter[tuple[str, str, str]] = Counter()

    def mark(item: Diagnostic) -> str:
        key = item.code, item.path, item.message
        seen[key] += 1
        digest = hashlib.sha256("\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return f"{digest}:{seen[key]}"

    return mark


def _result(
    item: Diagnostic, why: str | None, numbers: dict[str, int], mark: str, lines_of: Lines
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": item.code,
        "level": _LEVELS[item.severity],
        "message": {"text": printable(item.message)},
        "locations": [_location(item.path, item.span)],
        "partialFingerprints": {"findingHash/v2": mark},
    }
    if item.code in numbers:
        result["ruleIndex"] = numbers[item.code]
    if item.reason:
        told = steps(item, lines_of)
        result["properties"] = {"reason": [printable(step.text) for step in told]}
        if any(step.path for step in told):
            result["codeFlows"] = [_flow(item, told)]
    if why is not None:
        result["suppressions"] = [{"kind": "inSource", "justification": printable(why)}]
    return result


def _flow(item: Diagnostic, told: Sequence[Step]) -> dict[str, Any]:
    """The steps that have a place, and the finding at the end."""
    locations = [
        _location(step.path, Span(step.line, step.column, step.line, max(len(step.code) + 1, step.column)))
        | {"message": {"text": printable(step.text)}}
        for step in told
        if step.path
    ]
    locations.append(_location(item.path, item.span) | {"message": {"text": printable(item.message)}})
    return {"threadFlows": [{"locations": [{"location": place} for place in locations]}]}


def _location(path: str, span: Span) -> dict[str, Any]:
    region = {
        "startLine": max(span.line, 1),
        "startColumn": max(span.column, 1),
        "endLine": max(span.end_line, span.line, 1),
        "endColumn": max(span.end_column, 1),
    }
    address = {"uri": quote(path, errors="surrogateescape"), "uriBaseId": _BASE}
    return {"physicalLocation": {"artifactLocation": address, "region": region}}
