"""Makes a branch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.errors import ActionError
from merge_tool.model.outcome import Outcome, OutcomeStatus
from merge_tool.vcs.names import check_ref
from merge_tool.vcs.repo import Repository


@dataclass(frozen=True)
class Branch:
    """Makes branch `name` (`{date}` is the run's first day) at `start`: `fork`, `upstream` or any commit.

    A branch that stands there already, and the run's own merge branch, are left as they are. One that stands
    elsewhere is never moved.
    """

    kind: ClassVar[str] = "branch"
    EXAMPLE: ClassVar[dict[str, Any]] = {"name": "merge/upstream-main-{date}"}

    name: str
    start: str = "fork"

    def run(self, ctx: Context) -> Outcome:
        """Makes the branch; see the class."""
        name = check_ref(ctx.fill(self.name))
        if name == ctx.facts["merge_branch"]:
            return Outcome(OutcomeStatus.DONE, f"the run's branch is {name}")
        return Outcome(OutcomeStatus.DONE, make_branch(ctx, name, start_of(ctx.repo, ctx, self.start)))


def start_of(repo: Repository, ctx: Context, start: str) -> str:
    """The commit that a plan's `start` names."""
    if start == "fork":
        return ctx.facts["fork_commit"]
    if start == "upstream":
        return ctx.need_upstream().commit
    return repo.resolve(start)


def make_branch(ctx: Context, name: str, commit: str) -> str:
    """Makes the branch where it does not stand already, and returns a sentence for the report.

    Raises:
        ActionError: a branch of that name stands at another commit.
    """
    ref = f"refs/heads/{name}"
    present = ctx.repo.refs(ref).get(ref)
    if present == commit:
        return f"branch {name} stands at {commit[:12]} already"
    if present is not None:
        raise ActionError(
            f"the branch {name} stands at {present[:12]}, not at {commit[:12]}",
            hint=f"rename it (git branch -m {name} {name}-old) and run `merge-tool continue`",
        )
    if not ctx.dry_run:
        ctx.repo.update_refs([(ref, commit, "")])
    return f"branch {name} made at {commit[:12]}"


ACTION = Branch
