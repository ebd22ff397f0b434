"""What a person decided is kept, written again for the same conflict, shared, and forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gitrepo import GitRepo
from tests.project import BOTH_HARD, BOTH_OURS, Project, make_both

MERGE = "{kind: merge, paths: [both.py]}"
CHOSEN = "    return b + 1 if b else b * 2\n"


def solve(project: Project) -> None:
    """Runs to the conflict in `two` and resolves it by hand."""
    project.run("phase", "0", code=1)
    target = project.worktree / "both.py"
    text = target.read_text()
    head, _, rest = text.partition("<<<<<<<")
    target.write_text(head + CHOSEN + rest.partition(">>>>>>>")[2].partition("\n")[2])


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    return make_both(tmp_path, capsys, BOTH_HARD, MERGE)


def test_a_resolution_is_written_again(project: Project) -> None:
    solve(project)
    project.run("continue")
    [item] = project.json("resolutions", "list")["resolutions"]
    assert (item["path"], item["scope"], item["text"]) == ("both.py", "def two", CHOSEN)
    done = project.show("both.py")
    project.run("abort")
    [predicted] = [
        item for item in project.json("phase", "0", "--dry-run")["files"] if item["path"] == "both.py"
    ]
    project.run("phase", "0")
    assert project.show("both.py") == done
    report = project.json("report", "--format", "json")
    [told] = [item for item in report["conflicts"] if item["path"] == "both.py"]
    assert [hunk["step"] for hunk in told["hunks"]] == ["imports", "recorded"]
    assert told["hunks"][1]["reason"].startswith("resolved so by ")
    [file] = [item for item in report["files"] if item["path"] == "both.py"]
    assert (file["verdict"], file["by"]) == ("merged", "git, then imports, recorded")
    assert (predicted["verdict"], predicted["by"]) == (file["verdict"], file["by"])


def test_resolve_records_too_and_the_last_decision_counts(project: Project) -> None:
    solve(project)
    project.run("resolve", "both.py")
    text = (project.worktree / "both.py").read_text()
    (project.worktree / "both.py").write_text(text.replace(CHOSEN, "    return 7\n"))
    project.run("continue")
    [item] = project.json("resolutions", "list")["resolutions"]
    assert item["text"] == "    return 7\n"


def test_a_story_that_leaves_all_to_git_replays_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_both(tmp_path, capsys, BOTH_HARD, MERGE.replace("}", ", level: git}"))
    project.run("phase", "0", code=1)
    project.run("resolve", "both.py", "--theirs", "--hunk", "1", code=1)
    project.run("resolve", "both.py", "--ours", "--hunk", "1")
    project.run("continue")
    assert len(project.json("resolutions", "list")["resolutions"]) == 2
    project.run("abort")
    project.run("phase", "0", code=1)
    assert (project.worktree / "both.py").read_text().count("<<<<<<<") == 2


def test_a_conflict_in_another_place_is_left(project: Project) -> None:
    solve(project)
    project.run("continue")
    project.run("abort")
    project.fork.commit("renamed", {"both.py": BOTH_OURS.replace("def two", "def three")})
    project.run("phase", "0", code=1)
    assert "<<<<<<<" in (project.worktree / "both.py").read_text()


def test_a_forgotten_resolution_comes_to_a_person_again(project: Project) -> None:
    solve(project)
    project.run("continue")
    project.run("abort")
    [item] = project.json("resolutions", "list")["resolutions"]
    assert "which are to be forgotten" in project.run("resolutions", "forget", code=2)
    assert "fits no resolution" in project.run("resolutions", "forget", "zzz", code=2)
    assert project.json("resolutions", "forget", item["key"][:8])["forgotten"] == [item["key"]]
    assert "no resolutions" in project.run("resolutions", "list")
    project.run("phase", "0", code=1)


def test_a_team_shares_resolutions(project: Project, tmp_path: Path) -> None:
    team = GitRepo(tmp_path / "team")
    project.fork.git("remote", "add", "team", str(team.path))
    assert "nothing to share" in project.run("resolutions", "share", "--remote", "team", code=None)
    assert "there is no remote" in project.run("resolutions", "fetch", "--remote", "nobody", code=None)
    solve(project)
    project.run("continue")
    assert project.json("resolutions", "share", "--remote", "team")["shared"] == 1
    project.run("abort")
    project.run("resolutions", "forget", "--all")
    assert project.json("resolutions", "fetch", "--remote", "team") == {
        "remote": "team",
        "came": 0,
        "went": 0,
    }  # forgotten here since: it stays so
    project.fork.git("update-ref", "-d", "refs/merge-tool/resolutions")
    assert project.json("resolutions", "fetch", "--remote", "team")["came"] == 1
    project.run("phase", "0")
    assert CHOSEN.strip() in project.show("both.py")


def test_two_who_share_at_once_lose_nothing(project: Project, tmp_path: Path) -> None:
    team = GitRepo(tmp_path / "team")
    project.fork.git("remote", "add", "team", str(team.path))
    solve(project)
    project.run("continue")
    project.run("resolutions", "share", "--remote", "team")
    project.run("abort")
    project.run("resolutions", "forget", "--all")
    project.fork.git("update-ref", "-d", "refs/merge-tool/resolutions")
    project.run("phase", "0", code=1)
    project.run("resolve", "both.py", "--both")  # another decision, made without the team's
    project.run("continue")
    assert project.json("resolutions", "share", "--remote", "team")["shared"] == 1
    [item] = project.json("resolutions", "list")["resolutions"]
    assert item["text"] == "    return b + 1\n    return b * 2\n"  # the newer one


def test_a_spoiled_record_is_not_used(project: Project) -> None:
    solve(project)
    project.run("continue")
    project.run("abort")
    git = project.fork.git
    name = git("ls-tree", "-r", "--name-only", "refs/merge-tool/resolutions").strip()
    text = git("cat-file", "blob", f"refs/merge-tool/resolutions:{name}")
    (project.fork.path / "spoiled").write_text(text.replace("def two", "def one"))
    oid = git("hash-object", "-w", "spoiled").strip()
    folder, _, file = name.partition("/")
    (project.fork.path / "spoiled").unlink()
    assert oid
    git("read-tree", "--empty")
    git("update-index", "--add", "--cacheinfo", f"100644,{oid},{folder}/{file}")
    tree = git("write-tree").strip()
    git("read-tree", "HEAD")
    git("update-ref", "refs/merge-tool/resolutions", git("commit-tree", tree, "-m", "spoiled").strip())
    project.run("phase", "0", code=1)
    assert "no resolutions" in project.run("resolutions", "list")
