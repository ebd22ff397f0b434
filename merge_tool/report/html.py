"""HTML: one file that needs no network. Text is escaped by the template engine, and a content policy lets nothing else run."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from merge_tool.report.lines import ReportData
from merge_tool.report.scope import only
from merge_tool.report.templating import TEMPLATES, html

ROWS = 5000  # rows of one table; a browser takes these well, and the JSON report has all


def render_html(data: ReportData, phase: int | None = None) -> str:
    """The reviewers' report as one HTML page, readable in light and dark.

    Args:
        data: the report.
        phase: cut it down to this phase.
    """
    style, script = (
        (TEMPLATES / "report.css").read_text("utf-8"),
        (TEMPLATES / "report.js").read_text("utf-8"),
    )
    shown = only(data, phase)
    page = html().get_template("report.html.j2")
    return page.render(
        data=shown,
        run=shown.run,
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'",
        rows=ROWS,
    )


def _hash(text: str) -> str:
    """The source expression that allows exactly this inline text."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
