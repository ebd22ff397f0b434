"""Findings for people: each with its place and a frame of code, then a line of counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from merge_tool.model.source import Diagnostic, Severity
from merge_tool.model.text import one_line, printable
from merge_tool.report.console import console, safe

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_MAX_LINE = 160


def print_findings(
    findings: Sequence[Diagnostic],
    lines_of: Callable[[str], Sequence[str]],
    *,
    explain: bool = False,
    frames: bool = True,
) -> None:
    """Prints findings on standard output.

    Args:
        findings: in order of place.
        lines_of: the lines of a file, for the frame; empty where there is none.
        explain: print the steps by which the rule came to each.
        frames: print the line of code below each.
    """
    out = console()
    for item in findings:
        head = safe(f"{one_line(item.path)}:{item.span.line}:{item.span.column}: ", "bold")
        head.append(safe(item.code, _STYLES[item.severity]))
        head.append(safe(f" {item.severity.value}: {one_line(item.message)}"))
        out.print(head, soft_wrap=True)
        lines = lines_of(item.path) if frames else ()
        if 0 < item.span.line <= len(lines):
            raw = lines[item.span.line - 1]
            text = raw.expandtabs(4)[:_MAX_LINE]
            start = len(raw[: item.span.column - 1].expandtabs(4)) + 1
            number = f"{item.span.line:>5} | "
            out.print(safe(number + printable(text), "dim"), soft_wrap=True)
            same = item.span.end_line == item.span.line
            end = len(raw[: item.span.end_column - 1].expandtabs(4)) + 1 if same else len(text) + 1
            width = max(min(end, len(text) + 1) - start, 1)
            out.print(
                safe(f"      | {' ' * (start - 1)}{'^' * width}", _STYLES[item.severity]),
                soft_wrap=True,
            )
        if explain:
            for step in item.reason:
                out.print(safe(f"      = {one_line(step)}", "dim"), soft_wrap=True)


def print_statistics(findings: Sequence[Diagnostic], names: Callable[[str], str]) -> None:
    """Prints how often each rule found something, the most frequent first."""
    out = console()
    counts = Counter((item.code, item.severity) for item in findings)
    for (code, severity), count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        out.print(safe(f"{count:>6}  {code:<5} {severity.value:<8} {names(code)}"), soft_wrap=True)


def summary_line(findings: Sequence[Diagnostic], files: int, seconds: float) -> str:
    """`12 errors, 3 warnings, 1 undecided in 373 files (1.9 s)`."""
    counts = Counter(item.severity for item in findings)
    words = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "undecided"}
    parts = [
        f"{counts[kind]} {word}{'s' * (counts[kind] != 1 and word != 'undecided')}"
        for kind, word in words.items()
        if counts[kind]
    ]
    found = ", ".join(parts) or "no finding"
    return f"{found} in {files} file{'s' * (files != 1)} ({seconds:.1f} s)"
