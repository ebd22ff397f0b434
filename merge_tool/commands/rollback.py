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
    database: Annotated[
        bool, typer.Option("--database", help="Put the database back too, to the dump that story 0.1 made.")
    ] = False,
    dump: Annotated[
        Path | None,
        typer.Option("--dump", metavar="FILE", help="With --database: another dump.", show_default=False),
    ] = None,
    database_url: options.DatabaseUrl = "",
    repo: options.Repo = Path(),
    state_url: options.StateUrl = "",
    as_json: options.Json = False,
) -> int:
    """Take a phase back, and all that was done after it began: branch, worktree and record.

    The old tip of the branch is kept under refs/merge-tool/. Migrations that you applied to a database are named;
    they go back by `alembic downgrade`, or with --database, which restores the dump made before the merge in one
    transaction and keeps a dump of the present state. Example: merge-tool rollback --phase 2 --dry-run
    """
    from merge_tool.commands.opening import active_session
    from merge_tool.engine.restore import plan_restore, restore
    from merge_tool.engine.rollback import plan_rollback
    from merge_tool.engine.rollback import rollback as roll_back
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.report.summary import say

    if dump is not None and not database:
        raise UserError("--dump goes with --database", hint="add --database")
    with active_session(Request(repo, state_url=state_url, database_url=database_url)) as session:
        what = plan_rollback(session, phase)
        back = plan_restore(session, dump) if database else None
        if not dry_run:
            if back is not None:  # first: where it fails, nothing else has changed
                restore(session, back)
            roll_back(session, what)
        branch = session.run.merge_branch
    names = ", ".join(str(unit) for unit in what.units)
    would = "would go" if dry_run else "went"
    lines = [f"{branch} {would} back to {what.commit[:12]}: stories {names}"]
    if back is not None:
        lines.append(back.sentence(done=not dry_run))
    elif what.migrations:
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
        "database": None
        if back is None
        else {"url": back.shown, "dump": str(back.dump), "bytes": back.size, "kept_as": str(back.safety)},
    }
    say(data, lines, as_json)
    return ExitCode.CLEAN
