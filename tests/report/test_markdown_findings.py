"""Findings as Markdown: the worst first, and nothing in them is markup."""

from __future__ import annotations

from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.report.markdown_findings import MARK, SHOWN, markdown_text


def found(severity: Severity, line: int, path: str = "a.py", message: str = "m") -> Diagnostic:
    return Diagnostic("TQ1", severity, path, Span(line, 1, line, 2), message)


def test_without_findings_that_is_said() -> None:
    assert markdown_text([], {}, 3) == f"{MARK}\n### merge-tool: no finding in 3 files\n"


def test_the_worst_come_first_and_the_rest_is_counted() -> None:
    items = [found(Severity.INFO, n) for n in range(1, SHOWN + 1)] + [found(Severity.ERROR, 99)]
    text = markdown_text(items, {"TQ1": "unscoped-select"}, 3)
    rows = [line for line in text.splitlines() if line.startswith("| `a.py:")]
    assert rows[0] == "| `a.py:99` | `TQ1` error | m |"
    assert len(rows) == SHOWN
    assert "… and 1 more" in text
    assert f"| `TQ1` unscoped-select | {SHOWN + 1} |" in text
    assert f"### merge-tool: 1 error, {SHOWN} info in 3 files" in text


def test_names_and_messages_cannot_become_markup() -> None:
    bad = "<script>alert(1)</script> | [x](javascript:y) @team ![i](u)\n# head `code`\x1b[31m"
    text = markdown_text([found(Severity.ERROR, 1, f"{bad}.py", bad)], {}, 1)
    [row] = [line for line in text.splitlines() if "`TQ1` error" in line]
    message = row.rpartition("error | ")[2]
    assert "<script>" not in message
    assert "@team" not in message
    assert "](" not in message.replace("\\]", "").replace("\\(", "")
    assert "\x1b" not in text
    assert not any(line.startswith("# head") for line in text.splitlines())
