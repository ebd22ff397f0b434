"""Begins a run: notes what is merged into what, and makes its branch."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from merge_tool.engine.session import Session
from merge_tool.errors import StateError, VcsError
from merge_tool.model.plan import Plan
from merge_tool.model.state import Run, RunStatus
from merge_tool.plan.order import units
from merge_tool.plan.snapshot import plan_to_json
from merge_tool.vcs.names import check_ref
from merge_tool.vcs.repo import Repository


def new_run(
    repo: Repository,
    plan: Plan,
    plan_text: bytes,
    project: str,
    known_ids: set[str],
    *,
    now: datetime | None = None,
) -> Run:
    """The record of a run that begins now, on the branch that is checked out.

    Args:
        plan_text: the plan file's bytes; their hash tells later whether the file changed.
        known_ids: ids of earlier runs, which are not used again.

    Raises:
        VcsError: HEAD is detached or has no commit yet.
    """
    moment = now or datetime.now(UTC)
    fork = repo.head_branch()
    if not fork:
        raise VcsError(
            "no branch is checked out (HEAD is detached)", hint="git switch BRANCH, then run again"
        )
    commit = repo.try_resolve("HEAD")
    if commit is None:
        raise VcsError(f"the branch {fork} has no commit yet", hint="commit the fork first")
    date = f"{moment:%Y%m%d}"
    run_id = base_id = f"{date}-{commit[:7]}"
    number = 1
    while run_id in known_ids or repo.refs(f"refs/merge-tool/{run_id}"):
        number += 1
        run_id = f"{base_id}-{number}"
    branch = first = check_ref(plan.git.merge_branch.replace("{date}", date))
    number = 1
    parts = branch.split("/")
    for above in ("/".join(parts[:end]) for end in range(1, len(parts))):
        if f"refs/heads/{above}" in repo.refs(f"refs/heads/{above}"):
            raise VcsError(
                f"git cannot make the branch {branch} beside the branch {above}",
                hint=f"rename that one (git branch -m {above} {above}-old), or set git: merge_branch: in the plan",
            )
    while repo.refs(f"refs/heads/{branch}"):
        number += 1
        branch = f"{first}-{number}"
    return Run(
        id=run_id, project=project, status=RunStatus.ACTIVE, started_at=moment, finished_at=None, date=date,
        plan_source=plan.source, plan_digest=hashlib.sha256(plan_text).hexdigest(), plan_json=plan_to_json(plan),
        policy_name=plan.policy, fork_ref=fork, fork_commit=commit,
        upstream_ref=f"{plan.upstream.remote}/{plan.upstream.branch}", upstream_commit="", merge_base="",
        merge_branch=branch, tip=commit, worktree="", target="",
    )  # fmt: skip


def begin(session: Session) -> None:
    """Stores the run, then makes its branch at the fork's commit. `complete_start` mends a start that was cut off between."""
    run = session.run
    session.store.create_run(run, [(unit.story_id, unit.batch) for unit in units(session.plan)])
    session.store.event(
        run.id, "started", f"{run.fork_ref} at {run.fork_commit[:12]}, plan {run.plan_source}"
    )
    if not session.dry_run:
        complete_start(session)


def complete_start(session: Session) -> None:
    """Makes the branch of a run where nothing was done yet; nothing where it is there."""
    if session.run.tip == session.run.fork_commit and not session.repo.refs(session.branch_ref):
        session.repo.update_refs([(session.branch_ref, session.run.fork_commit, "")])


def read_plan_text(path: Path) -> bytes:
    """A plan file's bytes.

    Raises:
        StateError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}") from error
