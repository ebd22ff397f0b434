"""Commits that a person made on the branch while a story was under way, joined with what the story did."""

from __future__ import annotations

from dataclasses import dataclass

from merge_tool.actions.base import Context
from merge_tool.model.outcome import FileVerdict, Outcome, OutcomeStatus, Verdict
from merge_tool.vcs.three_way import merge_trees

JOIN = "join"


@dataclass(frozen=True)
class Join:
    """Merges the branch's present commit into a story's tree; `base` is the commit that the story started from.

    What both did alike counts once: a commit in the stopped worktree holds the story's own work too.
    """

    base: str

    def run(self, ctx: Context) -> Outcome:
        """Merges; `details` begins with the commit that was joined, so that a later one is joined again."""
        repo, workspace, tip = ctx.repo, ctx.workspace, ctx.facts["tip"]
        before = workspace.base
        merged = merge_trees(
            repo, repo.tree_of(self.base), before, repo.tree_of(tip), labels=("start", "story", "branch")
        )
        entries = repo.ls_tree(merged.tree)
        files = []
        for _, path, _ in repo.diff_tree(before, merged.tree):
            workspace.put(path, entries.get(path))
            if path not in merged.conflicts:
                files.append(
                    FileVerdict(path, Verdict.RESOLVED, "person", f"by hand on the branch, up to {tip[:12]}")
                )
        files += [
            FileVerdict(path, Verdict.CONFLICTED, "git", item.kind) for path, item in merged.conflicts.items()
        ]
        status = OutcomeStatus.STOPPED if merged.conflicts else OutcomeStatus.DONE
        summary = f"joined with the commits by hand up to {tip[:12]}"
        conflicts = tuple(item for item in merged.conflicts.values() if item.ours or item.theirs)
        return Outcome(status, summary, files=tuple(files), conflicts=conflicts, details=(tip,))
