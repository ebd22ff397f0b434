"""What a kill or a hand on the branch left half done is told, and completed by the next command."""

from __future__ import annotations

from pathlib import Path

import pytest

from merge_tool.engine import rollback
from tests.project import Project, make_project


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    made = make_project(tmp_path)
    made.capsys = capsys
    return made


class Killed(BaseException):
    """Stands for kill -9."""


def cut_off_rollback(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """`rollback --phase 1`, killed when the branch has moved and the record has not."""

    def kill(*_: object) -> None:
        raise Killed

    project.run("phase", "1", "--with-needed")
    with monkeypatch.context() as patch:
        patch.setattr(rollback, "_record", kill)
        with pytest.raises(Killed):
            project.run("rollback", "--phase", "1")


def statuses(project: Project) -> dict[str, str]:
    return {item["id"]: item["status"] for item in project.json("status", code=None)["stories"]}


def test_a_rollback_that_was_cut_off_is_told_and_completed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off_rollback(project, monkeypatch)
    told = project.json("status", code=1)
    assert "stands at" in told["needs_person"][0]
    assert told["next"].startswith("merge-tool continue")
    project.run("phase", "1")
    assert "recovered" in {
        event["kind"] for event in project.json("report", "--format", "json", code=None)["events"]
    }
    assert statuses(project)["1.2"] == "done"
    assert project.fork.git("for-each-ref", "refs/merge-tool/*/rolling-back") == ""
    assert len(project.log()) == 3


def test_a_rollback_whose_record_followed_is_done(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_off_rollback(project, monkeypatch)
    project.run("rollback", "--phase", "1", code=2)  # completes it; nothing of the phase is left then
    assert statuses(project)["1.1"] in ("ready", "waiting")
    run = project.json("status")["run"]["id"]
    project.fork.git(
        "update-ref", f"refs/merge-tool/{run}/rolling-back/1", "main"
    )  # killed before its removal
    project.run("phase", "1")
    assert statuses(project)["1.2"] == "done"
    assert project.fork.git("for-each-ref", "refs/merge-tool/*/rolling-back") == ""


def test_the_commands_that_bring_a_branch_back_work_as_they_are_told(project: Project) -> None:
    # The run's worktree has the branch checked out: git refuses `git branch -f` there.
    project.run("phase", "1", "--with-needed")
    branch, tip = project.branch(), project.fork.git("rev-parse", project.branch())
    for harm in (
        ["update-ref", f"refs/heads/{branch}", "main"],
        ["update-ref", "-d", f"refs/heads/{branch}"],
    ):
        project.fork.git(*harm)
        assert project.json("status", code=1)["needs_person"]
        said = project.run("continue", code=2)
        (command,) = (part for part in said.split("`") if part.startswith("git update-ref"))
        project.fork.git(*command.split()[1:])
        assert project.fork.git("rev-parse", branch) == tip
        project.run("status")


def test_abort_ends_a_run_whose_branch_is_gone(project: Project) -> None:
    project.run("phase", "1", "--with-needed")
    project.fork.git("update-ref", "-d", f"refs/heads/{project.branch()}")
    assert "worktree removed" in project.run("abort")
    assert project.fork.git("for-each-ref", "--format=%(refname:short)", "refs/heads") == "main"


def test_a_commit_by_hand_is_nothing_that_waits_for_a_person(project: Project) -> None:
    project.run("phase", "1", "--with-needed")
    (project.worktree / "own.py").write_text("mine = 3\n")
    project.fork.git("-C", str(project.worktree), "commit", "--quiet", "-am", "by hand")
    assert project.json("status")["needs_person"] == []


def test_the_lock_of_a_killed_git_is_removed(project: Project) -> None:
    project.run("phase", "1", "--with-needed")
    lock = project.fork.path / ".git" / "worktrees" / "worktree" / "index.lock"
    lock.touch()
    project.run("phase", "2", code=1)
    assert not lock.exists()
