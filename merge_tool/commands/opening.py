"""Opens repository, plan, policy and store for a command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.errors import StateError

if TYPE_CHECKING:
    from merge_tool.engine.session import Session
    from merge_tool.model.plan import Plan
    from merge_tool.model.policy import Policy
    from merge_tool.model.state import Holder, Run
    from merge_tool.store.store import Store
    from merge_tool.vcs.repo import Repository


@dataclass(frozen=True)
class Request:
    """The options by which a command opens a run."""

    repo: Path
    plan: Path | None = None
    policy: str = ""
    state_url: str = ""
    database_url: str = ""
    python: str = ""
    reload_plan: bool = False


def plan_path(repo_root: Path, given: Path | None) -> Path:
    """The plan to use: the one given, the repository's phases.yaml, or the bundled one."""
    from merge_tool.bundled import bundled

    if given is not None:
        return given
    own = repo_root / "phases.yaml"
    return own if own.exists() else bundled("phases.yaml")


def read_plan(path: Path) -> Plan:
    """Loads a plan file, its actions and the names of its codemods checked against this tool's."""
    from merge_tool.actions.registry import action_types
    from merge_tool.codemods.base import all_codemods
    from merge_tool.plan.load import load_plan

    return load_plan(path, action_types(), codemod_names=frozenset(all_codemods()))


def read_policy(name: str, plan: Plan, repo_root: Path) -> Policy:
    """Loads the policy given, or the one that the plan names."""
    from merge_tool.plan.policy import load_policy

    return load_policy(name or plan.policy, root=repo_root)


def project_name(repo: Repository, state_url: str) -> str:
    """What keys this repository's rows in the store: a shared store needs a name that every clone has."""
    if not state_url or state_url.startswith("sqlite"):
        return "local"
    origin = repo.remotes().get("origin", "")
    return origin.rstrip("/").removesuffix(".git").rpartition("@")[2] or repo.root.name


@contextmanager
def opened_store(repo: Repository, state_url: str, *, create: bool = True) -> Iterator[Store]:
    """The store of this repository, closed at the end."""
    from merge_tool.engine.session import default_state_url
    from merge_tool.store.open import open_store

    store = open_store(state_url or default_state_url(repo), project_name(repo, state_url), create=create)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def active_session(
    request: Request,
    *,
    lock: bool = True,
    must_exist: bool = True,
    reconcile: bool = True,
    admit: Callable[[Plan], None] | None = None,
) -> Iterator[Session]:
    """The active run, locked against a second run, its record and branch brought together.

    Args:
        must_exist: whether a run must be active; else one is begun where `admit` does not refuse its plan.

    Raises:
        StateError: there is none and `must_exist`; or its branch was rewritten.
        LockedError: another process works on it.
    """
    from merge_tool.engine.rollback import complete_rollback
    from merge_tool.engine.start import begin, complete_start, new_run, read_plan_text
    from merge_tool.vcs.repo import Repository

    repo = Repository.open(request.repo)
    request = _from_outside(repo, request)
    with opened_store(repo, request.state_url) as store, store.lock(_holder()) if lock else _nothing():
        repo.exclusive = lock
        run = store.active_run()
        if run is None:
            if must_exist:
                raise StateError("no run is active here", hint="begin one: merge-tool phase 0")
            path = plan_path(repo.root, request.plan)
            plan = read_plan(path)
            if admit is not None:
                admit(plan)
            text = read_plan_text(path)
            run = new_run(repo, plan, text, store.project, {item.id for item in store.runs()})
            policy = read_policy(request.policy, plan, repo.root)
            session = _session(
                request,
                repo,
                store,
                plan,
                policy,
                replace(run, policy_name=request.policy or plan.policy),
            )
            begin(session)
        else:
            session = _resume(request, repo, store, run)
            if lock and reconcile:
                complete_start(session)
                complete_rollback(session)
                session.reconcile()
        yield session


def _from_outside(repo: Repository, request: Request) -> Request:
    """Leaves the run's worktree where the command was typed inside it: the end of a run takes that folder away."""
    import os

    from merge_tool.vcs.worktree import Worktree

    plan = request.plan.absolute() if request.plan else None
    if Path.cwd().is_relative_to(Worktree.of(repo).path):
        os.chdir(repo.root)
    return replace(request, repo=repo.root, plan=plan)


def _resume(request: Request, repo: Repository, store: Store, run: Run) -> Session:
    """The session of the active run, on the plan that it began with, or with `--reload-plan` on the plan file as it is now."""
    from merge_tool.actions.registry import action_types
    from merge_tool.engine.start import read_plan_text
    from merge_tool.model.state import StoryStatus
    from merge_tool.plan.order import units
    from merge_tool.plan.snapshot import plan_from_json, plan_to_json

    path = request.plan or Path(run.plan_source)
    if not request.reload_plan:
        plan = plan_from_json(run.plan_json, action_types(), name=f"the plan of run {run.id}")
        if path.exists() and sha256(path.read_bytes()).hexdigest() != run.plan_digest:
            sys.stderr.write(f"note: {path} changed since the run began; --reload-plan takes it up\n")
        return _session(
            request, repo, store, plan, read_policy(request.policy or run.policy_name, plan, repo.root), run
        )
    path = plan_path(repo.root, request.plan or (path if path.exists() else None))
    plan, text = read_plan(path), read_plan_text(path)
    session = _session(request, repo, store, plan, read_policy(request.policy, plan, repo.root), run)
    known = {(unit.story_id, unit.batch) for unit in units(plan)}
    begun = (StoryStatus.RUNNING, StoryStatus.STOPPED, StoryStatus.GATE)
    for item in store.stories(run.id):
        if item.status in begun and (item.story_id, item.batch) not in known:
            raise StateError(
                f"story {item.story_id} is {item.status.value}, and the new plan has no such story",
                hint=f'finish it first, or `merge-tool skip {item.story_id} --reason "…"`',
            )
    store.add_units(run.id, [(unit.story_id, unit.batch) for unit in units(plan)])
    session.update_run(
        plan_digest=sha256(text).hexdigest(), plan_json=plan_to_json(plan), plan_source=str(path)
    )
    store.event(run.id, "plan reloaded", str(path))
    return session


def _session(
    request: Request, repo: Repository, store: Store, plan: Plan, policy: Policy, run: Run
) -> Session:
    from merge_tool.engine.session import Session, default_settings

    settings = default_settings(repo, database_url=request.database_url, python=request.python)
    return Session(repo, store, plan, policy, run, settings)


def _holder() -> Holder:
    from merge_tool.engine.session import holder

    return holder("merge-tool " + " ".join(sys.argv[1:3]))


@contextmanager
def _nothing() -> Iterator[None]:
    yield
