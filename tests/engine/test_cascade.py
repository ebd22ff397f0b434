"""Merges and picks of a run go through the cascade, and the record says which step merged which hunk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project import Project, make_project, stories_plan

BASE = "import json\nimport os\n\n\ndef one(a):\n    return a\n\n\ndef two(b):\n    return b\n"
OURS = BASE.replace("import os\n", "import os\nimport ours\n").replace("return b", "return b + 1")
THEIRS = BASE.replace("import os\n", "import os\nimport theirs\n")
HARD = THEIRS.replace("return b", "return b * 2")


def make(tmp_path: Path, capsys: pytest.CaptureFixture[str], theirs: str, action: str) -> Project:
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
    start = project.upstream.commit("both", {"both.py": BASE})
    project.fork.git("fetch", "--quiet", str(project.upstream.path), start)
    project.fork.git("merge", "--quiet", "--no-edit", "--strategy=ours", "FETCH_HEAD")
    project.fork.commit("ours", {"both.py": OURS})
    commit = project.upstream.commit("theirs", {"both.py": theirs})
    project.upstream.git("tag", "change", commit)
    return project


MERGE = "{kind: merge, paths: [both.py]}"


def test_what_syntax_decides_needs_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(tmp_path, capsys, THEIRS, MERGE)
    predicted = project.json("phase", "0", "--dry-run")
    project.run("phase", "0")
    text = project.show("both.py")
    assert "import ours\n" in text
    assert "import theirs\n" in text
    assert "return b + 1" in text
    report = project.json("report", "--format", "json")
    [item] = [item for item in report["files"] if item["path"] == "both.py"]
    assert item["verdict"] == "merged"
    [told] = [item for item in report["conflicts"] if item["path"] == "both.py"]
    [hunk] = told["hunks"]
    assert (hunk["step"], hunk["confidence"]) == ("imports", "safe")
    [same] = [item for item in predicted["files"] if item["path"] == "both.py"]
    assert (same["verdict"], same["by"]) == (item["verdict"], item["by"])


def test_a_pick_goes_through_the_cascade_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(tmp_path, capsys, THEIRS, "{kind: cherry_pick, commits: [change]}")
    project.run("phase", "0")
    assert "import ours\n" in project.show("both.py")
    assert "import theirs\n" in project.show("both.py")


def test_what_is_left_has_markers_and_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(tmp_path, capsys, HARD, MERGE)
    project.run("phase", "0", code=1)
    text = (project.worktree / "both.py").read_text()
    assert text.count("<<<<<<<") == 1  # the imports are merged, one conflict is left
    assert "import ours\nimport theirs\n" in text
    [item] = project.json("conflicts", code=1)["conflicts"]
    assert [hunk["step"] for hunk in item["hunks"]] == ["imports", "left"]
    assert item["hunks"][1]["reason"]
    (project.worktree / "both.py").write_text(OURS.replace("import ours\n", "import ours\nimport theirs\n"))
    project.run("continue")
    assert "import theirs" in project.show("both.py")


def test_a_story_may_leave_all_to_git(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(tmp_path, capsys, THEIRS, "{kind: merge, paths: [both.py], level: git}")
    project.run("phase", "0", code=1)
    assert "<<<<<<<" in (project.worktree / "both.py").read_text()


def stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    project = make(tmp_path, capsys, HARD, MERGE)
    project.run("phase", "0", code=1)
    return project


def test_conflicts_say_what_each_side_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = stopped(tmp_path, capsys)
    [item] = project.json("conflicts", "both.py", code=1)["conflicts"]
    [hunk] = item["open"]
    assert (hunk["base"], hunk["ours"], hunk["theirs"]) == (
        "    return b\n",
        "    return b + 1\n",
        "    return b * 2\n",
    )
    assert hunk["ours_did"] == hunk["theirs_did"] == "changes values or order"
    text = project.run("conflicts", code=1)
    assert "1 other conflict of this file merged by imports" in text
    assert "| return b + 1" in text.replace("    ", " ").replace("  ", " ")
    assert "not in conflict" in project.run("conflicts", "nobody.py", code=2)


@pytest.mark.parametrize(
    ("option", "body"),
    [
        (["--ours", "--hunk", "1"], "    return b + 1\n"),
        (["--theirs", "--hunk", "1"], "    return b * 2\n"),
        (["--both"], "    return b + 1\n    return b * 2\n"),
    ],
)
def test_a_conflict_is_resolved_by_a_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str], body: str
) -> None:
    project = stopped(tmp_path, capsys)
    assert project.json("resolve", "both.py", *option)["left"] == 0
    project.run("continue")
    text = project.show("both.py")
    assert f"{text}\n".endswith(f"def two(b):\n{body}")
    assert "import ours\nimport theirs\n" in text  # what was merged stays merged


def test_an_editor_resolves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = stopped(tmp_path, capsys)
    monkeypatch.setenv("GIT_EDITOR", "false")
    assert "the editor ended with code 1" in project.run("resolve", "both.py", "--edit", code=2)
    monkeypatch.setenv("GIT_EDITOR", "true")
    assert "still holds conflict markers" in project.run("resolve", "both.py", "--edit", code=2)
    monkeypatch.setenv("GIT_EDITOR", "printf 'edited = 1\\n' >")
    project.run("resolve", "both.py", "--edit")
    project.run("continue")
    assert project.show("both.py") == "edited = 1"


def test_a_tool_of_git_resolves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = stopped(tmp_path, capsys)
    project.fork.git("config", "mergetool.joined.cmd", 'cat "$LOCAL" "$BASE" "$REMOTE" > "$MERGED"')
    project.fork.git("config", "mergetool.joined.trustExitCode", "true")
    project.fork.git("config", "mergetool.keepBackup", "false")
    project.run("resolve", "both.py", "--tool", "joined")
    project.run("continue")
    assert project.show("both.py") == (OURS + BASE + HARD).rstrip("\n")
    assert not [path.name for path in project.fork.path.rglob("both*") if path.name != "both.py"]


def test_wrong_ways_to_resolve_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = stopped(tmp_path, capsys)
    for options, message in (
        (["--ours", "--both"], "exclude each other"),
        (["--hunk", "1"], "--hunk needs a side"),
        (["--ours", "--hunk", "2"], "has no conflict 2"),
        (["--suggestion"], "has no suggestion"),
        (["--tool", "nobody"], "mergetool left both.py"),
    ):
        assert message in project.run("resolve", "both.py", *options, code=2)
    (project.worktree / "both.py").write_text("def (:\n")
    assert "does not parse" in project.run("resolve", "both.py", code=2)


def test_what_the_full_level_would_write_is_suggested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = BASE.replace("    return a\n", "    send(2)\n    return a\n")
    project = make(tmp_path, capsys, theirs, MERGE)
    project.fork.commit("again", {"both.py": BASE.replace("    return a\n", "    log(1)\n    return a\n")})
    project.run("phase", "0", code=1)
    [item] = project.json("conflicts", code=1)["conflicts"]
    [hunk] = item["open"]
    assert hunk["ours_did"] == "adds `log(1)`"
    assert "only the level full merges that" in hunk["reason"]
    assert hunk["suggestion"] == "    log(1)\n    send(2)\n"
    project.run("resolve", "both.py", "--suggestion")
    project.run("continue")
    assert "    log(1)\n    send(2)\n    return a\n" in project.show("both.py")
