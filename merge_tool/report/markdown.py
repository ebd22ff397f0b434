"""Markdown: the report, the pull request's text, the release notes. Each fits into one GitHub comment (65,536 characters)."""

from __future__ import annotations

from typing import Any

from merge_tool.report.lines import ReportData
from merge_tool.report.scope import only
from merge_tool.report.templating import Ready, markdown

LIMIT = 60_000  # characters; GitHub refuses a body of more than 65,536
# How many rows a table may have: the first number that makes the text short enough. None: all of them.
_ROWS = (None, 1000, 400, 200, 100, 50, 25, 10, 3)


def render_markdown(data: ReportData, phase: int | None = None) -> str:
    """The reviewers' report.

    Args:
        data: the report.
        phase: cut it down to this phase.

    Returns:
        Markdown of at most `LIMIT` characters; a table that was cut says how many rows are missing.
    """
    return _fitting("report.md.j2", only(data, phase))


def render_pr(data: ReportData, phase: int | None = None) -> str:
    """The text of a pull request: its title on the first line, an empty line, its body."""
    return _fitting("pr.md.j2", only(data, phase))


def render_changelog(data: ReportData, phase: int | None = None) -> str:
    """Release notes: what came in by phase and story, what was left out and why."""
    return _fitting("changelog.md.j2", only(data, phase))


def _fitting(template: str, data: ReportData) -> str:
    text = ""
    for rows in _ROWS:
        text = _render(template, data, rows)
        if len(text) <= LIMIT:
            return text
    cut = text[: LIMIT - 200].rpartition("\n")[0]
    return f"{cut}\n\nThe rest does not fit here: see the HTML or JSON report.\n"


def _render(template: str, data: ReportData, rows: int | None) -> str:
    def head(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return items if rows is None else items[:rows]

    def rest(items: tuple[Any, ...], what: str) -> Ready:
        more = len(items) - len(head(items))
        return Ready(
            f"\n…and {more} more {what}; the HTML and JSON reports have all {len(items)}.\n" if more else ""
        )

    text = markdown().get_template(template).render(data=data, run=data.run, head=head, rest=rest)
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]  # no two empty lines
    return "\n".join(kept).strip() + "\n"
