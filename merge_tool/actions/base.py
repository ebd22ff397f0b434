"""What every action is and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from merge_tool.actions.green_runs import GreenRuns
from merge_tool.errors import ActionError
from merge_tool.model.outcome import LedgerEntry, Outcome
from merge_tool.model.plan import Plan, Story
from merge_tool.model.policy import Policy
from merge_tool.plan.patterns import PathMatcher
from merge_tool.vcs.repo import Repository
from merge_tool.vcs.workspace import Workspace
from merge_tool.vcs.worktree import Worktree


def _silent(text: str) -> None:
    """Tells nobody."""
    del text


@dataclass(frozen=True)
class Settings:
    """What the machine gives a run, and no plan says.

    Attributes:
        database_url: the fork's database; empty where none is configured.
        python: the interpreter that runs the fork's tests.
        database_role: the role that the application connects as; empty: whom the URL names.
        redis_url: the Redis whose keys are looked at; empty where none is configured.
        pg_dump: the program that dumps PostgreSQL.
        artifacts: where dumps, logs and reports go.
        no_tests: why the fork's tests are not run here; "" where they are.
    """

    database_url: str = ""
    python: str = ""
    database_role: str = ""
    redis_url: str = ""
    pg_dump: str = "pg_dump"
    artifacts: Path = field(default_factory=lambda: Path(".merge-tool"))
    no_tests: str = ""


@dataclass(frozen=True)
class Context:
    """What an action works with.

    Attributes:
        workspace: the files of the story so far; actions read and write only there.
        upstream: upstream's commit, without the commits that the plan excludes (see `effective_upstream`).
        story_base: the tree that the story started from.
        batch_files: for a batched story the files of its part; else None.
        facts: run id, date, fork_commit, upstream_commit, merge_base, merge_branch.
        dry_run: true where nothing outside the workspace may be touched.
        say: tells a person what goes on, one short line.
        worktree: gives the worktree with the workspace's present files checked out.
        approvals: the signatures of this story by gate name, as "name <email>, time: note".
        green_runs: what tests of earlier steps showed.
    """

    repo: Repository
    workspace: Workspace
    plan: Plan
    story: Story
    batch: int
    policy: Policy
    facts: Mapping[str, str]
    upstream: UpstreamView | None
    story_base: str
    batch_files: tuple[str, ...] | None = None
    dry_run: bool = False
    say: Callable[[str], None] = _silent
    settings: Settings = field(default_factory=Settings)
    worktree: Callable[[], Worktree] | None = None
    approvals: Mapping[str, str] = field(default_factory=dict)
    green_runs: GreenRuns = field(default_factory=GreenRuns)

    def need_upstream(self) -> UpstreamView:
        """Upstream, or an error that says how to get it."""
        if self.upstream is None:
            where = f"{self.plan.upstream.remote}/{self.plan.upstream.branch}"
            raise ActionError(
                f"{where} is not here yet",
                hint=f"git fetch {self.plan.upstream.remote} {self.plan.upstream.branch}",
            )
        return self.upstream

    def excluded(self, path: str) -> str:
        """Why the plan leaves this path out, or "" where it does not."""
        for item in self.plan.excluded_paths:
            if PathMatcher((item.pattern,)).matches(path):
                return item.reason
        return ""

    def fill(self, text: str) -> str:
        """`text` with `{date}` and the like filled in."""
        return text.replace("{date}", self.facts.get("date", ""))


@dataclass(frozen=True)
class UpstreamView:
    """Upstream as the plan wants it.

    Attributes:
        commit: its commit.
        base: the merge base's tree.
        tree: its tree with the excluded commits taken back.
        without: for each path whose text differs from upstream's own for that reason, the reason.
        ledger: what was taken back, and what could not be.
    """

    commit: str
    base: str
    tree: str
    without: Mapping[str, str] = field(default_factory=dict)
    ledger: tuple[LedgerEntry, ...] = ()


@runtime_checkable
class Action(Protocol):
    """One kind of action. Instances are frozen dataclasses made from a plan."""

    kind: ClassVar[str]
    EXAMPLE: ClassVar[dict[str, Any]]

    def run(self, ctx: Context) -> Outcome:
        """Does it. Raises `ActionError` where it cannot be done; the story stops and `continue` tries again."""
        ...
