"""A run whose every name and text is hostile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from merge_tool.model.outcome import (
    Conflict,
    CriterionResult,
    CriterionStatus,
    FileVerdict,
    LedgerEntry,
    Outcome,
    OutcomeStatus,
    Verdict,
)
from merge_tool.model.source import Edit, NotDone
from merge_tool.model.state import Approval, Run, StoryStatus
from merge_tool.store.open import open_store
from merge_tool.store.store import Store
from tests.store.samples import run

# Markup of HTML, Markdown and rich, a terminal escape, a newline, a direction override, a byte that is not UTF-8, a mention.
EVIL = "a|b`\"'<script>alert(1)</script><img src=x onerror=y>[bold]\x1b[31m\n# x\r\x07‮\udcff@bob &lt; {{ 7*7 }} {% x %} https://e.example سلام"
PLAN = {
    "title": f"Bring it {EVIL}",
    "phases": [
        {
            "number": 0,
            "title": f"Prepare {EVIL}",
            "stories": [
                {
                    "id": "0.1", "title": f"First {EVIL}", "task": EVIL, "estimate_hours": 1.5, "risk": "low", "depends_on": [],
                    "criteria": [
                        {"id": "0.1.1", "given": EVIL, "when": EVIL, "then": EVIL, "check": {"kind": "test"}},
                        {"id": "0.1.2", "given": "", "when": "", "then": "signed", "check": {"kind": "gate"}},
                    ],
                }
            ],
        },
        {
            "number": 1,
            "title": "Do",
            "stories": [
                {
                    "id": "1.1", "title": "Second", "estimate_hours": 2, "depends_on": ["0.1"],
                    "criteria": [{"id": "1.1.1", "given": "g", "when": "w", "then": "t"}],
                },
                {
                    "id": "1.2", "title": "Third", "depends_on": ["0.1"], "estimate_hours": 3,
                    "batches": {"count": 2, "patterns": ["*"], "checkpoints": ["1.3"]},
                },
                {
                    "id": "1.3", "title": "Review", "depends_on": ["1.2#1"], "estimate_hours": 0.5,
                    "actions": [{"kind": "gate", "action": {"name": f"review {EVIL}"}}],
                },
            ],
        },
    ],
    "excluded_commits": [{"commit": "9bd1944b", "reason": f"Platega {EVIL}"}],
    "excluded_paths": [{"pattern": "app/platega/**", "reason": "left out"}],
}  # fmt: skip
UNITS = [("0.1", 0), ("1.1", 0), ("1.2", 1), ("1.3", 0), ("1.2", 2)]
RUN = replace(
    run(project="local"),
    plan_json=json.dumps(PLAN),
    upstream_commit="e" * 40,
    merge_base="b" * 40,
    fork_ref=EVIL,
    merge_branch=EVIL,
)


def step(store: Store, unit: tuple[str, int], index: int, kind: str, result: Outcome) -> None:
    """Records a step that ran."""
    store.begin_step(RUN.id, *unit, index, kind=kind, tree_before="t")
    store.finish_step(RUN.id, *unit, index, status=result.status.value, tree_after="t", outcome=result)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in which a run has just begun."""
    with open_store(f"sqlite:///{tmp_path}/state.db", "local") as opened:
        opened.create_run(RUN, UNITS)
        yield opened


@pytest.fixture
def hostile(store: Store) -> Run:
    """The run at a stop: 0.1 done, 1.1 in conflict, the rest before it."""
    fill(store, 2)
    return RUN


def fill(store: Store, files: int) -> None:
    """Records story 0.1 with that many files, and the stop of 1.1."""
    first = ("0.1", 0)
    store.set_story(RUN.id, *first, status=StoryStatus.RUNNING, base_commit="f" * 40)
    step(
        store, first, 0, "copy",
        Outcome(
            OutcomeStatus.DONE, f"copied {EVIL}",
            files=tuple(FileVerdict(f"app/{number}{EVIL}.py", Verdict.COPIED, "copy", f"new {EVIL}") for number in range(files)),
            ledger=(LedgerEntry(f"deadbeef{EVIL}", "excluded", EVIL),),
            criteria=(CriterionResult("0.1.1", CriterionStatus.FAILED, EVIL),),
        ),
    )  # fmt: skip
    step(
        store, first, 1, "codemod",
        Outcome(
            OutcomeStatus.DONE, "rewritten",
            files=(FileVerdict(f"app/0{EVIL}.py", Verdict.REWRITTEN, "route-dependency", ""), FileVerdict("same.py", Verdict.UNCHANGED)),
            edits=(Edit(f"app/0{EVIL}.py", 3, "route-dependency", EVIL),),
            not_done=(NotDone(f"app/0{EVIL}.py", 9, "jwt-claim", EVIL),),
        ),
    )  # fmt: skip
    step(
        store,
        first,
        2,
        "validate",
        Outcome(OutcomeStatus.DONE, f"3 findings {EVIL}", details=(EVIL, "second")),
    )
    store.finish_story(RUN.id, *first, "c" * 40, StoryStatus.DONE)
    store.approve(
        RUN.id, Approval("0.1", f"look {EVIL}", EVIL, EVIL, EVIL, datetime(2026, 1, 5, 9, 0, tzinfo=UTC))
    )
    second = ("1.1", 0)
    store.set_story(RUN.id, *second, status=StoryStatus.RUNNING, base_commit="c" * 40)
    step(
        store, second, 0, "merge",
        Outcome(
            OutcomeStatus.STOPPED, "2 conflicts",
            files=(FileVerdict(f"both{EVIL}.py", Verdict.CONFLICTED, "git", "both changed it"),),
            conflicts=(Conflict(f"both{EVIL}.py", "content"), Conflict("gone.py", "modify/delete")),
        ),
    )  # fmt: skip
    store.set_story(RUN.id, *second, status=StoryStatus.STOPPED, message=f"2 conflicts {EVIL}")
    store.event(RUN.id, "started", EVIL)
