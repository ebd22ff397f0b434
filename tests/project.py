"""A small upstream, a fork of it and a plan, for tests of the engine and the commands."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from merge_tool.cli import run
from tests.gitrepo import GitRepo

BODY = "".join(f"VALUE_{n} = {n}\n" for n in range(20))

PLAN = """\
version: 1
title: Test merge
policy: generic
upstream: {remote: upstream, branch: main}
git:
  merge_branch: merge/upstream-main-{date}
  backup_branch: backup-before-upstream-merge-{date}
  commit_subject: "[Story-{id}] {title}"
exclusions:
  commits: [{commit: bad, reason: not for us}]
  paths: [{pattern: "vendor/**", reason: the vendor is not ours}]
phases:
  - number: 0
    title: Setup
    stories:
      - id: "0.1"
        title: Setup and Backup
        estimate_hours: 1
        actions:
          - {kind: backup, branch: "backup-before-upstream-merge-{date}"}
          - {kind: fetch}
  - number: 1
    title: New files
    stories:
      - id: "1.1"
        title: Copy the module
        depends_on: ["0.1"]
        estimate_hours: 1
        files: ["module/**"]
        actions:
          - {kind: copy, paths: ["module/**"], inventory: docs/inventory.md, expect: 3}
      - id: "1.2"
        title: Merge what both changed
        depends_on: ["1.1"]
        estimate_hours: 2
        files: [clean.py, renamed.py, doomed.py]
        actions:
          - {kind: merge, paths: [clean.py, renamed.py, doomed.py]}
  - number: 2
    title: Conflicts
    stories:
      - id: "2.1"
        title: Merge the hard file
        depends_on: ["1.2"]
        estimate_hours: 2
        files: [hard.py]
        actions:
          - {kind: merge, paths: [hard.py]}
      - id: "2.2"
        title: Pick the fixes
        depends_on: ["2.1"]
        estimate_hours: 2
        actions:
          - {kind: cherry_pick, commits: [fix1, fix2]}
  - number: 3
    title: Review
    stories:
      - id: "3.1"
        title: Review
        depends_on: ["2.2"]
        estimate_hours: 1
        actions:
          - {kind: gate, name: review, checklist: [look at hard.py]}
"""


@dataclass
class Project:
    """The two repositories, and the command line run in the fork."""

    fork: GitRepo
    upstream: GitRepo
    base: str
    capsys: pytest.CaptureFixture[str] | None = None

    def run(self, *args: str, code: int | None = 0) -> str:
        """Runs `merge-tool ARGS --repo FORK`; asserts the exit code; returns what it printed on both streams."""
        assert self.capsys is not None
        self.capsys.readouterr()
        result = run([*args, "--repo", str(self.fork.path)])
        out, err = self.capsys.readouterr()
        if code is not None:
            assert result == code, f"exit code {result} of {args}:\n{out}\n{err}"
        return out + err

    def json(self, *args: str, code: int | None = 0) -> Any:
        """Like `run` with `--json`; returns the document."""
        assert self.capsys is not None
        self.capsys.readouterr()
        result = run([*args, "--json", "--repo", str(self.fork.path)])
        out, err = self.capsys.readouterr()
        if code is not None:
            assert result == code, f"exit code {result} of {args}:\n{out}\n{err}"
        return json.loads(out)

    @property
    def worktree(self) -> Path:
        """The run's worktree."""
        return self.fork.path / ".merge-tool" / "worktree"

    def branch(self) -> str:
        """The run's merge branch."""
        names = self.fork.git("for-each-ref", "--format=%(refname:short)", "refs/heads/merge").split()
        assert len(names) == 1
        return names[0]

    def show(self, path: str) -> str:
        """A file of the merge branch."""
        return self.fork.git("show", f"{self.branch()}:{path}")

    def log(self) -> list[str]:
        """Subjects of the merge branch's own commits, oldest first."""
        return self.fork.git(
            "log", "--reverse", "--first-parent", "--format=%s", f"main..{self.branch()}"
        ).splitlines()


def make_project(root: Path, plan: str = PLAN) -> Project:
    """Builds upstream and fork in `root`; the fork holds the plan."""
    upstream = GitRepo(root / "upstream")
    base = upstream.commit(
        "base",
        {
            "clean.py": BODY, "old.py": BODY.replace("VALUE", "NAME"), "doomed.py": "x = 1\n", "hard.py": "def f(a):\n    return a\n",
            "vendor/v.py": "v = 1\n", "data.bin": b"\0\1\2", "fix.py": BODY.replace("VALUE", "FIX"), ".gitignore": "*\n",
        },
    )  # fmt: skip
    fork = GitRepo(root / "fork")
    fork.git("fetch", "--quiet", str(upstream.path), "main")
    fork.git("reset", "--quiet", "--hard", "FETCH_HEAD")
    fork.git("remote", "add", "upstream", str(upstream.path))
    fork.commit(
        "tenancy",
        {
            "clean.py": BODY.replace("VALUE_2 = 2\n", "VALUE_2 = 'tenant'\n"), "hard.py": "def f(a, tenant_id):\n    return a, tenant_id\n",
            "old.py": BODY.replace("VALUE", "NAME").replace("NAME_3 = 3", "NAME_3 = 'fork'"), "own.py": "mine = 1\n", "phases.yaml": plan,
        },
    )  # fmt: skip
    upstream.commit(
        "module", {"module/__init__.py": "", "module/one.py": "one = 1\n", "module/two.py": "two = 2\n"}
    )
    upstream.commit(
        "change clean",
        {"clean.py": BODY.replace("VALUE_18 = 18\n", "VALUE_18 = 'upstream'\n"), "vendor/v.py": "v = 2\n"},
    )
    upstream.commit(
        "rename",
        {
            "old.py": None,
            "renamed.py": BODY.replace("VALUE", "NAME").replace("NAME_17 = 17", "NAME_17 = 'up'"),
        },
    )
    upstream.commit("remove", {"doomed.py": None})
    upstream.commit("bad gateway", {"module/one.py": "one = 1\nplatega = True\n"})
    upstream.git("tag", "bad")
    upstream.commit("hard", {"hard.py": "def f(a, b):\n    return a + b\n"})
    upstream.commit(
        "fix one", {"fix.py": BODY.replace("VALUE", "FIX").replace("FIX_1 = 1\n", "FIX_1 = 'fixed'\n")}
    )
    upstream.git("tag", "fix1")
    text = (upstream.path / "fix.py").read_text()
    upstream.commit("fix two", {"fix.py": text.replace("FIX_15 = 15\n", "FIX_15 = 'fixed'\n")})
    upstream.git("tag", "fix2")
    return Project(fork, upstream, base)


def stories_plan(stories: Sequence[str]) -> str:
    """A plan of one phase 0 whose stories are the given YAML texts."""
    head = PLAN.partition("exclusions:")[0]
    body = "".join(textwrap.indent(textwrap.dedent(item), "      ") for item in stories)
    return f"{head}phases:\n  - number: 0\n    title: Only\n    stories:\n{body}"


BOTH_BASE = "import json\nimport os\n\n\ndef one(a):\n    return a\n\n\ndef two(b):\n    return b\n"
BOTH_OURS = BOTH_BASE.replace("import os\n", "import os\nimport ours\n").replace("return b", "return b + 1")
BOTH_THEIRS = BOTH_BASE.replace("import os\n", "import os\nimport theirs\n")
BOTH_HARD = BOTH_THEIRS.replace("return b", "return b * 2")


def make_both(tmp_path: Path, capsys: pytest.CaptureFixture[str], theirs: str, action: str) -> Project:
    """A project whose `both.py` was changed by both sides since a common ancestor."""
    plan = stories_plan(
        [f"- id: '0.1'\n  title: One\n  estimate_hours: 1\n  actions: [{{kind: fetch}}, {action}]\n"]
    )
    plan += (
        "  - number: 1\n    title: Later\n    stories:\n      - id: '1.1'\n        title: Later\n        depends_on: ['0.1']\n"
        "        estimate_hours: 1\n        actions: [{kind: gate, name: later}]\n"
    )
    project = make_project(tmp_path, plan)
    project.capsys = capsys
    # Both begin from one more commit, so that the file is in the merge base.
    start = project.upstream.commit("both", {"both.py": BOTH_BASE})
    project.fork.git("fetch", "--quiet", str(project.upstream.path), start)
    project.fork.git("merge", "--quiet", "--no-edit", "--strategy=ours", "FETCH_HEAD")
    project.fork.commit("ours", {"both.py": BOTH_OURS})
    commit = project.upstream.commit("theirs", {"both.py": theirs})
    project.upstream.git("tag", "change", commit)
    return project
