"""Runs and outcomes to store."""

from __future__ import annotations

from datetime import UTC, datetime

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
from merge_tool.model.state import Run, RunStatus

# Everything that a file's name, a message or a note of a person may hold.
AWKWARD = "app/\x00\x1a\x1b[31m\udcff\ud800 ‮سلام\n'\"%;:run_id\\`|<b>🦊\x1a0000"
UNITS = [("0.1", 0), ("5.3", 1), ("5.3", 2)]
START = datetime(2026, 1, 3, 12, 0, 0, 123456, tzinfo=UTC)


def run(
    run_id: str = "20260103-c0ffee1", project: str = "acme/fork", status: RunStatus = RunStatus.ACTIVE
) -> Run:
    """A run that has just begun."""
    return Run(
        id=run_id, project=project, status=status, started_at=START, finished_at=None, date="20260103",
        plan_source="phases.yaml", plan_digest="d1", plan_json='{"phases": []}', policy_name="generic", fork_ref="main",
        fork_commit="f" * 40, upstream_ref="upstream/main", upstream_commit="", merge_base="",
        merge_branch="merge/upstream-main-20260103", tip="f" * 40,
    )  # fmt: skip


def outcome(mark: str = "", files: int = 2) -> Outcome:
    """An outcome that has some of everything."""
    return Outcome(
        OutcomeStatus.DONE,
        f"copied {mark}",
        files=tuple(
            FileVerdict(f"app/{number}{mark}.py", Verdict.COPIED, "copy", "new here")
            for number in range(files)
        ),
        edits=(Edit(f"app/{mark}.py", 3, "route-dependency", "parameter bot_id added"),),
        not_done=(NotDone(f"app/{mark}.py", 9, "jwt-claim", "the token is made elsewhere"),),
        criteria=(CriterionResult(f"c{mark}", CriterionStatus.PASSED, "2 tests"),),
        ledger=(LedgerEntry(f"9bd1944b{mark}", "excluded", "Platega"),),
        commit_notes=("(cherry picked from commit 2156f630)",),
        conflicts=(Conflict("a.py", "content", "b1", "o1", "t1", "100755"),),
        details=("one paragraph",),
    )
