"""Renders a report in a named form, and writes texts so that a reader never meets half a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.errors import UserError
from merge_tool.files import write_atomic

if TYPE_CHECKING:
    from merge_tool.report.data import ReportData


def render(data: ReportData, form: str, phase: int | None) -> str:
    """The report as `md`, `html`, `json`, `pr` (a pull request's text) or `changelog`."""
    from merge_tool.report.html import render_html
    from merge_tool.report.json_report import render_json
    from merge_tool.report.markdown import render_changelog, render_markdown, render_pr

    forms: dict[str, Callable[[], str]] = {
        "md": lambda: render_markdown(data, phase),
        "html": lambda: render_html(data, phase),
        "json": lambda: render_json(data),
        "pr": lambda: render_pr(data, phase),
        "changelog": lambda: render_changelog(data, phase),
    }
    return forms[form]()


def write_text(path: Path, text: str) -> None:
    """Writes a file by way of a temporary one beside it.

    Raises:
        UserError: the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text.encode("utf-8", "backslashreplace"), 0o644)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}", hint="name another with --output"
        ) from error
