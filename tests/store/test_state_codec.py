"""Values survive the way into the database and back."""

from __future__ import annotations

import random
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import pytest

from merge_tool.errors import StateError
from merge_tool.model.outcome import (
    Conflict,
    CriterionResult,
    CriterionStatus,
    FileCoverage,
    FileVerdict,
    LedgerEntry,
    MergedHunk,
    Outcome,
    OutcomeStatus,
    Verdict,
)
from merge_tool.model.source import Edit, NotDone
from merge_tool.store.codec import from_text, from_time, outcome_from_json, outcome_to_json, to_text, to_time

PIECES = [
    "",
    "a",
    "\x00",
    "\x1a",
    "\x1a0000",
    "\x1ad800",
    "\udcff",
    "\ud83d\ude00",
    "🦊",
    "سلام",
    "‮",
    "\n\r\t",
    '"\\',
    "{}[]",
    "null",
]


def text(rng: random.Random) -> str:
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(6)))


def random_outcome(rng: random.Random) -> Outcome:
    def some(make):  # type: ignore[no-untyped-def]
        return tuple(make() for _ in range(rng.choice([0, 0, 1, 3])))

    return Outcome(
        rng.choice(list(OutcomeStatus)), text(rng),
        files=some(lambda: FileVerdict(text(rng), rng.choice(list(Verdict)), text(rng), text(rng))),
        edits=some(lambda: Edit(text(rng), rng.randrange(9999), text(rng), text(rng))),
        not_done=some(lambda: NotDone(text(rng), rng.randrange(9999), text(rng), text(rng))),
        criteria=some(lambda: CriterionResult(text(rng), rng.choice(list(CriterionStatus)), text(rng))),
        ledger=some(lambda: LedgerEntry(text(rng), text(rng), text(rng))),
        commit_notes=some(lambda: text(rng)),
        conflicts=some(lambda: Conflict(text(rng), text(rng), text(rng), text(rng), text(rng), rng.choice(["100644", "120000"]))),
        details=some(lambda: text(rng)),
        hunks=some(lambda: MergedHunk(text(rng), rng.randrange(9999), text(rng), text(rng), text(rng))),
        coverage=some(lambda: FileCoverage(text(rng), rng.randrange(9999), text(rng))),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_outcomes_come_back_equal(seed: int) -> None:
    given = random_outcome(random.Random(seed))
    stored = outcome_to_json(given)
    assert stored.isascii()
    assert "\n" not in stored
    back = outcome_from_json(stored)
    assert back == given
    assert type(back.status) is OutcomeStatus
    assert all(type(item.verdict) is Verdict for item in back.files)


def test_the_random_outcomes_reach_every_field() -> None:
    made = [random_outcome(random.Random(seed)) for seed in range(200)]
    for field in fields(Outcome):
        assert any(getattr(item, field.name) for item in made), f"no sample has {field.name}"


def test_what_a_newer_version_added_is_passed_over() -> None:
    assert outcome_from_json('{"status": "done", "summary": "s", "colour": {"a": 1}}') == Outcome(
        OutcomeStatus.DONE, "s"
    )


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        "[]",
        "null",
        '{"status": "lost", "summary": ""}',
        '{"summary": ""}',
        '{"status": "done", "summary": 3}',
    ],
)
def test_a_damaged_outcome_is_told(damaged: str) -> None:
    with pytest.raises(StateError, match="outcome cannot be read"):
        outcome_from_json(damaged)


@pytest.mark.parametrize("seed", range(100))
def test_text_comes_back_and_any_database_takes_it(seed: int) -> None:
    given = text(random.Random(seed))
    stored = to_text(given)
    assert "\x00" not in stored
    stored.encode("utf-8")
    assert from_text(stored) == given


def test_times_come_back_in_utc_and_sort_as_text() -> None:
    tehran = timezone(timedelta(hours=3, minutes=30))
    moments = [
        datetime(2026, 1, 3, 12, 0, tzinfo=tehran),
        datetime(2026, 1, 3, 9, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 1, 3, 10, tzinfo=UTC),
    ]
    stored = [to_time(moment) for moment in moments]
    assert [from_time(item) for item in stored] == moments
    assert all(from_time(item).utcoffset() == timedelta(0) for item in stored)
    assert stored == sorted(stored)
