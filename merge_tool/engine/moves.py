"""The way through a stop and back: continue, skip, abort, rollback, and the end of a run."""

from __future__ import annotations

import re
from dataclasses import replace

from merge_tool.engine.conflicts import open_conflicts, stopped_step
from merge_tool.engine.leftover import not_taken
from merge_tool.engine.messages import merge_message
from merge_tool.engine.resolutions import record
from merge_tool.engine.runner import FINISHED, Runner
from merge_tool.engine.session import Session
from merge_tool.errors import ActionError, StateError, UserError
from merge_tool.model.outcome import (
    FileVerdict,
    LedgerEntry,
    OutcomeStatus,
    Verdict,
)
from merge_tool.model.state import RunStatus, StepState, StoryStatus
from merge_tool.plan.order import Unit, units


def take_up(session: Session) -> Unit:
    """Makes the stopped unit ready to run again, with what a person did in the worktree.

    Returns:
        The unit; `Runner.run_unit` goes on with it.

    Raises:
        StateError: nothing is stopped.
        ActionError: conflicts are left.
    """
    step = stopped_step(session)
    unit = Unit(step.story_id, step.batch)
    if step.status == "running":  # a kill: the step is done again from the tree before it
        session.store.event(session.run.id, "recovered", f"{unit}: {step.kind} was cut off and is done again")
        return unit
    if not session.worktree.exists:
        text = f"{unit}: the worktree is gone; {step.kind} is done again"
        session.store.event(session.run.id, "recovered", text)
        session.store.forget_decisions(session.run.id, step.story_id, step.batch)
        return unit
    conflicts = open_conflicts(session, step)
    if left := [item for item in conflicts if not item.resolved]:
        lines = "; ".join(f"{item.conflict.path}: {item.why}" for item in left[:10])
        more = f" and {len(left) - 10} more" if len(left) > 10 else ""
        raise ActionError(
            f"{len(left)} of {len(conflicts)} conflicts are left: {lines}{more}",
            hint="see `merge-tool conflicts`; edit the files in the worktree, or `merge-tool resolve FILE --ours|--theirs`",
        )
    tree = session.worktree.snapshot(tuple(item.conflict.path for item in conflicts))
    edited = [path for _, path, _ in session.repo.diff_tree(step.tree_after, tree)]
    if conflicts and step.outcome is not None:
        _finish_by_hand(session, step, tree, edited)
    elif edited:
        session.store.begin_step(
            session.run.id, step.story_id, step.batch, step.index, kind=step.kind, tree_before=tree
        )
        for path in edited:
            session.store.record_file(
                session.run.id,
                step.story_id,
                step.batch,
                FileVerdict(path, Verdict.RESOLVED, "person", "edited by hand"),
            )
    return unit


def _finish_by_hand(session: Session, step: StepState, tree: str, edited: list[str]) -> None:
    """Records a step whose conflicts a person resolved."""
    assert step.outcome is not None
    resolved = {item.path for item in step.outcome.conflicts}
    entries = session.repo.ls_tree(tree)
    texts = {path: entries[path].oid for path in resolved if path in entries and entries[path].is_file}
    blobs = session.repo.read_blobs(texts.values())
    record(session, step, {path: blobs[oid] for path, oid in texts.items()})
    known = {
        item.path: item.reason
        for item in session.store.files(session.run.id)
        if item.verdict == Verdict.RESOLVED
    }
    files = [item for item in step.outcome.files if item.path not in resolved and item.path not in edited]
    files += [
        FileVerdict(path, Verdict.RESOLVED, "person", known.get(path, "edited by hand"))
        for path in sorted(resolved | set(edited))
    ]
    outcome = replace(
        step.outcome,
        status=OutcomeStatus.DONE,
        files=tuple(files),
        summary=f"{step.outcome.summary}; {len(resolved)} resolved by hand",
    )
    session.store.finish_step(
        session.run.id, step.story_id, step.batch, step.index, status="done", tree_after=tree, outcome=outcome
    )


def skip(session: Session, unit: Unit, reason: str) -> str:
    """Leaves a unit out: what it did so far is dropped (kept under the run's refs), the ledger has the reason.

    Returns:
        What a person should know: commits made by hand while it was under way stay on the branch; "" without any.

    Raises:
        StateError: it is done already.
    """
    states = Runner(session).states()
    if unit not in states:
        raise UserError(f"the plan has no story {unit}", hint="see `merge-tool plan`")
    if states[unit] in FINISHED:
        raise StateError(
            f"{unit} is {states[unit].value} already",
            hint=f"to take it back: merge-tool rollback --phase {unit.story_id.split('.')[0]}",
        )
    if states[unit] in (StoryStatus.STOPPED, StoryStatus.GATE, StoryStatus.RUNNING):
        session.keep_edits(session.worktree)
        session.checkout(session.repo.tree_of(session.run.tip))
    state = session.store.story(session.run.id, unit.story_id, unit.batch)
    base = state.base_commit if state else ""
    session.store.skip_story(session.run.id, unit.story_id, unit.batch, reason)
    if not base or base == session.run.tip:
        return ""
    return f"commits made by hand since {base[:12]} stay on {session.run.merge_branch}, with what they hold of this story"


def finish(session: Session, leave_out: str = "") -> str:
    """Ends a run whose units are all done: the last commit has upstream as a second parent, the worktree goes.

    Args:
        leave_out: why files that upstream changed and no story took stay as they are; it goes into the ledger.

    Returns:
        The commit.

    Raises:
        StateError: a unit is not done.
        ActionError: no story took some of upstream's changes, and `leave_out` is empty. With upstream as a parent, no later
            merge would bring them.
    """
    if left := [str(unit) for unit, state in Runner(session).states().items() if state not in FINISHED]:
        raise StateError(
            f"{len(left)} stories are not done: {', '.join(left[:8])}", hint="see `merge-tool status`"
        )
    run, repo, store = session.run, session.repo, session.store
    if missing := not_taken(session):
        if not leave_out:
            shown = ", ".join(missing[:8]) + (f" and {len(missing) - 8} more" if len(missing) > 8 else "")
            raise ActionError(
                f"all stories are done, but none took upstream's changes in {len(missing)} files: {shown}",
                hint="name them in the plan and `merge-tool continue --reload-plan`, "
                'or `merge-tool continue --leave-out "why"`; once the run is finished no later merge brings them',
            )
        last = units(session.plan)[-1]
        entries = [LedgerEntry(path, "not taken", leave_out) for path in missing]
        store.add_ledger(run.id, last.story_id, last.batch, entries)
    commit = run.tip
    if run.upstream_commit and not repo.is_ancestor(run.upstream_commit, run.tip):
        lines = [f"{item.subject}: {item.what} ({item.reason})" for item in store.ledger(run.id)]
        message = merge_message(session.plan, run.id, run.upstream_commit, lines)
        commit = repo.commit_tree(
            repo.tree_of(run.tip), [run.tip, run.upstream_commit], message, session.identity()
        )
        if not session.dry_run:
            repo.update_refs([(session.branch_ref, commit, run.tip), (session.ref("finished"), commit, None)])
    store.end_run(run.id, RunStatus.FINISHED, commit)
    if not session.dry_run:
        session.keep_edits(session.worktree)
        session.worktree.remove()
    return commit


def abort(session: Session) -> list[str]:
    """Ends the run and takes its worktree and branches away. Everything stays reachable under `refs/merge-tool/RUN/`.

    Returns:
        Sentences that say what was removed and where it is kept.
    """
    run, repo = session.run, session.repo
    said = []
    if session.worktree.path.exists() and (kept := session.keep_edits(session.worktree)):
        said.append(f"changed files of the worktree are kept as {kept}")
    changes: list[tuple[str, str, str | None]] = []
    refs = repo.refs("refs/heads/")
    if tip := refs.get(session.branch_ref):
        changes += [(session.ref("aborted"), tip, None), (session.branch_ref, "", tip)]
        said.append(f"branch {run.merge_branch} removed; its {tip[:12]} is kept as {session.ref('aborted')}")
    backup = f"refs/heads/{session.plan.git.backup_branch.replace('{date}', run.date)}"
    held = repo.is_ancestor(run.fork_commit, f"refs/heads/{run.fork_ref}")
    for name, commit in refs.items():
        if held and commit == run.fork_commit and re.fullmatch(re.escape(backup) + r"(-\d+)?", name):
            changes.append((name, "", commit))
            said.append(f"branch {name.removeprefix('refs/heads/')} removed; {run.fork_ref} holds its commit")
    if changes:
        repo.update_refs(changes)
    session.store.end_run(run.id, RunStatus.ABORTED, run.tip)
    session.worktree.remove()
    said.append("worktree removed")
    return said
