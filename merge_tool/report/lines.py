"""What a report holds, line by line. Renderers read only this; `data.build_report` makes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from merge_tool.model.outcome import Conflict, FileCoverage, MergedHunk
from merge_tool.model.state import Approval, EditRecord, Event, FileRecord, LedgerRecord, NotDoneRecord, Run
from merge_tool.report.review_lines import Review


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step. `seconds` is how long its last attempt took, None while it has not ended."""

    kind: str
    status: str
    summary: str
    details: tuple[str, ...]
    attempts: int
    seconds: float | None
    conflicts: tuple[Conflict, ...] = ()
    tree_after: str = ""
    hunks: tuple[MergedHunk, ...] = ()
    coverage: tuple[FileCoverage, ...] = ()


@dataclass(frozen=True, slots=True)
class PartLine:
    """One unit: a whole story (`batch` 0) or one part of it."""

    batch: int
    status: str
    commit: str
    message: str
    started_at: datetime | None
    finished_at: datetime | None
    steps: tuple[StepLine, ...]
    base_commit: str = ""

    @property
    def seconds(self) -> float | None:
        """From its begin to its end by the clock, stops included; None while it has not ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One story, over all its parts. `commit` is that of the last part that has one."""

    id: str
    phase: int
    title: str
    task: str
    risk: str
    depends_on: tuple[str, ...]
    estimate_hours: float
    status: str
    commit: str
    message: str
    parts: tuple[PartLine, ...]

    @property
    def elapsed_seconds(self) -> float | None:
        """The sum over its parts that have ended; None while none has."""
        known = [part.seconds for part in self.parts if part.seconds is not None]
        return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class PhaseLine:
    """One phase, and how many of its stories are done or skipped."""

    number: int
    title: str
    finished: int
    total: int
    estimate_hours: float


@dataclass(frozen=True, slots=True)
class FileLine:
    """One path. `verdict` says how its content came in last (`data.fold_files`); `history` is everything that was done to it."""

    path: str
    verdict: str
    by: str
    reason: str
    story_id: str
    batch: int
    history: tuple[FileRecord, ...]


@dataclass(frozen=True, slots=True)
class ConflictLine:
    """One file in which both sides met: how it stands (`open`, `resolved` by a person, or `merged`) and how it came so."""

    path: str
    story_id: str
    batch: int
    kind: str
    status: str
    how: str
    hunks: tuple[MergedHunk, ...] = ()
    cause: str = ""  # what it is about and what each side did, in a line


@dataclass(frozen=True, slots=True)
class CriterionLine:
    """One acceptance criterion of the plan and where it stands; `open` where nothing has shown it."""

    id: str
    story_id: str
    phase: int
    given: str
    when: str
    then: str
    check: str
    status: str
    evidence: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One validate, test, quality or schema step of a unit."""

    story_id: str
    batch: int
    step: StepLine


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for a person: what, in which unit, and what to type next; `path` and `line` where it has a place."""

    kind: str  # conflict, stopped, gate, running, criterion, left
    story_id: str
    batch: int
    text: str
    command: str
    path: str = ""
    line: int = 0

    @property
    def rest(self) -> str:
        """The text without the place that it begins with, for where that is shown as a link."""
        place = f"{self.path}:{self.line}: " if self.line else f"{self.path}: "
        return self.text.removeprefix(place) if self.path else self.text


@dataclass(frozen=True, slots=True)
class ReportData:
    """A report of a run, or of one phase of it.

    Attributes:
        headline: the whole in one sentence.
        level: `ok`, `attention` (a person is needed) or `open` (work is left to the tool).
        phase: the phase that it is cut down to; None for all.
        at: the last moment that anything in it was recorded.
        review: what only the repository can tell (`review.review_of`); None where it was not looked at.
    """

    run: Run
    title: str
    headline: str
    level: str
    phase: int | None
    at: datetime
    phases: tuple[PhaseLine, ...]
    stories: tuple[StoryLine, ...]
    files: tuple[FileLine, ...]
    criteria: tuple[CriterionLine, ...]
    ledger: tuple[LedgerRecord, ...]
    edits: tuple[EditRecord, ...]
    not_done: tuple[NotDoneRecord, ...]
    checks: tuple[CheckLine, ...]
    approvals: tuple[Approval, ...]
    needs: tuple[Need, ...]
    events: tuple[Event, ...]
    conflicts: tuple[ConflictLine, ...] = ()
    review: Review | None = None

    @property
    def coverage(self) -> tuple[FileCoverage, ...]:
        """What the tests ran of each changed file, by the last measurement of it."""
        found = {item.path: item for check in self.checks for item in check.step.coverage}
        return tuple(item for _, item in sorted(found.items()))

    @property
    def file_counts(self) -> dict[str, int]:
        """How many files have each verdict, the most frequent first."""
        return _counts([item.verdict for item in self.files])

    @property
    def story_counts(self) -> dict[str, int]:
        """How many stories have each status."""
        return _counts([item.status for item in self.stories])

    @property
    def criterion_counts(self) -> dict[str, int]:
        """How many criteria have each status."""
        return _counts([item.status for item in self.criteria])


def _counts(values: list[str]) -> dict[str, int]:
    found = {value: values.count(value) for value in dict.fromkeys(values)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
