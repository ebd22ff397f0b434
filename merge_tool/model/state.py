"""What the tool remembers of its runs: the rows of the store, as the rest of the tool sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from merge_tool.model.outcome import Outcome


class StoryStatus(StrEnum):
    """Where a story, or one part of a batched story, stands."""

    WAITING = "waiting"  # for other stories
    READY = "ready"  # derived from the plan's order by readers; the store itself keeps `waiting`
    RUNNING = "running"
    STOPPED = "stopped"  # a person is needed
    GATE = "gate"  # a signature is needed
    DONE = "done"
    SKIPPED = "skipped"


class RunStatus(StrEnum):
    """Where a run stands. A project has at most one active run."""

    ACTIVE = "active"
    FINISHED = "finished"
    ABORTED = "aborted"


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a plan. Times are aware and in UTC; commits are full ids, empty where not known yet.

    Attributes:
        project: what keys the rows of this repository in a store that several share.
        date: the run's first day as `YYYYMMDD`; branch names hold it.
        plan_digest: hash of the plan file's bytes, to notice that it changed.
        plan_json: the whole plan as it was, so that a report needs no plan file.
        tip: the commit at which the tool last left the run's branch.
        target: what was last asked for, such as `phase 2` or `story 2.1`.
    """

    id: str
    project: str
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None
    date: str
    plan_source: str
    plan_digest: str
    plan_json: str
    policy_name: str
    fork_ref: str
    fork_commit: str
    upstream_ref: str
    upstream_commit: str
    merge_base: str
    merge_branch: str
    tip: str
    worktree: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class StoryState:
    """One unit of a run. `batch` is 0 for a whole story, else the part's number from 1.

    `base_commit` is what it started from; `started_at` is when it was first begun, `finished_at` when it was done or skipped.
    """

    story_id: str
    batch: int
    status: StoryStatus
    base_commit: str = ""
    commit: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class StepState:
    """One step of a unit. `status` is `running` or a value of `OutcomeStatus`; `outcome` is None until it has ended.

    `attempts` counts how often it was begun: more than one after a kill or a stop.
    """

    story_id: str
    batch: int
    index: int
    kind: str
    status: str
    tree_before: str
    tree_after: str = ""
    summary: str = ""
    outcome: Outcome | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What one step, or a person, did to one file. The records of a path stand in the order in which they were made."""

    story_id: str
    batch: int
    path: str
    verdict: str
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CriterionRecord:
    """Where an acceptance criterion stands, and what shows it."""

    id: str
    story_id: str
    status: str
    evidence: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """A signature. `gate` is the name of a gate action or the id of a criterion."""

    story_id: str
    gate: str
    name: str
    email: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """Something of upstream that was not taken, or not as it was, and why."""

    story_id: str
    subject: str
    what: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EditRecord:
    """One change that a codemod made. `line` counts from 1, in the text before the change."""

    story_id: str
    batch: int
    path: str
    line: int
    codemod: str
    description: str


@dataclass(frozen=True, slots=True)
class NotDoneRecord:
    """One site that a codemod left to a person. `line` counts from 1."""

    story_id: str
    batch: int
    path: str
    line: int
    codemod: str
    reason: str


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the journal, which is only ever added to."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock: `who` is `user@host`."""

    who: str
    pid: int
    command: str
    since: datetime = field(default_factory=now)

    def __str__(self) -> str:
        """Such as `ann@build1, process 4711, merge-tool phase 2, since 2026-01-03 12:00:00 UTC`."""
        return f"{self.who}, process {self.pid}, {self.command}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"
