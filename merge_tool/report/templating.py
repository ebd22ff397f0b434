"""Jinja2 for the reports. Whatever a template prints is made harmless unless it says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from merge_tool.model.text import md_code, md_text, one_line, printable
from merge_tool.report.lines import ReportData
from merge_tool.report.needs import unit_name
from merge_tool.report.review_lines import FindingLine, Reason, Review

TEMPLATES = Path(__file__).parent / "templates"
CLIP = 400  # characters of one cell of a Markdown table


class Ready(str):
    """Markdown that is made already: it is printed as it is."""

    __slots__ = ()


def _environment(*, autoescape: bool, finalize: Callable[[Any], Any]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=autoescape, finalize=finalize, undefined=StrictUndefined,  # noqa: S701 off for Markdown only, which `finalize` escapes
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters.update(
        moment=moment,
        day=day,
        lasted=lasted,
        hours=hours,
        short=short,
        counts=counts,
        changed=changed,
        why=why,
        grouped=grouped,
        inbrief=inbrief,
    )
    environment.globals["unit"] = unit_name
    return environment


@cache
def html() -> Environment:
    """For HTML: everything is escaped, control characters are made visible."""
    environment = _environment(autoescape=True, finalize=_visible)
    environment.filters["line"] = one_line  # for names of files, in which a newline must be seen
    return environment


def _visible(value: Any) -> Any:
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value)


@cache
def markdown() -> Environment:
    """For Markdown: every text is one line of prose with nothing special in it; `| code` makes it a code span,
    `| plain` leaves it one line of plain text."""
    environment = _environment(autoescape=False, finalize=_prose)
    environment.filters["plain"] = lambda value: Ready(one_line(str(value)))
    environment.filters["code"] = lambda value: Ready(md_code(clipped(str(value))))
    return environment


def _prose(value: Any) -> Any:
    return value if isinstance(value, Ready) or not isinstance(value, str) else md_text(clipped(value))


def clipped(text: str) -> str:
    """`text`, cut where it is too long for a table."""
    return text if len(text) <= CLIP else text[: CLIP - 1] + "…"


def moment(value: datetime | None) -> str:
    """A time as `2026-01-03 12:00 UTC`; empty for None."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if value else ""


def day(value: datetime | None) -> str:
    """A day as `2026-01-03`; empty for None."""
    return f"{value.astimezone(UTC):%Y-%m-%d}" if value else ""


def lasted(seconds: float | None) -> str:
    """A duration as `1.2 s`, `3 min` or `2.5 h`; empty for None."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def hours(value: float) -> str:
    """Hours as `2 h` or `1.5 h`."""
    return f"{value:g} h"


def short(commit: str) -> str:
    """A commit's first twelve digits."""
    return commit[:12]


def counts(found: dict[str, int]) -> str:
    """Counts as `31 copied, 2 merged`."""
    return ", ".join(f"{count} {name}" for name, count in found.items())


def changed(path: str, review: Review) -> str:
    """How many lines of a file changed, as `+12 −3`; why that is not known where it is not."""
    found = next((item for item in review.changes if item.path == path), None)
    return "" if found is None else found.note or f"+{found.added} −{found.removed}"


def why(reasons: Sequence[Reason], most: int = 3) -> str:
    """The weightiest reasons as one text, with their lines."""
    told = [item.text + (f" (line {item.line})" if item.line else "") for item in reasons[:most]]
    more = len(reasons) - most
    return "; ".join(told) + (f"; and {more} more" if more > 0 else "")


def grouped(findings: Sequence[FindingLine]) -> list[list[FindingLine]]:
    """Findings that say the same, together, in the order of the first of each."""
    groups: dict[tuple[str, str, bool, str], list[FindingLine]] = {}
    for item in findings:
        groups.setdefault((item.code, item.severity, item.new, item.message), []).append(item)
    return list(groups.values())


def inbrief(data: ReportData) -> str:
    """The counts that a reader asks for first, in one line."""
    stories, criteria = data.story_counts, data.criterion_counts
    told = [f"Stories: {stories.get('done', 0) + stories.get('skipped', 0)} of {len(data.stories)}"]
    review = data.review
    if review and review.changes:
        added, removed = (
            sum(getattr(item, name) for item in review.changes) for name in ("added", "removed")
        )
        told.append(f"files changed: {len(review.changes)} (+{added} −{removed})")
    elif data.files:
        told.append(f"files: {len(data.files)}")
    if review and review.levels:
        told.append(f"risk: {counts(review.levels)}")
    if data.conflicts:
        left = sum(item.status == "open" for item in data.conflicts)
        told.append(f"conflicts: {left} open of {len(data.conflicts)}")
    if review and review.rules:
        told.append(f"findings: {review.counts[0]} before, {review.counts[1]} after")
    if data.criteria:
        shown = criteria.get("passed", 0) + criteria.get("signed", 0)
        told.append(f"criteria shown: {shown} of {len(data.criteria)}")
    return "; ".join(told) + "."
