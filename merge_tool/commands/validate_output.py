"""How `validate` writes what it found: for people, for programs, for CI."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from merge_tool.commands.validate_fix import Fixed
    from merge_tool.lint.run import LintResult
    from merge_tool.model.source import Diagnostic
    from merge_tool.rulekit.rule import Rule


class Format(StrEnum):
    """How findings are written."""

    RICH = "rich"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"
    JUNIT = "junit"
    MARKDOWN = "markdown"


def note(text: str, kind: Format) -> None:
    """A note for people; on standard error, so that the document on standard output stays whole."""
    from merge_tool.model.text import one_line

    if kind is Format.RICH:
        from merge_tool.report.console import err_console, safe

        err_console().print(safe(one_line(text), "dim"), soft_wrap=True)
    else:
        typer.echo(one_line(text), err=True)


def write(
    kind: Format,
    result: LintResult,
    findings: Sequence[Diagnostic],
    rules: Sequence[Rule],
    root: Path,
    *,
    statistics: bool,
    explain: bool,
    fixed: Fixed | None = None,
    quiet: bool = False,
) -> None:
    """Writes the findings.

    Args:
        fixed: what `--fix` did, told before what remains.
        quiet: leave the summary out.
    """
    import json

    from merge_tool.report.lines_of import LinesOf

    if kind is Format.JSON:
        from merge_tool.report.json_findings import findings_data

        data = findings_data(findings, result.files, result.seconds, LinesOf(root) if explain else None)
        typer.echo(json.dumps(data | (fixed.data() if fixed is not None else {}), indent=2))
    elif kind is Format.SARIF:
        from merge_tool.report.sarif import sarif_data

        typer.echo(json.dumps(sarif_data(findings, rules, result.suppressed, root, LinesOf(root)), indent=2))
    elif kind is Format.GITHUB:
        from merge_tool.report.github import github_lines

        for line in github_lines(findings):
            typer.echo(line)
    elif kind is Format.JUNIT:
        from merge_tool.report.junit import junit_text

        typer.echo(junit_text(findings, result.rules, result.seconds), nl=False)
    elif kind is Format.MARKDOWN:
        from merge_tool.report.markdown_findings import markdown_text

        typer.echo(markdown_text(findings, {rule.code: rule.name for rule in rules}, result.files), nl=False)
    else:
        from merge_tool.report.console import console, safe
        from merge_tool.report.findings import print_findings, print_statistics, summary_line

        if statistics:
            names = {rule.code: rule.name for rule in rules}
            print_statistics(findings, lambda code: names.get(code, ""))
        elif fixed is None or not fixed.previewed:
            print_findings(findings, LinesOf(root), explain=explain)
        if not quiet and (fixed is None or not fixed.previewed):
            line = summary_line(findings, result.files, result.seconds)
            console().print(safe(line), soft_wrap=True)
    if fixed is not None and kind is not Format.JSON:
        fixed.tell(kind)
