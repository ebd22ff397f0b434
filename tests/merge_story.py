"""A fork, its upstream and one merge story or pick, run through the engine once: for tests of what a merge must keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from merge_tool.cli import run
from tests.gitrepo import GitRepo
from tests.project import PLAN

Files = Mapping[str, str | bytes | None]
Change = Files | Callable[[GitRepo], object]


class Case:
    """A fork, its upstream and a plan with one story, run once.

    Attributes:
        code: what `merge-tool phase 0` ended with.
    """

    def __init__(
        self,
        root: Path,
        base: Change,
        ours: Change,
        theirs: Change,
        paths: list[str],
        exclude: str = "",
        *,
        pick: bool = False,
        level: str = "",
        run: bool = True,
    ) -> None:
        """Makes it.

        Args:
            base, ours, theirs: files (None removes one), or what is done to the repository.
            paths: the files of the story.
            exclude: a pattern that the plan excludes.
            pick: whether the story picks upstream's commit, instead of merging.
            level: that of the merge cascade.
            run: whether the story is run.
        """
        self.upstream, self.fork = GitRepo(root / "upstream"), GitRepo(root / "fork")
        self._change(self.upstream, base)
        self.fork.git("fetch", "--quiet", str(self.upstream.path), "main")
        self.fork.git("reset", "--quiet", "--hard", "FETCH_HEAD")
        self.fork.git("remote", "add", "upstream", str(self.upstream.path))
        self._change(self.fork, ours)
        head, _, _ = PLAN.partition("exclusions:")
        excluded = f"exclusions: {{paths: [{{pattern: '{exclude}', reason: not ours}}]}}\n" if exclude else ""
        wish = f", level: {level}" if level else ""
        action = f"{{kind: merge, paths: {json.dumps(paths)}{wish}}}"
        if pick:
            action = f"{{kind: cherry_pick, commits: [change]{wish}}}"
        story = (
            "phases:\n  - number: 0\n    title: One\n    stories:\n      - id: '0.1'\n        title: Merge\n"
            f"        estimate_hours: 1\n        actions: [{{kind: fetch}}, {action}]\n"
        )
        self.fork.commit("plan", {"phases.yaml": head + excluded + story})
        self._change(self.upstream, theirs)
        self.upstream.git("tag", "change")
        if run:
            self.code = self.run("phase", "0")

    @staticmethod
    def _change(repo: GitRepo, change: Change) -> None:
        if callable(change):
            change(repo)
            repo.commit("change", {})
        else:
            repo.commit("change", change)

    def run(self, *args: str) -> int:
        return run([*args, "--repo", str(self.fork.path)])

    @property
    def worktree(self) -> Path:
        return self.fork.path / ".merge-tool" / "worktree"

    def tree(self) -> dict[str, str]:
        """Path to mode and content of the run's branch."""
        branch = self.fork.git("for-each-ref", "--format=%(refname)", "refs/heads/merge").split()[-1]
        result = {}
        for line in self.fork.git("ls-tree", "-r", branch).splitlines():
            meta, _, path = line.partition("\t")
            mode, kind, oid = meta.split()
            result[path] = f"{mode} {self.fork.git('cat-file', 'blob', oid) if kind == 'blob' else oid}"
        return result

    def conflicts(self, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
        """Path to kind of what is in conflict."""
        capsys.readouterr()
        self.run("conflicts", "--json")
        return {item["path"]: item["kind"] for item in json.loads(capsys.readouterr().out)["conflicts"]}
