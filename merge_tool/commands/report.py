"""`report`: what reviewers read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merge_tool.commands import options

if TYPE_CHECKING:
    from merge_tool.engine.session import Session
    from merge_tool.report.lines import ReportData

FORMATS = ("md", "html", "json", "pr", "changelog")


def report(
    kind: Annotated[
        str, typer.Argument(metavar="[pr|changelog]", help="The pull request's text, or the release notes.")
    ] = "",
    phase: Annotated[int | None, typer.Option("--phase", metavar="N", help="Only this phase.")] = None,
    format_: Annotated[
        str,
        typer.Option("--format", metavar="md|html|json", help="The form; default: md.", show_default=False),
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write there instead of standard output."),
    ] = None,
    record_only: Annotated[
        bool,
        typer.Option(
            "--record-only",
            help="Only what was recorded: no diffs, no findings before and after, no reading order. At once.",
        ),
    ] = False,
    repo: options.Repo = Path(),
    state_url: options.StateUrl = "",
    as_json: options.Json = False,
) -> int:
    """Print the report of the run: what needs a person, which files to read first and why, verdicts file by file, diffs,
    findings before and after, criteria with evidence, what was left out.

    Example: merge-tool report --phase 2 --format html -o phase-2.html
    """
    import sys

    from merge_tool.commands.light import light_store
    from merge_tool.errors import ExitCode, StateError, UserError
    from merge_tool.report.data import build_report
    from merge_tool.report.write import render, write_text

    asked = [word for word in (kind, format_, "json" if as_json else "") if word]
    if len(set(asked)) > 1:
        raise UserError(f"{' and '.join(asked)} are different forms of a report", hint="ask for one of them")
    form = asked[0] if asked else "md"
    if form not in FORMATS:
        raise UserError(f"there is no format {form}", hint=f"one of {', '.join(FORMATS)}")
    with light_store(repo, state_url) as store:
        run = (store.active_run() or store.last_run()) if store else None
        if store is None or run is None:
            raise StateError("no run was begun here", hint="begin one: merge-tool phase 0")
        data = build_report(store, run, phase)
        if form != "changelog" and not record_only:
            data = _reviewed(data, repo)
        text = render(data, form, phase)
    if output is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    else:
        if not output.parent.is_dir():
            raise UserError(f"{output.parent} is not a folder", hint="make it first, or name another with -o")
        write_text(output, text)
    return ExitCode.CLEAN


def _reviewed(data: ReportData, folder: Path) -> ReportData:
    """The report with what the repository tells; a policy that is gone is told in the report."""
    from merge_tool.errors import MergeToolError
    from merge_tool.plan.policy import load_policy
    from merge_tool.report.review import reviewed
    from merge_tool.vcs.repo import Repository

    repo = Repository.open(folder)
    try:
        policy, note = load_policy(data.run.policy_name, root=repo.root), ""
    except MergeToolError as error:
        policy, note = None, f"no findings and no sites: {error}"
    return reviewed(data, repo, policy, note)


def write_reports(session: Session) -> list[Path]:
    """Writes the run's reports beside the worktree and returns their paths."""
    from merge_tool.engine.session import reports_folder
    from merge_tool.report.data import build_report
    from merge_tool.report.review import reviewed
    from merge_tool.report.write import render, write_text

    data = reviewed(build_report(session.store, session.run), session.repo, session.policy)
    folder = reports_folder(session.repo) / session.run.id
    paths = []
    for name, form in (("report.html", "html"), ("report.md", "md"), ("report.json", "json")):
        path = folder / name
        write_text(path, render(data, form, None))
        paths.append(path)
    return paths
