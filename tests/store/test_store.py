"""What is written is read again, on SQLite and on PostgreSQL, each write in one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from merge_tool.errors import StateError
from merge_tool.model.outcome import (
    CriterionResult,
    CriterionStatus,
    FileVerdict,
    Outcome,
    OutcomeStatus,
    Verdict,
)
from merge_tool.model.state import Approval, Run, RunStatus, StoryStatus
from merge_tool.store.open import open_store
from merge_tool.store.store import Store
from tests.store.samples import AWKWARD, UNITS, outcome, run


@pytest.fixture
def begun(store: Store) -> Run:
    made = run()
    store.create_run(made, UNITS)
    return made


def step(store: Store, run_id: str, unit: tuple[str, int], index: int, result: Outcome) -> None:
    store.begin_step(run_id, *unit, index, kind="copy", tree_before="t0")
    store.finish_step(run_id, *unit, index, status=result.status.value, tree_after="t1", outcome=result)


def test_a_run_comes_back_as_it_was_given(store: Store) -> None:
    given = replace(run(), plan_source=AWKWARD, plan_json=AWKWARD, merge_branch=AWKWARD)
    store.create_run(given, UNITS)
    assert store.active_run() == store.last_run() == store.run(given.id) == given
    assert store.runs() == [given]
    assert [(item.story_id, item.batch, item.status) for item in store.stories(given.id)] == [
        (*unit, StoryStatus.WAITING) for unit in UNITS
    ]


def test_a_second_active_run_is_refused(store: Store, begun: Run) -> None:
    with pytest.raises(StateError, match=f"{begun.id} is active already"):
        store.create_run(run("another"), UNITS)
    store.end_run(begun.id, RunStatus.ABORTED, begun.tip)
    with pytest.raises(StateError, match="was used before"):
        store.create_run(begun, UNITS)
    store.create_run(run("another"), UNITS)
    assert [item.id for item in store.runs()] == [begun.id, "another"]
    assert store.active_run() == store.last_run() == store.run("another")


def test_the_last_run_is_the_one_begun_last(store: Store, begun: Run) -> None:
    store.end_run(begun.id, RunStatus.FINISHED, "a" * 40)
    ended = store.last_run()
    assert ended is not None
    assert (ended.id, ended.status, ended.tip) == (begun.id, RunStatus.FINISHED, "a" * 40)
    assert ended.finished_at is not None
    assert ended.finished_at.tzinfo is UTC
    assert store.active_run() is None


def test_update_run_changes_only_what_is_named(store: Store, begun: Run) -> None:
    store.update_run(begun.id, tip="b" * 40, target="phase 2")
    assert store.run(begun.id) == replace(begun, tip="b" * 40, target="phase 2")
    with pytest.raises(TypeError, match="colour"):
        store.update_run(begun.id, colour="red")
    with pytest.raises(StateError, match="no run nowhere"):
        store.update_run("nowhere", tip="x")


def test_a_step_is_recorded_with_all_that_it_left(store: Store, begun: Run) -> None:
    result = outcome(AWKWARD)
    step(store, begun.id, ("5.3", 2), 0, result)
    (recorded,) = store.steps(begun.id, "5.3", 2)
    assert recorded.outcome == result
    assert (recorded.status, recorded.tree_before, recorded.tree_after, recorded.attempts) == (
        "done",
        "t0",
        "t1",
        1,
    )
    assert recorded.summary == result.summary
    assert [(item.story_id, item.batch, item.path) for item in store.files(begun.id)] == [
        ("5.3", 2, item.path) for item in result.files
    ]
    assert [(item.id, item.status, item.evidence) for item in store.criteria(begun.id)] == [
        (f"c{AWKWARD}", "passed", "2 tests")
    ]
    assert [(item.subject, item.what, item.reason) for item in store.ledger(begun.id)] == [
        (f"9bd1944b{AWKWARD}", "excluded", "Platega")
    ]
    assert [(item.path, item.line, item.description) for item in store.edits(begun.id)] == [
        (f"app/{AWKWARD}.py", 3, "parameter bot_id added")
    ]
    assert [(item.line, item.codemod, item.reason) for item in store.not_done(begun.id)] == [
        (9, "jwt-claim", "the token is made elsewhere")
    ]
    assert store.steps(begun.id, "0.1") == []


def test_another_attempt_takes_the_place_of_the_first(store: Store, begun: Run) -> None:
    unit = ("0.1", 0)
    step(store, begun.id, unit, 0, outcome("kept"))
    step(store, begun.id, unit, 1, outcome("first", files=5))
    store.begin_step(begun.id, *unit, 1, kind="merge", tree_before="t5")
    cut_off = store.steps(begun.id, *unit)[1]
    assert (cut_off.status, cut_off.attempts, cut_off.outcome, cut_off.finished_at) == (
        "running",
        2,
        None,
        None,
    )
    store.finish_step(begun.id, *unit, 1, status="done", tree_after="t6", outcome=outcome("second", files=1))
    assert [item.path for item in store.files(begun.id)] == ["app/0kept.py", "app/1kept.py", "app/0second.py"]
    assert {item.subject for item in store.ledger(begun.id)} == {"9bd1944bkept", "9bd1944bsecond"}


def test_what_a_person_did_to_a_file_outlives_the_step(store: Store, begun: Run) -> None:
    for reason in ("ours", "marked"):
        store.record_file(begun.id, "0.1", 0, FileVerdict("a.py", Verdict.RESOLVED, "person", reason))
    step(store, begun.id, ("0.1", 0), 0, outcome("x", files=1))
    assert [(item.path, item.by, item.reason) for item in store.files(begun.id)] == [
        ("a.py", "person", "marked"),
        ("app/0x.py", "copy", "new here"),
    ]


def test_steps_and_stories_must_be_there(store: Store, begun: Run) -> None:
    with pytest.raises(StateError, match="never begun"):
        store.finish_step(begun.id, "0.1", 0, 7, status="done", tree_after="t", outcome=outcome())
    with pytest.raises(StateError, match=r"no story 9\.9#3"):
        store.begin_step(begun.id, "9.9", 3, 0, kind="copy", tree_before="t")
    assert store.steps(begun.id, "0.1") == []


def test_the_clock_of_a_story_starts_once(store: Store, begun: Run) -> None:
    store.set_story(begun.id, "0.1", status=StoryStatus.RUNNING, base_commit="b1")
    first = store.story(begun.id, "0.1")
    store.set_story(begun.id, "0.1", status=StoryStatus.STOPPED, message="2 conflicts")
    stopped = store.story(begun.id, "0.1")
    store.set_story(begun.id, "0.1", status=StoryStatus.RUNNING)
    again = store.story(begun.id, "0.1")
    assert first is not None
    assert stopped is not None
    assert again is not None
    assert first.started_at == stopped.started_at == again.started_at
    assert (stopped.message, stopped.base_commit, again.message, again.base_commit) == (
        "2 conflicts",
        "b1",
        "",
        "b1",
    )
    assert again.finished_at is None


def test_a_finished_story_moves_the_tip(store: Store, begun: Run) -> None:
    store.finish_story(begun.id, "5.3", 1, "c" * 40, StoryStatus.DONE)
    done, now = store.story(begun.id, "5.3", 1), store.run(begun.id)
    assert done is not None
    assert now is not None
    assert (done.status, done.commit, now.tip) == (StoryStatus.DONE, "c" * 40, "c" * 40)
    assert done.finished_at is not None
    other = store.story(begun.id, "5.3", 2)
    assert other is not None
    assert other.status is StoryStatus.WAITING


def test_a_skipped_story_leaves_only_its_reason(store: Store, begun: Run) -> None:
    step(store, begun.id, ("0.1", 0), 0, outcome("x"))
    store.skip_story(begun.id, "0.1", 0, "ours is better")
    skipped = store.story(begun.id, "0.1")
    assert skipped is not None
    assert (skipped.status, skipped.message) == (StoryStatus.SKIPPED, "ours is better")
    assert store.steps(begun.id, "0.1") == store.files(begun.id) == store.edits(begun.id) == []
    assert [(item.subject, item.what, item.reason) for item in store.ledger(begun.id)] == [
        ("story 0.1", "skipped", "ours is better")
    ]
    assert [item.kind for item in store.events(begun.id)] == ["skipped"]


def test_a_rollback_takes_everything_of_its_units_and_says_what(store: Store, begun: Run) -> None:
    for unit in UNITS:
        step(store, begun.id, unit, 0, outcome(f"{unit[0]}-{unit[1]}"))
        store.finish_story(begun.id, *unit, "c" * 40, StoryStatus.DONE)
    store.approve(begun.id, Approval("5.3", "review", "Ann", "ann@example.org", "read it", datetime.now(UTC)))
    store.reset_stories(begun.id, [("5.3", 1), ("5.3", 2)], "f" * 40)
    now = store.run(begun.id)
    assert now is not None
    assert now.tip == "f" * 40
    assert [item.status for item in store.stories(begun.id)] == [
        StoryStatus.DONE,
        StoryStatus.WAITING,
        StoryStatus.WAITING,
    ]
    assert {
        item.story_id for item in [*store.files(begun.id), *store.ledger(begun.id), *store.edits(begun.id)]
    } == {"0.1"}
    assert {item.story_id for item in store.criteria(begun.id)} == {"0.1"}
    assert store.approvals(begun.id) == []
    assert [step.story_id for step in store.all_steps(begun.id)] == ["0.1"]
    said = [item.text for item in store.events(begun.id) if item.kind == "reset"]
    assert len(said) == 2
    assert "was done as cccccccccccc" in said[0]
    assert "review signed by Ann <ann@example.org>" in said[0]
    assert "read it" in said[0]


def test_a_rollback_that_fails_changes_nothing(store: Store, begun: Run) -> None:
    step(store, begun.id, ("0.1", 0), 0, outcome("x"))
    before = (
        store.run(begun.id),
        store.stories(begun.id),
        store.steps(begun.id, "0.1"),
        store.files(begun.id),
    )
    with pytest.raises(StateError, match=r"no story 7\.7"):
        store.reset_stories(begun.id, [("0.1", 0), ("7.7", 0)], "a" * 40)
    assert (
        store.run(begun.id),
        store.stories(begun.id),
        store.steps(begun.id, "0.1"),
        store.files(begun.id),
    ) == before
    assert store.events(begun.id) == []


def test_signatures_and_criteria_are_replaced_by_later_ones(store: Store, begun: Run) -> None:
    at = datetime(2026, 1, 4, 8, 0, tzinfo=UTC)
    for note in ("first", AWKWARD):
        store.approve(begun.id, Approval("0.1", "review", AWKWARD, "a@b", note, at))
    assert store.approvals(begun.id) == [Approval("0.1", "review", AWKWARD, "a@b", AWKWARD, at)]
    for status in (CriterionStatus.FAILED, CriterionStatus.SIGNED):
        store.record_criterion(begun.id, "0.1", CriterionResult("0.1.1", status, "Ann"))
    assert [(item.id, item.status) for item in store.criteria(begun.id)] == [("0.1.1", "signed")]


def test_one_outcome_may_name_a_criterion_twice(store: Store, begun: Run) -> None:
    twice = tuple(
        CriterionResult("1.1", status, "") for status in (CriterionStatus.OPEN, CriterionStatus.PASSED)
    )
    step(store, begun.id, ("0.1", 0), 0, Outcome(OutcomeStatus.DONE, "", criteria=twice))
    assert [item.status for item in store.criteria(begun.id)] == ["passed"]


def test_units_of_a_reloaded_plan_are_added(store: Store, begun: Run) -> None:
    store.finish_story(begun.id, "0.1", 0, "c" * 40, StoryStatus.DONE)
    store.add_units(begun.id, [("0.1", 0), ("9.9", 0)])
    assert [(item.story_id, item.status.value) for item in store.stories(begun.id)] == [
        ("0.1", "done"), ("5.3", "waiting"), ("5.3", "waiting"), ("9.9", "waiting"),
    ]  # fmt: skip


def test_projects_do_not_see_each_other(state_url: str) -> None:
    with open_store(state_url, "acme/fork") as ours, open_store(state_url, "other/fork") as theirs:
        ours.create_run(run(), UNITS)
        assert theirs.active_run() is None
        theirs.create_run(run(project="other/fork"), UNITS)
        step(ours, run().id, ("0.1", 0), 0, outcome("ours"))
        assert theirs.files(run().id) == theirs.criteria(run().id) == theirs.steps(run().id, "0.1") == []
        theirs.reset_stories(run().id, UNITS, "0" * 40)
        theirs.end_run(run().id, RunStatus.ABORTED, "0" * 40)
        assert len(ours.files(run().id)) == 2
        assert ours.active_run() == run()


def test_a_snapshot_is_of_one_moment(postgres_state: str) -> None:
    with open_store(postgres_state, "p") as writer, open_store(postgres_state, "p") as reader:
        writer.create_run(run(project="p"), UNITS)
        with reader.snapshot():
            assert reader.events(run().id) == []
            writer.event(run().id, "started", "x")
            assert reader.events(run().id) == []
        assert len(reader.events(run().id)) == 1


def test_a_snapshot_of_sqlite_holds_the_writer_back(
    sqlite_state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("merge_tool.store.sqlite.BUSY_SECONDS", 0.1)
    with open_store(sqlite_state, "p") as writer, open_store(sqlite_state, "p") as reader:
        writer.create_run(run(project="p"), UNITS)
        with reader.snapshot():
            assert reader.events(run().id) == []
            with pytest.raises(StateError, match="locked by another process"):
                writer.event(run().id, "started", "x")
        writer.event(run().id, "started", "x")
        assert len(reader.events(run().id)) == 1
