"""`continue`, `skip` and `abort`: the way through a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from merge_tool.commands import options
from merge_tool.commands.opening import Request


def continue_run(
    repo: options.Repo = Path(),
    plan: options.PlanFile = None,
    policy: options.PolicyName = "",
    reload_plan: options.ReloadPlan = False,
    state_url: options.StateUrl = "",
    database_url: options.DatabaseUrl = "",
    python: options.PythonPath = "",
    leave_out: Annotated[
        str,
        typer.Option(
            "--leave-out",
            metavar="REASON",
            help="End the run although no story took some of upstream's files.",
        ),
    ] = "",
    as_json: options.Json = False,
) -> int:
    """Go on after a stop, a gate or a kill, with the files as they now stand in the worktree.

    Goes on with the stopped story, then with the rest of what was asked for (the phase, or the story).

    Example: merge-tool continue
    """
    from merge_tool.commands.opening import active_session
    from merge_tool.commands.run import conclude, units_of
    from merge_tool.engine.conflicts import is_stopped
    from merge_tool.engine.moves import take_up
    from merge_tool.engine.runner import Runner
    from merge_tool.report.progress import progress

    request = Request(repo, plan, policy, state_url, database_url, python, reload_plan)
    with active_session(request) as session, progress(as_json=as_json) as listener:
        session.listener = listener
        target = session.run.target or "phase 0"
        wanted = units_of(session.plan, target)
        if is_stopped(session):
            unit = take_up(session)
            wanted = [unit, *(item for item in wanted if item != unit)]
        result = Runner(session).run(wanted)
        return conclude(session, result, target, as_json=as_json, leave_out=leave_out.strip())


def skip(
    story_id: Annotated[
        str, typer.Argument(metavar="[X.Y]", help="The story to leave out; default: the one that is stopped.")
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", "-m", help="Why; it stands in the ledger and in the reports.")
    ] = "",
    repo: options.Repo = Path(),
    state_url: options.StateUrl = "",
    as_json: options.Json = False,
) -> int:
    """Leave a story out, with a reason. What it had done is dropped, and kept under refs/merge-tool/.

    Example: merge-tool skip 2.3 --reason "our login is our own"
    """
    from merge_tool.commands.opening import active_session
    from merge_tool.engine.conflicts import stopped_step
    from merge_tool.engine.moves import skip as skip_unit
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.plan.order import Unit, split_reference
    from merge_tool.report.summary import say

    if not reason.strip():
        raise UserError("skip needs a reason", hint='merge-tool skip --reason "why it is left out"')
    with active_session(Request(repo, state_url=state_url)) as session:
        if story_id:
            try:
                unit = Unit(*split_reference(story_id))
            except ValueError as error:
                raise UserError(f"{story_id!r} is no story: {error}") from error
        else:
            step = stopped_step(session)
            unit = Unit(step.story_id, step.batch)
        stays = skip_unit(session, unit, reason.strip())
    lines = [f"story {unit} is left out: {reason}", *([stays] if stays else []), "next: merge-tool continue"]
    say({"skipped": str(unit), "reason": reason, "stays": stays}, lines, as_json)
    return ExitCode.CLEAN


def abort(
    repo: options.Repo = Path(), state_url: options.StateUrl = "", as_json: options.Json = False
) -> int:
    """End the run and take its worktree and branches away. Its commits stay reachable under refs/merge-tool/.

    The branch that was checked out was never touched. Example: merge-tool abort
    """
    from merge_tool.commands.opening import active_session
    from merge_tool.engine.moves import abort as abort_run
    from merge_tool.errors import ExitCode
    from merge_tool.report.summary import say

    with active_session(Request(repo, state_url=state_url), reconcile=False) as session:
        said = abort_run(session)
        run_id = session.run.id
    say({"aborted": run_id, "done": said}, [f"run {run_id} ended", *said], as_json)
    return ExitCode.CLEAN
