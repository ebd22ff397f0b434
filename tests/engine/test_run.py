"""A whole run on real repositories: order, commits, stops, the ways through them, and the end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.project import PLAN, Project, make_project
from tests.servers import PostgresDatabase


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    made = make_project(tmp_path)
    made.capsys = capsys
    return made


def to_conflict(project: Project) -> None:
    for number in ("0", "1"):
        project.run("phase", number)
    project.run("phase", "2", code=1)


def resolved(project: Project) -> None:
    (project.worktree / "hard.py").write_text("def f(a, b, tenant_id):\n    return a + b, tenant_id\n")


def test_the_whole_way(project: Project) -> None:
    head, status = project.fork.git("rev-parse", "HEAD"), project.fork.git("status", "--porcelain")
    to_conflict(project)
    assert project.show("clean.py").count("'tenant'") == 1
    assert project.show("clean.py").count("'upstream'") == 1
    assert "'fork'" in project.show("renamed.py")
    assert "'up'" in project.show("renamed.py")
    assert "platega" not in project.show("module/one.py")
    assert "3 files" in project.show("docs/inventory.md")
    assert "<<<<<<<" in (project.worktree / "hard.py").read_text()
    assert project.json("conflicts", code=1)["conflicts"][0]["path"] == "hard.py"
    assert "hard.py" in project.run("continue", code=1)
    resolved(project)
    project.run("continue")
    assert "FIX_1 = 'fixed'" in project.show("fix.py")
    assert "FIX_15 = 'fixed'" in project.show("fix.py")
    body = project.fork.git("log", "-1", "--format=%B", project.branch())
    assert body.startswith("[Story-2.2] Pick the fixes\n")
    assert f"(cherry picked from commit {project.upstream.git('rev-parse', 'fix1')})" in body
    assert "Dependencies: Story-2.1" in body
    project.run("phase", "3", code=1)
    project.run("approve", "3.1", "--note", "read it")
    project.run("continue")
    assert project.log()[:-1] == [
        "[Story-0.1] Setup and Backup", "[Story-1.1] Copy the module", "[Story-1.2] Merge what both changed",
        "[Story-2.1] Merge the hard file", "[Story-2.2] Pick the fixes", "[Story-3.1] Review",
    ]  # fmt: skip
    parents = project.fork.git("log", "-1", "--format=%P", project.branch()).split()
    assert parents[1] == project.upstream.git("rev-parse", "main")
    assert not project.worktree.exists()
    assert project.fork.git("rev-parse", "HEAD") == head
    assert project.fork.git("status", "--porcelain") == status
    assert project.fork.git("worktree", "list").count("\n") == 0
    files = project.fork.git("ls-tree", "-r", "--name-only", project.branch()).split()
    assert "doomed.py" not in files
    assert "old.py" not in files
    assert project.show("vendor/v.py") == "v = 1"
    data = project.json("report", "--format", "json")
    assert {item["id"]: item["status"] for item in data["stories"]} == dict.fromkeys(
        ["0.1", "1.1", "1.2", "2.1", "2.2", "3.1"], "done"
    )
    verdicts = {(item["path"], item["verdict"]) for item in data["files"]}
    assert ("hard.py", "resolved") in verdicts
    assert ("module/two.py", "copied") in verdicts
    assert ("clean.py", "merged") in verdicts
    assert ("doomed.py", "deleted") in verdicts


def test_dry_run_touches_nothing_and_says_what_the_run_does(project: Project) -> None:
    before = sorted((str(p), p.stat().st_mtime_ns) for p in project.fork.path.rglob("*") if p.is_file())
    dry = project.json("phase", "1", "--dry-run", "--with-needed")
    after = sorted((str(p), p.stat().st_mtime_ns) for p in project.fork.path.rglob("*") if p.is_file())
    assert before == after
    project.run("phase", "0")
    real = project.json("phase", "1")
    assert [(f["path"], f["verdict"], f["reason"]) for f in dry["files"]] == [
        (f["path"], f["verdict"], f["reason"]) for f in real["files"]
    ]
    assert dry["files"]
    dry = project.json("phase", "2", "--dry-run", code=1)
    real = project.json("phase", "2", code=1)
    assert [(f["path"], f["verdict"]) for f in dry["files"]] == [
        (f["path"], f["verdict"]) for f in real["files"]
    ]
    assert ("hard.py", "conflicted") in [(f["path"], f["verdict"]) for f in dry["files"]]


def test_a_story_waits_for_those_it_depends_on(project: Project) -> None:
    text = project.run("phase", "1", code=1)
    assert "0.1" in text
    assert project.json("status")["run"] is None
    project.run("phase", "0")
    text = project.run("story", "1.2", code=1)
    assert "1.1" in text
    states = {item["id"]: item["status"] for item in project.json("status")["stories"]}
    assert states == {
        "0.1": "done",
        "1.1": "ready",
        "1.2": "waiting",
        "2.1": "waiting",
        "2.2": "waiting",
        "3.1": "waiting",
    }


@pytest.mark.parametrize(
    ("side", "expected"), [("--ours", "def f(a, tenant_id):"), ("--theirs", "def f(a, b):")]
)
def test_resolve_by_side(project: Project, side: str, expected: str) -> None:
    to_conflict(project)
    project.run("resolve", "hard.py", side)
    project.run("continue")
    assert project.show("hard.py").startswith(expected)


def test_resolve_refuses_what_still_holds_markers(project: Project) -> None:
    to_conflict(project)
    assert "markers" in project.run("resolve", "hard.py", code=2)
    assert "not in conflict" in project.run("resolve", "clean.py", code=2)
    assert "stopped" in project.run("phase", "2", code=2)


def test_skip_needs_a_reason_and_stands_in_the_ledger(project: Project) -> None:
    to_conflict(project)
    project.run("skip", code=2)
    project.run("skip", "--reason", "ours is better")
    project.run("continue")
    assert project.show("hard.py").startswith("def f(a, tenant_id)")
    data = project.json("report", "--format", "json")
    assert {item["id"]: item["status"] for item in data["stories"]}["2.1"] == "skipped"
    assert any("ours is better" in item["reason"] for item in data["ledger"])


def test_abort_keeps_everything_reachable(project: Project) -> None:
    to_conflict(project)
    resolved(project)
    tip = project.fork.git("rev-parse", project.branch())
    project.run("abort")
    assert project.fork.git("for-each-ref", "--format=%(refname)", "refs/heads").split() == [
        "refs/heads/main"
    ]
    kept = project.fork.git("for-each-ref", "--format=%(objectname) %(refname)", "refs/merge-tool")
    assert tip in kept
    saved = next(line.split()[0] for line in kept.splitlines() if "/saved/" in line)
    assert "tenant_id):\n    return a + b" in project.fork.git("show", f"{saved}:hard.py")
    assert not project.worktree.exists()
    project.run("phase", "0")


def test_rollback_and_forward_gives_the_same_tree(project: Project) -> None:
    to_conflict(project)
    resolved(project)
    project.run("continue")
    tree = project.fork.git("rev-parse", f"{project.branch()}^{{tree}}")
    dry = project.json("rollback", "--phase", "1", "--dry-run")
    assert dry["stories"] == ["1.1", "1.2", "2.1", "2.2"]
    project.run("rollback", "--phase", "1")
    assert project.log() == ["[Story-0.1] Setup and Backup"]
    assert not (project.worktree / "module").exists()
    project.run("phase", "1")
    text = project.run("phase", "2")  # the same conflict: what the person wrote is on record
    assert "1 merged" in text
    assert project.fork.git("rev-parse", f"{project.branch()}^{{tree}}") == tree


def test_a_commit_by_hand_on_the_branch_is_taken(project: Project) -> None:
    project.run("phase", "0")
    (project.worktree / "own.py").write_text("mine = 2\n")
    git = GitIn(project)
    git("commit", "--quiet", "-am", "by hand")
    project.run("phase", "1")
    assert project.show("own.py") == "mine = 2"
    assert "by hand" in project.log()


def test_a_rewritten_branch_is_refused_with_the_way_back(project: Project) -> None:
    project.run("phase", "0")
    project.run("phase", "1")
    GitIn(project)("reset", "--quiet", "--hard", "HEAD~1")
    text = project.run("phase", "2", code=2)
    assert "rewritten" in text
    assert "git update-ref" in text


def test_edits_between_stories_are_never_lost(project: Project) -> None:
    project.run("phase", "0")
    (project.worktree / "own.py").write_text("mine = 'not committed'\n")
    project.run("phase", "1")
    refs = project.fork.git("for-each-ref", "--format=%(refname)", "refs/merge-tool").split()
    saved = next(ref for ref in refs if "/saved/" in ref)
    assert "not committed" in project.fork.git("show", f"{saved}:own.py")


class GitIn:
    """git in the run's worktree."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def __call__(self, *args: str) -> str:
        return self.project.fork.git("-C", str(self.project.worktree), *args)


def test_a_file_merged_twice_keeps_what_was_resolved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A later story that names the same file again must not meet the conflict a second time."""
    story = (
        '      - id: "2.3"\n        title: Again\n        depends_on: ["2.1"]\n        estimate_hours: 1\n'
    )
    plan = PLAN.replace(
        "  - number: 3\n",
        story + "        actions:\n          - {kind: merge, paths: [hard.py, clean.py]}\n  - number: 3\n",
    )
    project = make_project(tmp_path, plan)
    project.capsys = capsys
    to_conflict(project)
    resolved(project)
    project.run("continue")
    assert "[Story-2.3] Again" in project.log()
    assert project.show("hard.py").startswith("def f(a, b, tenant_id):")


def test_a_failed_criterion_is_told_and_can_be_mended_by_a_commit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = (
        "        criteria:\n          - {id: '1.1.1', given: a module, when: parsing, then: the table is there, "
        "check: {kind: schema, table: things, columns: [tenant_id]}}\n"
    )
    plan = PLAN.replace('      - id: "1.2"', check + '      - id: "1.2"')
    project = make_project(tmp_path, plan)
    project.capsys = capsys
    project.run("phase", "0")
    assert "failed AC 1.1.1" in project.run("phase", "1", code=1)
    model = "class Thing(Base):\n    __tablename__ = 'things'\n    tenant_id = Column(Integer)\n"
    (project.worktree / "module" / "models.py").write_text(model)
    git = GitIn(project)
    git("add", "--force", "module/models.py")
    git("commit", "--quiet", "-m", "the model")
    project.run("story", "1.1")
    data = project.json("report", "--format", "json")
    assert [(item["id"], item["status"]) for item in data["criteria"]] == [("1.1.1", "passed")]


def test_the_record_can_be_kept_in_a_teams_postgresql(
    project: Project, postgres_database: PostgresDatabase
) -> None:
    state = ("--state-url", postgres_database.url())
    project.run("phase", "0", *state)
    project.run("phase", "1", *state)
    project.run("phase", "2", *state, code=1)
    resolved(project)
    project.run("continue", *state)
    assert project.json("status", *state)["stories"][4]["status"] == "done"
    assert not (project.fork.path / ".git" / "merge-tool" / "state.db").exists()
    assert project.json("status")["run"] is None


def finish_all(project: Project) -> None:
    to_conflict(project)
    resolved(project)
    project.run("continue")
    project.run("phase", "3", code=1)
    project.run("approve", "3.1")
    project.run("continue")


def test_the_next_run_starts_from_the_recorded_parent(project: Project) -> None:
    finish_all(project)
    first = project.branch()
    project.fork.git("merge", "--quiet", "--ff-only", first)
    project.fork.git("branch", "--delete", first)
    head = project.upstream.git("rev-parse", "HEAD")
    project.upstream.commit(
        "later", {"clean.py": project.upstream.git("show", "HEAD:clean.py") + "\nLATER = 1\n"}
    )
    project.run("phase", "0")
    run = project.json("status")["run"]
    assert run["merge_base"] == head
    project.run("phase", "1")
    assert "platega" not in project.show("module/one.py")
    assert "LATER = 1" in project.show("clean.py")
    assert "'tenant'" in project.show("clean.py")


def test_a_worktree_deleted_in_the_middle_of_a_stop(project: Project) -> None:
    to_conflict(project)
    shutil.rmtree(project.worktree)
    project.run("conflicts", code=1)
    project.run("continue", code=1)
    assert "<<<<<<<" in (project.worktree / "hard.py").read_text()
    resolved(project)
    project.run("continue")
    assert project.show("hard.py").startswith("def f(a, b, tenant_id):")


def test_from_a_linked_worktree_the_run_is_the_same(project: Project, tmp_path: Path) -> None:
    from merge_tool.cli import run as tool

    project.run("phase", "0")
    project.fork.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    assert tool(["phase", "1", "--repo", str(tmp_path / "side")]) == 0
    states = {item["id"]: item["status"] for item in project.json("status")["stories"]}
    assert states["1.2"] == "done"
    assert (project.worktree / "renamed.py").exists()
