"""Applies single commits of upstream."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.actions.cascade import Wish
from merge_tool.actions.merge import take_merged
from merge_tool.actions.taken import without_taken
from merge_tool.errors import ActionError
from merge_tool.model.outcome import LedgerEntry, Outcome, OutcomeStatus, Verdict
from merge_tool.vcs.three_way import merge_trees


@dataclass(frozen=True)
class CherryPick:
    """Applies the changes of `commits`, in order, as `git cherry-pick -x` would; the story's commit names each.

    A commit that this branch already has, by ancestry or by an earlier pick, is told and left. So is one whose changes
    are all here already (an empty pick). Of a merge commit the changes against its first parent are taken. Paths and
    commits that the plan excludes never come in. `level` is that of `merge`: how far the cascade goes with conflicts.
    """

    kind: ClassVar[str] = "cherry_pick"
    EXAMPLE: ClassVar[dict[str, Any]] = {"commits": ["2156f630", "5a5a18d8"]}

    commits: tuple[str, ...]
    level: Wish = ""

    def split(self) -> tuple[CherryPick, ...]:
        """One action a commit: each is a step of its own, so that a stop in the middle goes on with the next."""
        return tuple(CherryPick((commit,), self.level) for commit in self.commits)

    def run(self, ctx: Context) -> Outcome:
        """Applies the commit; see the class."""
        (name,) = self.commits
        sha = ctx.repo.try_resolve(name)
        if sha is None:
            raise ActionError(
                f"there is no commit {name} here",
                hint=f"git fetch {ctx.plan.upstream.remote} {ctx.plan.upstream.branch}, or mend the plan",
                where=str(ctx.story.at),
            )
        for item in ctx.plan.excluded_commits:
            if ctx.repo.try_resolve(item.commit) == sha:
                raise ActionError(
                    f"the plan excludes {name}: {item.reason}",
                    hint="take it out of the story",
                    where=str(ctx.story.at),
                )
        subject = ctx.repo.message(sha).partition("\n")[0]
        if place := self._already(ctx, sha):
            return Outcome(
                OutcomeStatus.DONE,
                f"{name} is here already ({place})",
                ledger=(LedgerEntry(name, "already applied", place),),
            )
        parents = ctx.repo.parents(sha)
        base = ctx.repo.tree_of(parents[0]) if parents else ctx.repo.text("mktree", data=b"")
        theirs, taken = without_taken(ctx, sha, base, ctx.repo.tree_of(sha))
        merged = merge_trees(ctx.repo, base, ctx.workspace.base, theirs, labels=("parent", "fork", name))
        outcome = take_merged(ctx, merged, base, theirs, None, Verdict.PICKED, level=self.level)
        outcome = replace(outcome, files=(*outcome.files, *taken))
        note = (f"(cherry picked from commit {sha})",)
        changed = [
            item for item in outcome.files if item.verdict not in (Verdict.UNCHANGED, Verdict.EXCLUDED)
        ]
        if not changed:
            why = "its changes are all here already"
            if taken:
                why += f": {taken[0].reason}"
            return Outcome(
                OutcomeStatus.DONE,
                f"{name}: {why}",
                files=outcome.files,
                ledger=(*outcome.ledger, LedgerEntry(name, "empty pick", why)),
            )
        return Outcome(
            outcome.status,
            f"{name} ({subject}): {outcome.summary}",
            files=outcome.files,
            conflicts=outcome.conflicts,
            ledger=outcome.ledger,
            commit_notes=note,
            hunks=outcome.hunks,
            details=outcome.details,
        )

    def _already(self, ctx: Context, sha: str) -> str:
        """Where this branch has the commit already, or ""."""
        tip = ctx.facts["tip"]
        if ctx.repo.is_ancestor(sha, tip):
            return "an ancestor of the branch"
        log = ctx.repo.text("log", "--format=%H%x00%B%x01", f"{ctx.facts['merge_base']}..{tip}")
        for record in log.split("\x01"):
            commit, _, message = record.strip("\n").partition("\x00")
            if re.search(rf"^\(cherry picked from commit {sha}\)$", message, re.MULTILINE):
                return f"picked by {commit[:12]}"
        return ""


ACTION = CherryPick
