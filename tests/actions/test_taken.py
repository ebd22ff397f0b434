"""Picks of commits that came in with an earlier merge of the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project import Project, make_project, stories_plan

MERGE = "{kind: merge, paths: [app.py]}"


def make(tmp_path: Path, capsys: pytest.CaptureFixture[str], *actions: str) -> Project:
    """Upstream adds a line, and mends it later; the fork has changed the line before."""
    plan = stories_plan(
        [
            f"- id: '0.1'\n  title: One\n  estimate_hours: 1\n  actions: [{{kind: fetch}}, {', '.join(actions)}]\n"
        ]
    )
    plan += (
        "  - number: 1\n    title: Later\n    stories:\n      - id: '1.1'\n        title: Later\n        depends_on: ['0.1']\n"
        "        estimate_hours: 1\n        actions: [{kind: gate, name: later}]\n"
    )
    project = make_project(tmp_path, plan)
    project.capsys = capsys
    up = project.upstream
    up.commit("add", {"app.py": "price = 1\n", "other.py": "a = 1\n"})
    up.git("tag", "add")
    up.commit("mend", {"app.py": "price = 2\n"})
    return project


def test_a_file_that_was_merged_is_not_picked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make(tmp_path, capsys, MERGE, "{kind: cherry_pick, commits: [add]}")
    project.run("phase", "0")
    assert project.show("app.py") == "price = 2", "the pick would have taken upstream's mend back"
    assert project.show("other.py") == "a = 1", "what no merge brought is picked"
    files = {item["path"]: item for item in project.json("report", "--format", "json")["files"]}
    assert files["other.py"]["verdict"] == "picked"


def test_a_pick_that_came_in_whole_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(
        tmp_path, capsys, "{kind: merge, paths: [app.py, other.py]}", "{kind: cherry_pick, commits: [add]}"
    )
    assert "came in with the merge of upstream" in project.run("phase", "0")
    ledger = project.json("report", "--format", "json")["ledger"]
    assert any(item["what"] == "empty pick" and "came in" in item["reason"] for item in ledger)


def test_without_a_merge_the_commit_is_picked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(tmp_path, capsys, "{kind: cherry_pick, commits: [add]}")
    project.run("phase", "0")
    assert project.show("app.py") == "price = 1"
