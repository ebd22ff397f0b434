"""One command's hold on a run: repository, store, plan, policy, worktree."""

from __future__ import annotations

import getpass
import os
import socket
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merge_tool.actions.base import Settings
from merge_tool.actions.green_runs import GreenRuns
from merge_tool.engine.listener import Listener, Silent
from merge_tool.engine.messages import RUN, STORY, trailers
from merge_tool.errors import StateError
from merge_tool.model.plan import Plan
from merge_tool.model.policy import Policy
from merge_tool.model.state import Holder, Run, StoryStatus
from merge_tool.vcs.repo import Identity, Repository
from merge_tool.vcs.worktree import Worktree, main_root

if TYPE_CHECKING:
    from merge_tool.store.store import Store


@dataclass
class Session:
    """What every step of a run needs. `run` is the run as the store last knew it; `refresh` reads it again."""

    repo: Repository
    store: Store
    plan: Plan
    policy: Policy
    run: Run
    settings: Settings = field(default_factory=Settings)
    listener: Listener = field(default_factory=Silent)
    dry_run: bool = False
    green_runs: GreenRuns = field(default_factory=GreenRuns)

    @property
    def worktree(self) -> Worktree:
        """The run's worktree."""
        return Worktree.of(self.repo)

    @property
    def branch_ref(self) -> str:
        """The full name of the run's branch."""
        return f"refs/heads/{self.run.merge_branch}"

    def ref(self, name: str) -> str:
        """The full name of one of the run's own refs."""
        return f"refs/merge-tool/{self.run.id}/{name}"

    def update_run(self, **changes: Any) -> None:
        """Stores changed fields of the run."""
        self.store.update_run(self.run.id, **changes)
        self.run = replace(self.run, **changes)

    def refresh(self) -> None:
        """Reads the run from the store again."""
        run = self.store.run(self.run.id)
        if run is None:
            raise StateError(f"the run {self.run.id} is gone from the store")
        self.run = run

    def identity(self) -> Identity:
        """Who the commits are by: git's own user, or merge-tool where git knows none."""
        name = os.environ.get("GIT_COMMITTER_NAME") or self.repo.config("user.name", "merge-tool")
        email = os.environ.get("GIT_COMMITTER_EMAIL") or self.repo.config(
            "user.email", "merge-tool@localhost"
        )
        return Identity(name, email, int(time.time()))

    def reconcile(self) -> None:
        """Brings the record and the branch together after a kill, or after a person's commit.

        - The branch holds a commit of this run that the record lacks: the kill came between the two; it is recorded.
        - The branch holds a person's commits on top: they are taken.

        Raises:
            StateError: the branch is gone or was rewritten; nothing is changed then.
        """
        if self.dry_run:
            return
        self.repo.remove_stale_locks([self.branch_ref], f"refs/merge-tool/{self.run.id}")
        self.worktree.unlock()
        self._follow_branch()
        self._renew_view()

    def _renew_view(self) -> None:
        """Shows the branch in the worktree where a kill came before that; a stop's files are left as they are."""
        waits = (StoryStatus.STOPPED, StoryStatus.GATE)
        if any(item.status in waits for item in self.store.stories(self.run.id)) or not self.worktree.exists:
            return
        tree = self.repo.tree_of(self.run.tip)
        if self.worktree.shown_tree != tree:
            self.checkout(tree)

    def _follow_branch(self) -> None:
        tip = self.repo.refs(self.branch_ref).get(self.branch_ref)
        if tip == self.run.tip:
            return
        short = self.run.tip[:12]
        if tip is None:
            raise StateError(
                f"the branch {self.run.merge_branch} is gone; it stood at {short}",
                hint=f"bring it back with `git update-ref {self.branch_ref} {short}`, or end the run with `merge-tool abort`",
            )
        marks = trailers(self.repo.message(tip))
        if marks.get(RUN) == self.run.id and self.repo.parents(tip) == [self.run.tip] and STORY in marks:
            story, _, batch = marks[STORY].partition("#")
            self.store.finish_story(self.run.id, story, int(batch or 0), tip, StoryStatus.DONE)
            self.store.event(
                self.run.id, "recovered", f"{marks[STORY]} had been committed as {tip[:12]} before the kill"
            )
        elif self.repo.is_ancestor(self.run.tip, tip):
            count = self.repo.text("rev-list", "--count", f"{self.run.tip}..{tip}")
            self.store.event(
                self.run.id,
                "adopted",
                f"{count} commits by hand on {self.run.merge_branch}, up to {tip[:12]}",
            )
            self.update_run(tip=tip)
        else:
            raise StateError(
                f"the branch {self.run.merge_branch} was rewritten: it stands at {tip[:12]}, the run left it at {short}",
                # Not `git branch -f`: git refuses it for a branch that a worktree has checked out, as the run's own does.
                hint=f"keep yours with `git branch mine {tip[:12]}`, then `git update-ref {self.branch_ref} {short}`",
            )
        self.refresh()

    def checkout(self, tree: str) -> None:
        """Shows `tree` in the worktree. What a cut-off checkout or a person left there is kept under a ref first."""
        if self.dry_run:
            return
        worktree = self.worktree
        worktree.make(self.run.tip, self.run.merge_branch)
        self.keep_edits(worktree)
        worktree.checkout(tree)

    def keep_edits(self, worktree: Worktree) -> str:
        """Keeps changed files of the worktree as a commit under the run's refs; returns its name, or "" without changes."""
        if not (worktree.path / ".git").exists() or worktree.index_is_empty() or not worktree.edited():
            return ""
        tree = worktree.snapshot()
        commit = self.repo.commit_tree(
            tree, [self.run.tip], "Files of the worktree before it was renewed\n", self.identity()
        )
        name = self.ref(f"saved/{commit[:12]}")
        self.repo.update_refs([(name, commit, None)])
        self.store.event(self.run.id, "saved", f"changed files of the worktree are kept as {name}")
        return name


def holder(command: str) -> Holder:
    """Who this process is, for the lock."""
    return Holder(f"{getpass.getuser()}@{socket.gethostname()}", os.getpid(), command)


def default_state_url(repo: Repository) -> str:
    """Where a repository's state is kept when `--state-url` names nothing: SQLite in the git common directory."""
    return f"sqlite:///{repo.common_dir / 'merge-tool' / 'state.db'}"


def default_settings(repo: Repository, *, database_url: str = "", python: str = "") -> Settings:
    """The machine's settings: options, then the environment."""
    return Settings(
        database_url=database_url or os.environ.get("MERGE_TOOL_DATABASE_URL", ""),
        python=python or os.environ.get("MERGE_TOOL_PYTHON", "") or sys.executable,
        pg_dump=os.environ.get("MERGE_TOOL_PG_DUMP", "") or "pg_dump",
        database_role=os.environ.get("MERGE_TOOL_DATABASE_ROLE", ""),
        redis_url=os.environ.get("MERGE_TOOL_REDIS_URL", ""),
        artifacts=main_root(repo) / ".merge-tool",
    )


def reports_folder(repo: Repository) -> Path:
    """Where reports of this repository's runs are written."""
    return main_root(repo) / ".merge-tool" / "reports"
