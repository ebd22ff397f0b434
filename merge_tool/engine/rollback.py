"""Back to before a phase: the branch, the record and the worktree, whatever comes between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from merge_tool.engine.session import Session
from merge_tool.errors import UserError
from merge_tool.model.state import StoryStatus
from merge_tool.plan.order import Unit, unit_dependencies, units

_UNDER_WAY = "rolling-back"


@dataclass(frozen=True)
class RollbackPlan:
    """What a rollback takes back: units in the order in which they were done, and the commit to return to."""

    phase: int
    units: tuple[Unit, ...]
    commit: str
    kept_as: str
    migrations: tuple[str, ...] = ()


def plan_rollback(session: Session, phase: int) -> RollbackPlan:
    """What `rollback --phase N` takes back: the phase, and everything that was done after its first story.

    Raises:
        UserError: the plan has no such phase, or nothing of it was begun.
    """
    if phase not in {item.number for item in session.plan.phases}:
        raise UserError(
            f"the plan has no phase {phase}",
            hint=f"it has {', '.join(str(item.number) for item in session.plan.phases)}",
        )
    recorded = {Unit(item.story_id, item.batch): item for item in session.store.stories(session.run.id)}
    inside = {
        unit
        for unit in units(session.plan)
        if (story := session.plan.story(unit.story_id)) and story.phase == phase
    }
    begun = [unit for unit in inside if recorded[unit].status not in (StoryStatus.WAITING, StoryStatus.READY)]
    if not begun:
        raise UserError(f"nothing of phase {phase} was begun")
    started = {unit: state.started_at for unit, state in recorded.items() if state.started_at}
    times = [started[unit] for unit in begun if unit in started]
    bases = [
        state.base_commit for unit, state in sorted(recorded.items()) if unit in begun and state.base_commit
    ]
    if not times or not bases:
        gone, commit = list(begun), session.run.tip  # only skipped: nothing to take back but the record
    else:
        first = min(times)
        gone = [unit for unit, moment in started.items() if moment >= first] + [
            unit for unit in begun if unit not in started
        ]
        commit = (
            next(recorded[unit].base_commit for unit in started if started[unit] == first) or session.run.tip
        )
    closure = set(gone)
    needs = unit_dependencies(session.plan)
    for unit in units(session.plan):  # in dependency order: one pass is enough
        if needs[unit] & closure and recorded[unit].status not in (StoryStatus.WAITING, StoryStatus.READY):
            closure.add(unit)
    ordered = tuple(
        sorted(closure, key=lambda unit: (started.get(unit) or datetime.max.replace(tzinfo=UTC), unit))
    )
    number = len(session.repo.refs(session.ref("rolled-back"))) + 1
    migrations = tuple(
        spec.action.message
        for unit in ordered
        if (story := session.plan.story(unit.story_id))
        for spec in story.actions
        if spec.kind == "migration"
    )
    return RollbackPlan(phase, ordered, commit, session.ref(f"rolled-back/{number}"), migrations)


def rollback(session: Session, what: RollbackPlan) -> None:
    """Takes it back: the branch by compare-and-swap (the old tip kept under a ref), then the record, then the worktree.

    Until the record follows, a ref says which phase goes back: `complete_rollback` goes on from there after a kill.
    """
    session.keep_edits(session.worktree)
    tip = session.run.tip
    session.repo.update_refs(
        [
            (session.ref(f"{_UNDER_WAY}/{what.phase}"), what.commit, None),
            (what.kept_as, tip, None),
            (session.branch_ref, what.commit, tip),
        ]
    )
    _record(session, what)
    session.checkout(session.repo.tree_of(what.commit))


def complete_rollback(session: Session) -> None:
    """Completes a rollback that was cut off; does nothing where none was."""
    session.repo.remove_stale_locks([session.branch_ref], f"refs/merge-tool/{session.run.id}")
    for name, commit in session.repo.refs(session.ref(_UNDER_WAY)).items():
        try:
            what = plan_rollback(session, int(name.rpartition("/")[2]))
        except UserError:  # the record has followed already
            session.repo.update_refs([(name, "", None)])
            continue
        tip = session.repo.refs(session.branch_ref).get(session.branch_ref)
        session.store.event(
            session.run.id,
            "recovered",
            f"a rollback to before phase {what.phase} was cut off and is completed",
        )
        if tip == commit == what.commit:
            _record(session, what)
        elif tip == session.run.tip:
            rollback(session, what)
        else:  # a person moved the branch since
            session.repo.update_refs([(name, "", None)])


def _record(session: Session, what: RollbackPlan) -> None:
    """Lets the record follow the branch."""
    units = [(unit.story_id, unit.batch) for unit in what.units]
    session.store.reset_stories(session.run.id, units, what.commit)
    session.store.event(
        session.run.id,
        "rolled back",
        f"{len(what.units)} stories, to {what.commit[:12]}; kept as {what.kept_as}",
    )
    session.repo.update_refs([(session.ref(f"{_UNDER_WAY}/{what.phase}"), "", None)])
    session.refresh()
