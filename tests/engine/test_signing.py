"""Gates and criteria that a person signs: only what the story has come to, and each part by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project import Project, make_project, stories_plan

BATCHED = stories_plan(
    [
        """\
        - id: "0.1"
          title: Services
          estimate_hours: 1
          batches: {count: 2, patterns: ["clean.py", "hard.py"]}
          actions:
            - {kind: gate, name: review, checklist: [read them]}
        """,
        """\
        - id: "0.2"
          title: Judge
          depends_on: ["0.1"]
          estimate_hours: 1
          actions:
            - {kind: gate, name: "cart#2", checklist: [look]}
          criteria:
            - {id: "0.2.1", given: a, when: b, then: c, check: {gate: {question: "is it?"}}}
            - {id: "0.2.2", given: a, when: b, then: c, check: {gate: {question: "is it so?"}}}
            - {id: "0.2.3", given: a, when: b, then: c, check: {validate: {select: [TQ1]}}}
        """,
        """\
        - id: "0.3"
          title: Plain
          depends_on: ["0.2"]
          estimate_hours: 1
          actions:
            - {kind: backup, branch: "backup-{date}"}
        """,
    ]
)


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    made = make_project(tmp_path, BATCHED)
    made.capsys = capsys
    return made


def test_each_part_of_a_batched_story_is_signed_by_itself(project: Project) -> None:
    assert "0.1#1" in project.run("phase", "0", code=1)
    project.run("approve", "0.1")
    assert "0.1#2 stopped" in project.run(
        "continue", code=1
    )  # the first part's signature is not the second's
    assert "does not stand at its gate: 0.1#1 is done" in project.run("approve", "0.1#1", code=2)
    assert "no story 0.1#3" in project.run("approve", "0.1#3", code=2)
    project.run("approve", "0.1#2", "--note", "read")
    assert "0.2 stopped" in project.run("continue", code=1)


def test_nothing_is_signed_before_the_story_has_come_to_it(project: Project) -> None:
    project.run("phase", "0", code=1)
    assert "0.2 does not stand at its gate: 0.2 is waiting" in project.run("approve", "0.2", code=2)
    assert "does not stand at its gate" in project.run("approve", "0.2.2", code=2)
    assert "is not signed: it is checked by validate" in project.run("approve", "0.2.3", code=2)
    assert "0.3 has no gate to sign" in project.run("approve", "0.3", code=2)
    assert "no story 7.7" in project.run("approve", "7.7", code=2)
    assert "is no story and no criterion" in project.run("approve", "0.1#x", code=2)
    assert project.json("report", "--format", "json")["approvals"] == []


def test_gate_criteria_and_gates_named_like_parts(project: Project) -> None:
    project.run("phase", "0", code=1)
    for _ in range(2):
        project.run("approve", "0.1")
        project.run("continue", code=1)
    said = project.run("approve", "0.2")
    assert "cart#2" in said
    assert "0.2.2" in said
    assert "next: merge-tool continue" in said
    project.run("continue", code=None)
    standing = {item["id"]: item["status"] for item in project.json("status", code=None)["criteria"]}
    assert standing["0.2.1"] == standing["0.2.2"] == "signed"


def test_rollback_takes_the_signatures_back(project: Project) -> None:
    project.run("phase", "0", code=1)
    project.run("approve", "0.1")
    project.run("continue", code=1)
    project.run("rollback", "--phase", "0")
    assert "0.1#1" in project.run("phase", "0", code=1)


SAME_NAME = stories_plan(
    [
        """\
        - id: "0.1"
          title: Tests
          estimate_hours: 1
          actions: [{kind: backup, branch: "backup-{date}"}]
          criteria:
            - {id: "0.1.1", given: a, when: b, then: c, check: {validate: {select: [TQ1]}}}
        """,
        """\
        - id: "0.1.1"
          title: Scenarios
          depends_on: ["0.1"]
          estimate_hours: 1
          actions: [{kind: gate, name: scenarios, checklist: [look]}]
        """,
    ]
)


def test_a_story_named_like_a_criterion_is_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path, SAME_NAME)
    project.capsys = capsys
    project.run("phase", "0", code=1)
    assert "scenarios" in project.run("approve", "0.1.1", "--note", "looked")
    project.run("continue", code=None)
    states = {item["id"]: item["status"] for item in project.json("status", code=None)["stories"]}
    assert states["0.1.1"] == "done"
