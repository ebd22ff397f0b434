"""A report says what the store and the plan say, and nothing is assumed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from merge_tool.errors import StateError, UserError
from merge_tool.model.outcome import (
    CriterionResult,
    CriterionStatus,
    FileVerdict,
    Outcome,
    OutcomeStatus,
    Verdict,
)
from merge_tool.model.state import FileRecord, Run, RunStatus, StoryStatus
from merge_tool.report.data import build_report, fold_files
from merge_tool.report.scope import only
from merge_tool.store.store import Store
from tests.report.conftest import EVIL, RUN, UNITS, step


def test_a_run_that_has_just_begun(store: Store) -> None:
    data = build_report(store, RUN)
    assert {item.id: item.status for item in data.stories} == {
        "0.1": "ready",
        "1.1": "waiting",
        "1.2": "waiting",
        "1.3": "waiting",
    }
    assert data.criterion_counts == {"open": 3}
    assert data.files == data.edits == data.not_done == data.needs == data.events == ()
    assert (data.level, data.headline) == (
        "open",
        "The run goes on: 0 of 4 stories are done, nothing waits for a person.",
    )
    assert data.at == RUN.started_at


def test_a_run_at_a_stop(store: Store, hostile: Run) -> None:
    data = build_report(store, hostile)
    assert {item.id: item.status for item in data.stories} == {
        "0.1": "done",
        "1.1": "stopped",
        "1.2": "ready",
        "1.3": "waiting",
    }
    assert [(part.batch, part.status) for part in data.stories[2].parts] == [(1, "ready"), (2, "waiting")]
    assert data.stories[0].commit == "c" * 40
    assert data.stories[0].elapsed_seconds is not None
    assert data.stories[1].elapsed_seconds is None
    assert [item.kind for item in data.needs] == ["conflict", "conflict", "criterion", "left"]
    assert (data.needs[0].story_id, data.needs[0].text, data.needs[0].command) == (
        "1.1",
        f"both{EVIL}.py: content: both sides changed the same lines",
        "merge-tool conflicts",
    )
    assert data.level == "attention"
    assert data.headline == (
        "The run waits for a person: 2 conflicts, 1 criterion failed, 1 site left by codemods; 1 of 4 stories are done."
    )
    assert {item.id: item.status for item in data.criteria} == {
        "0.1.1": "failed",
        "0.1.2": "open",
        "1.1.1": "open",
    }
    assert [(item.story_id, item.step.kind, item.step.summary) for item in data.checks] == [
        ("0.1", "validate", f"3 findings {EVIL}")
    ]
    assert [(item.number, item.finished, item.total, item.estimate_hours) for item in data.phases] == [
        (0, 1, 1, 1.5),
        (1, 0, 3, 5.5),
    ]
    assert [(item.subject, item.what) for item in data.ledger] == [
        (f"deadbeef{EVIL}", "excluded"), ("9bd1944b", "excluded by the plan"), ("app/platega/**", "excluded by the plan"),
    ]  # fmt: skip


def test_a_resolved_conflict_waits_no_more(store: Store, hostile: Run) -> None:
    store.record_file(hostile.id, "1.1", 0, FileVerdict(f"both{EVIL}.py", Verdict.RESOLVED, "person", "ours"))
    assert [item.text for item in build_report(store, hostile).needs if item.kind == "conflict"] == [
        "gone.py: modify/delete: one side changed the file, the other removed it"
    ]
    store.record_file(hostile.id, "1.1", 0, FileVerdict("gone.py", Verdict.RESOLVED, "person", "theirs"))
    data = build_report(store, hostile)
    assert [(item.text, item.command) for item in data.needs if item.story_id == "1.1"] == [
        ("all conflicts are resolved", "merge-tool continue")
    ]
    assert {item.path: item.verdict for item in data.files}["gone.py"] == "resolved"


def test_a_step_that_failed_says_how_to_mend_it(store: Store) -> None:
    store.set_story(RUN.id, "0.1", status=StoryStatus.RUNNING, base_commit="f")
    step(
        store,
        ("0.1", 0),
        0,
        "codemod",
        Outcome(OutcomeStatus.FAILED, "there is no app/config.py", details=("correct the target",)),
    )
    store.set_story(RUN.id, "0.1", status=StoryStatus.STOPPED, message="there is no app/config.py")
    (need,) = build_report(store, RUN).needs
    assert (need.kind, need.text, need.command) == (
        "stopped",
        "there is no app/config.py; correct the target",
        "merge-tool continue",
    )


def test_a_gate_is_named(store: Store) -> None:
    for unit in (("0.1", 0), ("1.2", 1)):
        store.finish_story(RUN.id, *unit, "c" * 40, StoryStatus.DONE)
    step(store, ("1.3", 0), 0, "gate", Outcome(OutcomeStatus.GATE, "a signature is needed"))
    store.set_story(RUN.id, "1.3", status=StoryStatus.GATE, message="a signature is needed")
    data = build_report(store, RUN)
    (need,) = data.needs
    assert (need.kind, need.story_id, need.command) == ("gate", "1.3", "merge-tool approve 1.3")
    assert f"review {EVIL}" in need.text
    assert "1 gate to sign" in data.headline


def test_a_running_story_is_no_stop(store: Store) -> None:
    store.set_story(RUN.id, "0.1", status=StoryStatus.RUNNING, base_commit="f")
    data = build_report(store, RUN)
    assert (data.level, data.headline) == ("open", "The run is at work on 0.1; 0 of 4 stories are done.")


def finish_all(store: Store, status: CriterionStatus) -> Run:
    for unit in UNITS:
        store.finish_story(RUN.id, *unit, "c" * 40, StoryStatus.DONE)
    for story, name in (("0.1", "0.1.1"), ("0.1", "0.1.2"), ("1.1", "1.1.1")):
        store.record_criterion(RUN.id, story, CriterionResult(name, status, "shown"))
    store.end_run(RUN.id, RunStatus.FINISHED, "d" * 40)
    ended = store.last_run()
    assert ended is not None
    return ended


def test_a_finished_run(store: Store) -> None:
    data = build_report(store, finish_all(store, CriterionStatus.PASSED))
    assert data.level == "ok"
    assert (
        data.headline == "The run is done: 4 of 4 stories are done and 3 of 3 acceptance criteria are shown."
    )
    assert data.run.tip == "d" * 40


def test_a_finished_run_with_open_criteria_is_not_called_clean(store: Store) -> None:
    data = build_report(store, finish_all(store, CriterionStatus.OPEN))
    assert data.level == "open"
    assert "0 of 3 acceptance criteria are shown" in data.headline


def test_an_aborted_run_waits_for_nobody(store: Store, hostile: Run) -> None:
    store.end_run(hostile.id, RunStatus.ABORTED, hostile.tip)
    ended = store.last_run()
    assert ended is not None
    data = build_report(store, ended)
    assert "was aborted" in data.headline
    assert "conflict" not in {item.kind for item in data.needs}


@pytest.mark.parametrize("phase", [0, 1])
def test_one_phase(store: Store, hostile: Run, phase: int) -> None:
    data = build_report(store, hostile, phase)
    assert data == only(build_report(store, hostile), phase)
    assert {item.phase for item in data.stories} == {phase}
    assert data.headline.startswith(f"Phase {phase} ")
    inside = {item.id for item in data.stories}
    for item in [
        *data.files,
        *data.criteria,
        *data.edits,
        *data.not_done,
        *data.checks,
        *data.needs,
        *data.approvals,
    ]:
        assert item.story_id in inside
    assert bool(data.files)
    assert len(data.phases) == 2
    assert [item.subject for item in data.ledger] == ([f"deadbeef{EVIL}"] if phase == 0 else []), (
        "what the plan leaves out is no phase's"
    )


def test_a_phase_that_is_not_there(store: Store) -> None:
    with pytest.raises(UserError, match="no phase 7") as caught:
        build_report(store, RUN, 7)
    assert "0, 1" in caught.value.hint


@pytest.mark.parametrize(
    "damaged",
    ["", "{", "[]", '{"phases": [{}]}', '{"phases": [{"number": 0, "stories": [{}]}]}', '{"phases": 3}'],
)
def test_a_damaged_plan_is_told(store: Store, damaged: str) -> None:
    with pytest.raises(StateError, match="plan kept with the run"):
        build_report(store, replace(RUN, plan_json=damaged))


def test_a_story_that_left_the_plan_is_still_told(store: Store, hostile: Run) -> None:
    plan = json.loads(hostile.plan_json)
    plan["phases"][1]["stories"] = [item for item in plan["phases"][1]["stories"] if item["id"] != "1.1"]
    data = build_report(store, replace(hostile, plan_json=json.dumps(plan)))
    assert [(item.id, item.status) for item in data.stories if item.phase < 0] == [("1.1", "stopped")]
    assert any(item.path.startswith("both") for item in data.files)


def record(verdict: Verdict, story: str = "1.1", batch: int = 0) -> FileRecord:
    return FileRecord(story, batch, "a.py", verdict.value, f"by-{verdict.value}")


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ([Verdict.COPIED, Verdict.REWRITTEN], Verdict.COPIED),
        ([Verdict.REWRITTEN, Verdict.REWRITTEN], Verdict.REWRITTEN),
        ([Verdict.UNCHANGED, Verdict.REWRITTEN, Verdict.UNCHANGED], Verdict.REWRITTEN),
        ([Verdict.UNCHANGED], Verdict.UNCHANGED),
        ([Verdict.KEPT, Verdict.UNCHANGED], Verdict.UNCHANGED),
        ([Verdict.CONFLICTED, Verdict.RESOLVED], Verdict.RESOLVED),
        ([Verdict.COPIED, Verdict.PICKED, Verdict.REWRITTEN, Verdict.UNCHANGED], Verdict.PICKED),
        ([Verdict.MERGED, Verdict.DELETED], Verdict.DELETED),
    ],
)
def test_the_verdict_of_a_file_with_a_history(verdicts: list[Verdict], told: Verdict) -> None:
    (line,) = fold_files([record(item, story=str(number)) for number, item in enumerate(verdicts)])
    assert (line.verdict, line.by) == (told.value, f"by-{told.value}")
    assert [item.verdict for item in line.history] == [item.value for item in verdicts]


def test_the_same_record_twice_is_one() -> None:
    (line,) = fold_files([record(Verdict.RESOLVED), record(Verdict.RESOLVED)])
    assert len(line.history) == 1


def test_counting_leaves_out_nothing(store: Store, hostile: Run) -> None:
    data = build_report(store, hostile)
    assert data.file_counts == {"copied": 2, "conflicted": 1, "unchanged": 1}
    assert sum(data.file_counts.values()) == len(data.files)
    assert sum(data.story_counts.values()) == len(data.stories)
