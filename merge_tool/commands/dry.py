"""A dry run: the same code on scratch objects and a scratch store, so that it says what the real run will do."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.commands.opening import (
    Request,
    _resume,
    _session,
    opened_store,
    plan_path,
    read_plan,
    read_policy,
)

if TYPE_CHECKING:
    from merge_tool.engine.session import Session
    from merge_tool.model.state import Run
    from merge_tool.store.store import Store


@contextmanager
def dry_session(request: Request) -> Iterator[Session]:
    """A session whose work is thrown away: no ref, no file, no state of the repository changes."""
    from merge_tool.engine.start import begin, new_run, read_plan_text
    from merge_tool.store.open import open_store
    from merge_tool.vcs.repo import Repository

    repo = Repository.open(request.repo)
    with tempfile.TemporaryDirectory(prefix="merge-tool-dry-") as folder, repo.scratch_objects():
        scratch = open_store(f"sqlite:///{Path(folder) / 'state.db'}", "dry")
        try:
            with opened_store(repo, request.state_url, create=False) as store:
                run = store.active_run()
                if run is not None:
                    copy_run(store, scratch, run)
                    session = _resume(request, repo, scratch, run)
                    session.dry_run = True
                else:
                    path = plan_path(repo.root, request.plan)
                    plan = read_plan(path)
                    text = read_plan_text(path)
                    run = new_run(repo, plan, text, scratch.project, set())
                    session = _session(
                        request, repo, scratch, plan, read_policy(request.policy, plan, repo.root), run
                    )
                    session.dry_run = True
                    begin(session)
            yield session
        finally:
            scratch.close()


def copy_run(source: Store, target: Store, run: Run) -> None:
    """Copies what a run has recorded so far into another store."""
    stories = source.stories(run.id)
    target.create_run(run, [(item.story_id, item.batch) for item in stories])
    for story in stories:
        target.set_story(
            run.id,
            story.story_id,
            story.batch,
            status=story.status,
            base_commit=story.base_commit,
            message=story.message,
        )
        for step in source.steps(run.id, story.story_id, story.batch):
            key = (run.id, story.story_id, story.batch, step.index)
            target.begin_step(*key, kind=step.kind, tree_before=step.tree_before)
            if step.outcome is not None:
                target.finish_step(*key, status=step.status, tree_after=step.tree_after, outcome=step.outcome)
    for approval in source.approvals(run.id):
        target.approve(run.id, approval)
