"""GitHub's annotations: ten of a type are shown, so the worst come first and the rest is told."""

from __future__ import annotations

from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.report.github import SHOWN, github_lines


def found(severity: Severity, span: Span, path: str = "a.py", message: str = "m") -> Diagnostic:
    return Diagnostic("TQ1", severity, path, span, message)


def test_the_worst_come_first_and_what_is_left_out_is_counted() -> None:
    items = [found(Severity.INFO, Span(1, 1, 1, 2))]
    items += [found(Severity.WARNING, Span(line, 1, line, 2)) for line in range(2, 15)]
    items += [found(Severity.ERROR, Span(line, 1, line, 2), "z.py") for line in range(20, 32)]
    lines = github_lines(items)
    kinds = [line.partition(" ")[0] for line in lines[:-1]]
    assert kinds == ["::error"] * 12 + ["::warning"] * 13 + ["::notice"]
    assert lines[-1] == (
        "GitHub shows 10 annotations of each type from one step; 5 findings are in this log only: 2 errors, 3 warnings"
    )


def test_as_many_as_are_shown_need_no_such_line() -> None:
    lines = github_lines([found(Severity.ERROR, Span(n, 1, n, 2)) for n in range(1, SHOWN + 1)])
    assert len(lines) == SHOWN


def test_columns_stand_only_where_github_takes_them() -> None:
    [one] = github_lines([found(Severity.ERROR, Span(3, 2, 3, 9))])
    assert "line=3,endLine=3,col=2,endColumn=9,title" in one
    [several] = github_lines([found(Severity.ERROR, Span(3, 2, 5, 9))])
    assert "line=3,endLine=5,title" in several


def test_nothing_of_a_path_or_message_reaches_the_terminal_raw() -> None:
    [line] = github_lines(
        [found(Severity.ERROR, Span(1, 1, 1, 1), "a\udcff\x1b[31m.py", "\x1b]0;title\x07\r::x")]
    )
    assert line.isprintable()
    assert line.encode()
