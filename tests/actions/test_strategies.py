"""What a story says of single files: whose lines win, what is never taken, what is generated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.project import BOTH_HARD, BOTH_OURS, Project, make_both


def make(tmp_path: Path, capsys: pytest.CaptureFixture[str], strategies: str) -> Project:
    action = f"{{kind: merge, paths: [both.py]}}]\n  strategies: [{strategies}"
    return make_both(tmp_path, capsys, BOTH_HARD, action)


@pytest.mark.parametrize(("side", "line"), [("theirs", "    return b * 2"), ("ours", "    return b + 1")])
def test_a_side_wins_in_the_files_that_match(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], side: str, line: str
) -> None:
    project = make(tmp_path, capsys, f"{{pattern: 'no.py', take: never}}, {{pattern: '*.py', take: {side}}}")
    project.run("phase", "0")
    text = project.show("both.py")
    assert text.endswith(line)
    [told] = [item for item in project.json("status")["files"] if item["path"] == "both.py"]
    assert told["by"] == f"git, conflicts to {side}"


def test_other_files_are_merged_as_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(tmp_path, capsys, "{pattern: 'other/**', take: theirs}")
    project.run("phase", "0", code=1)


def test_what_is_never_taken_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(tmp_path, capsys, "{pattern: 'both.py', take: never}, {pattern: '*.py', take: theirs}")
    predicted = project.json("phase", "0", "--dry-run")["files"]
    project.run("phase", "0")
    assert project.show("both.py") == BOTH_OURS.rstrip("\n")
    [told] = [item for item in project.json("status")["files"] if item["path"] == "both.py"]
    assert (told["verdict"], told["reason"]) == (
        "excluded",
        "story 0.1 never takes both.py; the fork's is kept as it is",
    )
    assert [item["verdict"] for item in predicted if item["path"] == "both.py"] == ["excluded"]


def test_a_generated_file_is_taken_whole_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(tmp_path, capsys, "{pattern: '*.py', take: generated, made_by: make lock}")
    project.run("phase", "0")
    assert project.show("both.py") == BOTH_HARD.rstrip("\n")
    report = project.json("report", "--format", "json")
    assert "make it anew: make lock" in json.dumps(report)


@pytest.mark.parametrize(
    ("strategies", "message"),
    [
        ("{pattern: '../x', take: ours}", "holds '..'"),
        ("{pattern: x, take: their}", "'their' is not allowed"),
        ("{pattern: x}", "'take' is missing"),
        ("{pattern: x, take: ours, made_by: y}", "'made_by' is for generated files"),
        ("{pattern: x, take: ours}, {pattern: x, take: never}", "stands twice"),
        ("{pattern: x, taken: ours, take: ours}", "'taken' is not a known key"),
    ],
)
def test_mistakes_name_their_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], strategies: str, message: str
) -> None:
    project = make(tmp_path, capsys, strategies)
    line = 1 + (project.fork.path / "phases.yaml").read_text().partition("strategies:")[0].count("\n")
    said = project.run("plan", "--check", code=2)
    assert message in said
    assert f"phases.yaml:{line}:" in said
