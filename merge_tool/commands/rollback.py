"""`rollback`: back to before a phase."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from merge_tool.commands import options
from merge_tool.commands.opening import Request


def rollback(
    phase: Annotated[int, typer.Option("--phase", metavar="N", help="Back to before this phase.")],
    dry_run: options.DryRun = False,
    repo: options.Repo = Path(),
    state_url: options.StateUrl = "",
    as_json: options.Json = False,
) -> int:
    """Take a phase back, and all that was done after it began: branch, worktree and record.

    The old tip of the branch is kept under refs/merge-tool/. Migrations that you applied to a database are named;
    they go back by `alembic downgrade`. Example: merge-tool rollback --phase 2 --dry-run
    """
    from merge_tool.commands.opening import active_session
    from merge_tool.engine.moves import plan_rollback
    from merge_tool.engine.moves import rollback as roll_back
    from merge_tool.errors import ExitCode
    from merge_tool.report.summary import say

    with active_session(Request(repo, state_url=state_url)) as session:
        what = plan_rollback(session, phase)
        if not dry_run:
            roll_back(session, what)
        branch = session.run.merge_branch
    names = ", ".join(str(unit) for unit in what.units)
    would = "would go" if dry_run else "went"
    lines = [f"{branch} {would} back to {what.commit[:12]}: stories {names}"]
    if what.migrations:
        lines.append(
            f"revisions of these stories ({'; '.join(what.migrations)}): where applied, `alembic downgrade -{len(what.migrations)}`"
        )
    if not dry_run:
        lines.append(f"the old tip is kept as {what.kept_as}")
    data = {
        "dry_run": dry_run,
        "commit": what.commit,
        "stories": [str(u) for u in what.units],
        "kept_as": what.kept_as,
        "migrations": list(what.migrations),
    }
    say(data, lines, as_json)
    return ExitCode.CLEAN
