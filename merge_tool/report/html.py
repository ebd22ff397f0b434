"""HTML: one file that needs no network. Text is escaped by the template engine, and a content policy lets nothing else run."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256

from merge_tool.report.charts import burn_down, rule_bars, step_bars, story_graph
from merge_tool.report.lines import ReportData
from merge_tool.report.page import Entry, entries_of, options
from merge_tool.report.scope import only
from merge_tool.report.templating import TEMPLATES, html

ROWS = 5000  # rows of one table; a browser takes these well, and the JSON report has all
FINDINGS = 500  # new findings in the table; those of a file stand with the file too
_STYLES, _SCRIPTS = ("report.css", "files.css"), ("diff.js", "report.js")


@dataclass(frozen=True, slots=True)
class Time:
    """One row of the table of times: hours are a person's, estimated; seconds are the tool's."""

    name: str
    stories: str
    estimate: float
    done: float
    seconds: float | None


def render_html(data: ReportData, phase: int | None = None) -> str:
    """The reviewers' report as one HTML page, readable in light, in dark and on paper.

    Args:
        data: the report.
        phase: cut it down to this phase.
    """
    style = "".join((TEMPLATES / name).read_text("utf-8") for name in _STYLES)
    script = "".join((TEMPLATES / name).read_text("utf-8") for name in _SCRIPTS)
    shown = only(data, phase)
    entries = _entries(shown)
    review = shown.review
    page = html().get_template("report.html.j2")
    return page.render(
        data=shown,
        run=shown.run,
        review=review,
        entries=entries,
        risky=[item for item in entries if item.risk.level in ("high", "medium")],
        anchors={item.path: item.anchor for item in entries[:ROWS]},
        fresh=[item for item in review.findings if item.new] if review else [],
        risks=options(entries, "risk"),
        verdicts=options(entries, "verdict"),
        units=options(entries, "unit"),
        story_graph=story_graph(shown.stories),
        rule_bars=rule_bars(review.rules if review else ()),
        step_bars=step_bars(shown.conflicts),
        burn_down=burn_down(shown.phases, shown.stories) if shown.phase is None else "",
        times=_times(shown),
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'",
        rows=ROWS,
        most=FINDINGS,
    )


def _entries(data: ReportData) -> list[Entry]:
    from merge_tool.lint.cache import Cache, default_folder

    if data.review is None:
        return entries_of(data)
    cache = Cache(default_folder())
    try:
        return entries_of(data, cache=cache)
    finally:
        cache.close()


def _times(data: ReportData) -> list[Time]:
    """One row a phase, and the sum."""
    rows = []
    for phase in data.phases:
        own = [item for item in data.stories if item.phase == phase.number]
        if not own:
            continue
        finished = [item for item in own if item.status in ("done", "skipped")]
        known = [item.elapsed_seconds for item in own if item.elapsed_seconds is not None]
        rows.append(
            Time(
                f"{phase.number}: {phase.title}",
                f"{len(finished)} of {len(own)}",
                sum(item.estimate_hours for item in own),
                sum(item.estimate_hours for item in finished),
                sum(known) if known else None,
            )
        )
    if len(rows) > 1:
        seconds = [item.seconds for item in rows if item.seconds is not None]
        finished_count = sum(item.status in ("done", "skipped") for item in data.stories)
        rows.append(
            Time(
                "all", f"{finished_count} of {len(data.stories)}", sum(item.estimate for item in rows),
                sum(item.done for item in rows), sum(seconds) if seconds else None,
            )
        )  # fmt: skip
    return rows


def _hash(text: str) -> str:
    """The source expression that allows exactly this inline text."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
