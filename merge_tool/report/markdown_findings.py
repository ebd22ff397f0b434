"""Findings as Markdown, for the comment on a pull request and the summary of a CI job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from merge_tool.model.source import Diagnostic, Severity
from merge_tool.model.text import md_code, md_text, one_line

MARK = "<!-- merge-tool validate -->"  # by which a later run finds its comment again
SHOWN = 50
_ORDER = list(Severity)


def markdown_text(findings: Sequence[Diagnostic], names: dict[str, str], files: int) -> str:
    """The findings, the worst first, as a table; at most `SHOWN` of them, and how many there are of each rule.

    Args:
        names: the rules' names by code.
        files: how many files were checked.
    """
    kinds = Counter(item.severity for item in findings)
    counts = ", ".join(f"{kinds[kind]} {kind.value}" for kind in Severity if kinds[kind])
    lines = [MARK, f"### merge-tool: {counts or 'no finding'} in {files} files", ""]
    if not findings:
        return "\n".join(lines)
    lines += ["| rule | findings |", "|---|---:|"]
    rules = Counter(item.code for item in findings)
    lines += [f"| `{code}` {names.get(code, '')} | {count} |" for code, count in rules.most_common()]
    lines += ["", "| place | rule | what |", "|---|---|---|", *_rows(findings)]
    if len(findings) > SHOWN:
        lines += ["", f"… and {len(findings) - SHOWN} more; `merge-tool validate` has them all."]
    return "\n".join(lines) + "\n"


def _rows(findings: Iterable[Diagnostic]) -> list[str]:
    ordered = sorted(findings, key=lambda item: (_ORDER.index(item.severity), item.sort_key))
    return [
        f"| {md_code(f'{one_line(item.path)}:{item.span.line}')} | `{item.code}` {item.severity.value} | {md_text(one_line(item.message))} |"
        for item in ordered[:SHOWN]
    ]
