"""`phase` and `story`: run what is ready."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merge_tool.commands import options
from merge_tool.commands.opening import Request

if TYPE_CHECKING:
    from merge_tool.engine.runner import RunResult
    from merge_tool.engine.session import Session
    from merge_tool.model.plan import Plan
    from merge_tool.plan.order import Unit

WithNeeded = Annotated[
    bool, typer.Option("--with-needed", help="Run the stories of earlier phases that these wait for, too.")
]


NEEDED = " --with-needed"  # ends the stored target of a command that had the option


def phase(
    number: Annotated[int, typer.Argument(metavar="N", help="The phase's number.")],
    repo: options.Repo = Path(),
    plan: options.PlanFile = None,
    policy: options.PolicyName = "",
    dry_run: options.DryRun = False,
    with_needed: WithNeeded = False,
    reload_plan: options.ReloadPlan = False,
    state_url: options.StateUrl = "",
    database_url: options.DatabaseUrl = "",
    python: options.PythonPath = "",
    as_json: options.Json = False,
) -> int:
    """Run the stories of a phase that are ready, in dependency order.

    The work is done in a worktree of its own (.merge-tool/worktree); the branch that is checked out is never touched.
    A conflict, a failed check or a gate stops it: `merge-tool status` says what to do.

    Example: merge-tool phase 2 --dry-run
    """
    request = Request(repo, plan, policy, state_url, database_url, python, reload_plan)
    return _run(request, f"phase {number}", dry_run=dry_run, with_needed=with_needed, as_json=as_json)


def story(
    story_id: Annotated[
        str, typer.Argument(metavar="X.Y", help="The story's id; X.Y#1 is the first part of a batched story.")
    ],
    repo: options.Repo = Path(),
    plan: options.PlanFile = None,
    policy: options.PolicyName = "",
    dry_run: options.DryRun = False,
    with_needed: WithNeeded = False,
    reload_plan: options.ReloadPlan = False,
    state_url: options.StateUrl = "",
    database_url: options.DatabaseUrl = "",
    python: options.PythonPath = "",
    as_json: options.Json = False,
) -> int:
    """Run one story. Of a story that is done, the acceptance criteria are checked again, on the branch as it is now.

    Example: merge-tool story 2.1
    """
    request = Request(repo, plan, policy, state_url, database_url, python, reload_plan)
    return _run(request, f"story {story_id}", dry_run=dry_run, with_needed=with_needed, as_json=as_json)


def _run(request: Request, target: str, *, dry_run: bool, with_needed: bool, as_json: bool) -> int:
    from merge_tool.commands.dry import dry_session
    from merge_tool.commands.opening import active_session
    from merge_tool.engine.runner import Runner
    from merge_tool.errors import ActionError, StateError
    from merge_tool.model.state import StoryStatus
    from merge_tool.plan.order import unit_dependencies
    from merge_tool.report.progress import progress

    def admit(plan: Plan) -> None:
        """No run is begun for stories that all wait for others."""
        needs = unit_dependencies(plan)
        wanted = units_of(plan, target, with_needed=with_needed)
        if wanted and all(needs[unit] for unit in wanted):
            names = ", ".join(
                sorted({str(need) for unit in wanted for need in needs[unit] if need not in wanted})
            )
            raise ActionError(
                f"no run is active, and {target} waits for {names}",
                hint="run those first (merge-tool phase 0), or all of them with --with-needed",
            )

    opened: AbstractContextManager[Session] = (
        dry_session(request) if dry_run else active_session(request, must_exist=False, admit=admit)
    )
    with opened as session, progress(as_json=as_json) as listener:
        session.listener = listener
        wanted = units_of(session.plan, target, with_needed=with_needed)
        runner = Runner(session)
        stuck = [
            unit
            for unit, state in runner.states().items()
            if state in (StoryStatus.STOPPED, StoryStatus.GATE)
        ]
        if stuck:
            raise StateError(
                f"story {stuck[0]} is stopped",
                hint="see `merge-tool status`; then `merge-tool continue`, `skip` or `abort`",
            )
        if not dry_run and runner.can_run(wanted):
            session.update_run(target=f"{target}{NEEDED}" if with_needed else target)
        if target.startswith("story"):
            runner.recheck(unit for unit in wanted if unit.story_id == target.split()[1].partition("#")[0])
        result = runner.run(wanted)
        return conclude(session, result, target, as_json=as_json)


def units_of(plan: Plan, target: str, *, with_needed: bool = False) -> list[Unit]:
    """The units that `phase N` or `story X.Y` means; either may end in `--with-needed`.

    Raises:
        UserError: the plan has no such phase or story.
    """
    from merge_tool.errors import UserError
    from merge_tool.plan.order import split_reference, unit_dependencies, units

    with_needed = with_needed or target.endswith(NEEDED)
    kind, _, name = target.removesuffix(NEEDED).partition(" ")
    every = units(plan)
    if kind == "phase":
        numbers = [item.number for item in plan.phases]
        if int(name) not in numbers:
            raise UserError(
                f"the plan has no phase {name}",
                hint=f"it has {', '.join(map(str, numbers))}: merge-tool plan",
            )
        inside = {item.id for item in plan.stories() if item.phase == int(name)}
        wanted = [unit for unit in every if unit.story_id in inside]
    else:
        try:
            story_id, batch = split_reference(name)
        except ValueError as error:
            raise UserError(f"{name!r} is no story: {error}") from error
        wanted = [unit for unit in every if unit.story_id == story_id and batch in (0, unit.batch)]
        if not wanted:
            raise UserError(f"the plan has no story {name}", hint="see `merge-tool plan`")
    if with_needed:
        needs = unit_dependencies(plan)
        closure = set(wanted)
        for unit in reversed(every):
            if unit in closure:
                closure |= needs[unit]
        wanted = [unit for unit in every if unit in closure]
    return wanted


def conclude(session: Session, result: RunResult, target: str, *, as_json: bool, leave_out: str = "") -> int:
    """Ends a command that ran stories: the last one of a plan ends the run; prints what there is to say."""
    from merge_tool.engine.moves import finish
    from merge_tool.errors import ActionError, ExitCode
    from merge_tool.report.data import build_report
    from merge_tool.report.summary import print_run_json, print_run_summary

    commit = ""
    held: ActionError | None = None
    if result.finished:
        try:
            commit = finish(session, leave_out)
            session.refresh()
        except ActionError as error:
            held = error  # the reports come first; then it is told
    asked = {unit.story_id for unit in units_of(session.plan, target)}
    moved = {unit.story_id for unit in (*result.done, *((result.stopped,) if result.stopped else ()))}
    data = build_report(session.store, session.run, only=asked | moved)
    failed = any(item.status == "failed" for item in data.criteria)
    written: list[Path] = []
    if not session.dry_run:
        from merge_tool.commands.report import write_reports

        written = write_reports(session)
    extra: dict[str, Any] = {
        "target": target, "dry_run": session.dry_run, "finished": commit,
        "done": [str(unit) for unit in result.done], "stopped": str(result.stopped) if result.stopped else None,
        "waiting": {str(unit): list(needs) for unit, needs in result.waiting}, "reports": [str(path) for path in written],
    }  # fmt: skip
    if as_json:
        print_run_json(data, extra)
    else:
        print_run_summary(data, result, session, written, finished=bool(commit))
    if held is not None:
        raise held
    return ExitCode.FINDINGS if result.stopped or result.waiting or failed else ExitCode.CLEAN
