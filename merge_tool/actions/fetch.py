"""Fetches upstream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.errors import ActionError, VcsError
from merge_tool.model.outcome import Outcome, OutcomeStatus
from merge_tool.vcs.names import check_ref


@dataclass(frozen=True)
class Fetch:
    """Fetches a branch of a remote, with the tags that point into it; the plan's upstream by default.

    A dry run fetches into a folder that it throws away.
    """

    kind: ClassVar[str] = "fetch"
    EXAMPLE: ClassVar[dict[str, Any]] = {"remote": "upstream", "branch": "main"}

    remote: str = ""
    branch: str = ""

    def run(self, ctx: Context) -> Outcome:
        """Fetches; see the class."""
        remote = check_ref(self.remote or ctx.plan.upstream.remote)
        branch = check_ref(self.branch or ctx.plan.upstream.branch)
        if remote not in ctx.repo.remotes():
            raise ActionError(f"there is no remote called {remote}", hint=f"git remote add {remote} URL")
        ctx.say(f"fetching {remote} {branch}")
        try:
            commit = ctx.repo.fetch(remote, branch, dry_run=ctx.dry_run)
        except VcsError as error:
            raise ActionError(
                str(error), hint=f"check `git remote get-url {remote}` and the network"
            ) from error
        return Outcome(OutcomeStatus.DONE, f"{remote}/{branch} is at {commit[:12]}")


ACTION = Fetch
