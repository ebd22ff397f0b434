"""What people do between and during stories: commits by hand, other folders, other plans. Nothing of theirs is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from merge_tool.cli import run
from tests.project import PLAN, Project, make_project

RESOLVED = "def f(a, b, tenant_id):\n    return a + b, tenant_id\n"


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    made = make_project(tmp_path)
    made.capsys = capsys
    return made


@pytest.fixture
def stay() -> Iterator[None]:
    """Comes back to the present folder."""
    before = Path.cwd()
    yield
    os.chdir(before)


def stopped(project: Project) -> None:
    project.run("phase", "2", "--with-needed", code=1)


def in_worktree(project: Project, *args: str) -> str:
    return project.fork.git("-C", str(project.worktree), *args)


def test_a_commit_of_somebody_else_during_a_stop_stays(project: Project, tmp_path: Path) -> None:
    stopped(project)
    other = tmp_path / "other"
    project.fork.git("worktree", "add", "--quiet", "--force", str(other), project.branch())
    (other / "theirs.py").write_text("kept = 1\n")
    project.fork.git("-C", str(other), "add", "--force", "theirs.py")
    project.fork.git("-C", str(other), "commit", "--quiet", "-m", "by a colleague")
    (project.worktree / "hard.py").write_text(RESOLVED)
    project.run("continue")
    assert project.show("theirs.py") == "kept = 1"
    assert project.show("hard.py") == RESOLVED.strip()
    assert "FIX_1 = 'fixed'" in project.show("fix.py")


def test_a_commit_in_the_stopped_worktree_is_not_applied_twice(project: Project) -> None:
    stopped(project)
    (project.worktree / "hard.py").write_text(RESOLVED)
    (project.worktree / "own.py").write_text("mine = 'too'\n")
    in_worktree(project, "commit", "--quiet", "--all", "-m", "resolved by hand")
    project.run("continue")
    assert project.show("hard.py") == RESOLVED.strip()
    assert project.show("own.py") == "mine = 'too'"
    assert "resolved by hand" in project.log()


def test_a_commit_by_hand_that_conflicts_with_the_story_is_a_conflict(
    project: Project, tmp_path: Path
) -> None:
    stopped(project)
    other = tmp_path / "other"
    project.fork.git("worktree", "add", "--quiet", "--force", str(other), project.branch())
    (other / "hard.py").write_text("def f(colleague):\n    return 0\n")
    project.fork.git("-C", str(other), "commit", "--quiet", "--all", "-m", "by a colleague")
    (project.worktree / "hard.py").write_text(RESOLVED)
    assert "hard.py" in project.run("continue", code=1) + project.run("conflicts", code=1)
    assert "colleague" in (project.worktree / "hard.py").read_text()
    (project.worktree / "hard.py").write_text("def f(colleague, tenant_id):\n    return 0\n")
    project.run("continue")
    assert project.show("hard.py").startswith("def f(colleague, tenant_id)")


def test_skip_says_that_commits_by_hand_stay(project: Project) -> None:
    stopped(project)
    (project.worktree / "hard.py").write_text(RESOLVED)
    in_worktree(project, "commit", "--quiet", "--all", "-m", "by hand")
    assert "stay" in project.run("skip", "--reason", "ours")


def test_upstreams_files_that_no_story_took_are_never_claimed(project: Project) -> None:
    project.upstream.commit("elsewhere", {"other.py": "o = 1\n"})
    stopped(project)
    project.run("resolve", "hard.py", "--ours")
    project.run("continue")
    project.run("phase", "3", code=1)
    project.run("approve", "3.1")
    text = project.run("continue", code=1)
    assert "other.py" in text
    assert "--leave-out" in text
    assert project.json("status", code=None)["run"]["status"] == "active"
    project.run("continue", "--leave-out", "not for tenants")
    assert project.json("status")["run"]["status"] == "finished"
    assert "other.py: not taken (not for tenants)" in project.fork.git(
        "log", "-1", "--format=%B", project.branch()
    )
    ledger = project.json("report", "--format", "json")["ledger"]
    assert any(item["subject"] == "other.py" and item["reason"] == "not for tenants" for item in ledger)


def test_a_new_plan_cannot_drop_the_stopped_story(project: Project) -> None:
    stopped(project)
    plan = project.fork.path / "phases.yaml"
    start, end = PLAN.index('      - id: "2.1"'), PLAN.index('      - id: "2.2"')
    plan.write_text((PLAN[:start] + PLAN[end:]).replace('depends_on: ["2.1"]', 'depends_on: ["1.2"]'))
    assert "2.1" in project.run("continue", "--reload-plan", code=2)
    project.run("skip", "2.1", "--reason", "left out")
    project.run("continue", "--reload-plan", "--leave-out", "as it is")
    assert "FIX_1 = 'fixed'" in project.show("fix.py")


@pytest.mark.usefixtures("stay")
def test_continue_typed_inside_the_worktree_ends_the_run(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped(project)
    (project.worktree / "hard.py").write_text(RESOLVED)
    project.run("continue")
    project.run("phase", "3", code=1)
    project.run("approve", "3.1")
    os.chdir(project.worktree)
    assert run(["continue"]) == 0
    capsys.readouterr()
    assert not project.worktree.exists()
    assert project.json("status")["run"]["status"] == "finished"


@pytest.mark.usefixtures("stay")
def test_abort_typed_inside_the_worktree_ends_the_run(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped(project)
    os.chdir(project.worktree)
    assert run(["abort"]) == 0
    capsys.readouterr()
    assert not project.worktree.exists()
    assert project.fork.git("for-each-ref", "--format=%(refname)", "refs/heads").split() == [
        "refs/heads/main"
    ]


def test_a_decision_does_not_outlive_the_worktree_that_it_was_made_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = PLAN.replace("files: [hard.py]", "files: [gone.py]").replace(
        "paths: [hard.py]", "paths: [gone.py]"
    )
    project = make_project(tmp_path, plan)
    project.capsys = capsys
    project.upstream.commit("gone", {"gone.py": "g = 1\n"})
    project.fork.commit("gone", {"gone.py": "g = 'fork'\n"})
    stopped(project)
    project.run("resolve", "gone.py", "--theirs")
    project.run("resolutions", "forget", "--all")  # else what was written would be written again
    shutil.rmtree(project.worktree)
    project.run("continue", code=1)
    assert project.json("conflicts", code=1)["conflicts"][0]["resolved"] is False


def test_abort_without_the_folder_leaves_no_entry_of_it(project: Project) -> None:
    stopped(project)
    shutil.rmtree(project.worktree)
    project.run("abort")
    assert project.fork.git("worktree", "list").count("\n") == 0


def test_a_branch_whose_name_is_in_the_way_is_told_before_anything_begins(project: Project) -> None:
    project.fork.git("branch", "merge")
    text = project.run("phase", "0", code=2)
    assert "git branch -m merge merge-old" in text
    assert project.json("status")["run"] is None
