"""`merge-tool plan` on real repositories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from merge_tool.cli import run
from tests.gitrepo import GitRepo

PLAN = """\
version: 1
title: "Small \\u202e merge"
policy: generic
estimates: {stated_total_hours: 5}
exclusions:
  commits: [{commit: BAD, reason: not for us}]
  paths: [{pattern: "vendor/**", reason: the vendor is not ours}]
phases:
  - number: 0
    title: Everything
    days: "1"
    stories:
      - id: "0.1"
        title: First
        estimate_hours: 1
        actions: [merge: {paths: [a.py]}]
        criteria:
          - {id: "0.1.1", given: g, when: w, then: t, check: {gate: {question: "is it so?"}}}
      - id: "0.2"
        title: Second
        depends_on: ["0.1"]
        estimate_hours: 2.5
        actions: [cherry_pick: {commits: [GOOD]}]
"""


class Command:
    """The command in a fork whose upstream has changed."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.fork = GitRepo(root / "fork")
        base = self.fork.commit("base", {"a.py": "a = 1\n", "c.py": "c = 1\n"})
        self.fork.switch("theirs", base)
        good = self.fork.commit("good", {"a.py": "a = 2\n", "b.py": "b = 1\n"})
        bad = self.fork.commit("bad", {"vendor/x.py": "x = 1\n", "c.py": None})
        self.fork.git("update-ref", "refs/remotes/upstream/main", bad)
        self.fork.switch("main")
        self.write(PLAN.replace("GOOD", f'"{good}"').replace("BAD", f'"{bad}"'))

    def write(self, text: str) -> None:
        (self.fork.path / "phases.yaml").write_text(text, encoding="utf-8")

    def __call__(self, *args: str) -> tuple[int, str, str]:
        code = run(["plan", *args, "--repo", str(self.fork.path)])
        out, err = self.capsys.readouterr()
        return code, out, err

    def json(self, *args: str) -> Any:
        code, out, _ = self(*args, "--json")
        return code, json.loads(out)


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


def test_shows_the_plan(command: Command) -> None:
    code, out, err = command()
    assert (code, err) == (0, "")
    assert f"Plan: {command.fork.path / 'phases.yaml'}" in out
    assert "1 phase, 2 stories, 1 acceptance criterion" in out
    assert "Phase 0: Everything (3.5 h, 1 day)" in out
    assert "Order: 0.1 0.2" in out
    assert "Estimate: 3.5 h over all stories; the plan's source states 5 h, 1.5 h more" in out
    assert "\u202e" not in out  # a title may not turn the terminal's writing direction


def test_json(command: Command) -> None:
    code, data = command.json()
    assert code == 0
    (phase,) = data["phases"]
    assert (phase["number"], phase["title"]) == (0, "Everything")
    first, second = phase["stories"]
    assert (first["id"], first["title"], first["depends_on"], first["estimate_hours"], first["files"]) == (
        "0.1",
        "First",
        [],
        1.0,
        [],
    )
    assert {key: first["criteria"][0][key] for key in ("id", "given", "when", "then")} == {
        "id": "0.1.1",
        "given": "g",
        "when": "w",
        "then": "t",
    }
    assert second["depends_on"] == ["0.1"]
    assert data["order"] == ["0.1", "0.2"]


def test_coverage(command: Command) -> None:
    code, out, _ = command("--coverage")
    assert code == 1  # files that nobody takes
    assert "4 files" in out and "1 assigned, 1 excluded, 2 unassigned" in out
    assert "unassigned: A b.py" in out
    assert "unassigned: D c.py" in out
    assert "excluded: 1 file: the vendor is not ours" in out
    code, data = command.json("--coverage")
    assert code == 1
    assert data["coverage"]["counts"] == {"assigned": 1, "excluded": 1, "unassigned": 2}
    assert [item["path"] for item in data["coverage"]["files"]] == ["a.py", "b.py", "c.py", "vendor/x.py"]


def test_coverage_without_upstream(command: Command) -> None:
    command.fork.git("update-ref", "-d", "refs/remotes/upstream/main")
    code, out, err = command("--coverage")
    assert (code, out) == (2, "")
    assert "upstream/main is not here" in err and "git fetch upstream main" in err


def test_full_coverage_is_clean(command: Command) -> None:
    text = (command.fork.path / "phases.yaml").read_text("utf-8")
    command.write(text.replace("paths: [a.py]", 'paths: ["*.py"]'))
    assert command("--coverage")[0] == 0


def test_check(command: Command) -> None:
    code, out, _ = command("--check")
    assert code == 0
    assert "The plan holds together: 1 phase, 2 stories, 1 acceptance criterion; policy generic" in out
    assert "Note" not in out
    assert command.json("--check")[1]["ok"] is True


def test_check_finds_an_unknown_commit(command: Command) -> None:
    text = (command.fork.path / "phases.yaml").read_text("utf-8")
    start = text.index('commits: ["') + len('commits: ["')
    command.write(text[:start] + "0123456789" + text[start + 40 :])
    code, _, err = command("--check")
    assert code == 2
    assert "story 0.2 names the commit 0123456789, which is not here" in err
    assert "phases.yaml:23:" in err


def test_check_finds_an_unknown_policy(command: Command) -> None:
    text = (command.fork.path / "phases.yaml").read_text("utf-8")
    command.write(text.replace("policy: generic", "policy: genric"))
    code, _, err = command("--check")
    assert code == 2 and "there is no policy 'genric'" in err


def test_bad_plan_exits_with_2(command: Command) -> None:
    command.write("version: 1\ntitle: x\nphases: []\n")
    for args in ((), ("--check",), ("--json",), ("--coverage",)):
        code, out, err = command(*args)
        assert (code, out) == (2, "")
        assert "phases.yaml:3:9: 'phases' is empty" in err


def test_given_plan(command: Command, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(
        "version: 1\ntitle: Other\nphases: [{number: 0, title: p, stories: [{id: '0.1', title: s}]}]\n"
    )
    code, out, _ = command("--plan", str(other))
    assert code == 0 and "Other: 1 phase, 1 story" in out


@pytest.mark.parametrize("which", [(), ("plan",), ("policy",)])
def test_schema(command: Command, which: tuple[str, ...]) -> None:
    code, out, _ = command("--schema", *which)
    assert code == 0
    assert json.loads(out)["$schema"].endswith("2020-12/schema")
    assert ("extends" in json.loads(out)["properties"]) is (which == ("policy",))


def test_wrong_usage(command: Command, tmp_path: Path) -> None:
    assert command("--schema", "other")[0] == 2
    assert command("phases.yaml")[0] == 2
    assert run(["plan", "--repo", str(tmp_path / "none")]) == 2
