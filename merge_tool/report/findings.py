"""Findings for people: each with its place and a frame of code, then a line of counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.model.text import one_line
from merge_tool.report.console import console, safe
from merge_tool.report.steps import steps

if TYPE_CHECKING:
    from rich.console import Console

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
            _frame(out, lines[item.span.line - 1], item.span, _STYLES[item.severity])
        for step in steps(item, lines_of) if explain else ():
            out.print(safe(f"      = {one_line(step.text)}", "dim"), soft_wrap=True)
            if step.path:
                out.print(
                    safe(f"        {one_line(step.path)}:{step.line}:{step.column}", "bold"), soft_wrap=True
                )
                end = max(len(step.code.rstrip()) + 1, step.column)
                _frame(out, step.code, Span(step.line, step.column, step.line, end), "cyan")


def _frame(out: Console, raw: str, span: Span, style: str) -> None:
    """A line of code with its number, and marks below what is meant."""
    text = raw.expandtabs(4)[:_MAX_LINE]
    start = len(raw[: span.column - 1].expandtabs(4)) + 1
    out.print(safe(f"{span.line:>5} | {one_line(text)}", "dim"), soft_wrap=True)
    end = len(raw[: span.end_column - 1].expandtabs(4)) + 1 if span.end_line == span.line else len(text) + 1
    # What is made visible takes more room than it had.
    before, marked = one_line(text[: start - 1]), one_line(text[start - 1 : max(end, start) - 1])
    if start <= len(text) + 1:
        out.print(safe(f"      | {' ' * len(before)}{'^' * max(len(marked), 1)}", style), soft_wrap=True)


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
