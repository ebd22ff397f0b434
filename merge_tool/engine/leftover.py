"""What of upstream's change no story took. Recording upstream as a parent would end the chance to merge it later."""

from __future__ import annotations

from merge_tool.engine.session import Session
from merge_tool.model.outcome import Verdict
from merge_tool.model.state import StoryStatus
from merge_tool.plan.patterns import PathMatcher

BROUGHT = ("merge", "copy")


def merged_paths(session: Session) -> set[str]:
    """The files that this run has merged or copied: upstream's change in them is dealt with."""
    return {
        item.path
        for step in session.store.all_steps(session.run.id)
        if step.kind in BROUGHT and step.status == "done" and step.outcome
        for item in step.outcome.files
        if item.verdict not in (Verdict.EXCLUDED, Verdict.KEPT)
    }


def not_taken(session: Session) -> list[str]:
    """The files that upstream changed since the merge base, that differ on the branch, and that nothing accounts for:
    no merge or copy, no exclusion, no story that was left out with a reason."""
    run, repo, plan = session.run, session.repo, session.plan
    if not run.upstream_commit or repo.is_ancestor(run.upstream_commit, run.tip):
        return []
    skipped = {item.story_id for item in session.store.stories(run.id) if item.status is StoryStatus.SKIPPED}
    patterns = [item.pattern for item in plan.excluded_paths]
    for story in plan.stories():
        if story.id in skipped:
            patterns += [*story.files, *(story.batches.patterns if story.batches else ())]
            patterns += [path for spec in story.actions for path in getattr(spec.action, "paths", ())]
    matcher = PathMatcher(tuple(patterns))
    accounted = merged_paths(session) | {
        item.path for item in session.store.files(run.id) if item.verdict == Verdict.EXCLUDED
    }
    ours, theirs = repo.ls_tree(run.tip), repo.ls_tree(run.upstream_commit)
    changed = {path for _, path, _ in repo.diff_tree(run.merge_base, run.upstream_commit)}
    return sorted(
        path
        for path in changed
        if ours.get(path) != theirs.get(path)
        and path not in accounted
        and not (patterns and matcher.matches(path))
    )
