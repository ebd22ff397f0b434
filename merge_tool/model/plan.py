"""The plan: phases, stories, actions and acceptance criteria, as read from a `phases.yaml`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a plan or policy file; line and column count from 1. Prints as `file:line:column`."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Risk(StrEnum):
    """How risky a story is, as its author judged."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class CheckKind(StrEnum):
    """By what a criterion is proven."""

    VALIDATE = "validate"  # no finding of `rules` under `paths`
    TEST = "test"  # the pytest `nodes` pass in the fork
    SCHEMA = "schema"  # `table` has `columns` and `indexes`
    QUERY = "query"  # `sql` on the live database gives what `expect` says
    EXPLAIN = (
        "explain"  # PostgreSQL finds one tenant's rows of `tables`, or the rows of `queries`, by an index
    )
    KEYS = "keys"  # each key on the live Redis holds its tenant
    ALEMBIC = "alembic"  # one head; up, down and up with data; no drift
    COUNT = "count"  # the pytest `nodes` send at most so many statements to `table`
    GATE = "gate"  # a person signs


@dataclass(frozen=True, slots=True)
class Check:
    """The check that proves a criterion. `options` are those of the kind, validated by the loader."""

    kind: CheckKind
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One acceptance criterion in Given/When/Then form.

    `with_database` must hold besides `check` where a PostgreSQL is given; without one it is not asked.
    """

    id: str
    given: str
    when: str
    then: str
    check: Check
    at: Location
    with_database: Check | None = None


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action of a story: its kind and the instance that the loader made of its fields.

    `action` is an instance of the dataclass registered for `kind`; the model knows no more of it, so that plans
    can be read without importing what runs them.
    """

    kind: str
    action: Any
    at: Location


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a story's merges and picks treat files (a git-style pattern). `made_by` tells how generated files are made anew."""

    pattern: str
    take: Literal["theirs", "ours", "never", "generated"]
    made_by: str = ""


@dataclass(frozen=True, slots=True)
class Batches:
    """A story done in `count` parts, each ending in a commit of its own.

    The files of the story's `patterns` that no other story names are split evenly, in path order. `checkpoints`
    names, part by part, the story that must be done before the next part may start.
    """

    count: int
    patterns: tuple[str, ...]
    checkpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """One story. `depends_on` names stories, or one part of a batched story as `5.3#1`."""

    id: str
    phase: int
    title: str
    task: str
    files: tuple[str, ...]
    actions: tuple[ActionSpec, ...]
    depends_on: tuple[str, ...]
    estimate_hours: float
    criteria: tuple[Criterion, ...]
    notes: str
    risk: Risk
    batches: Batches | None
    at: Location
    strategies: tuple[Strategy, ...] = ()


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase: a number from 0, a title, the stories in the plan's order."""

    number: int
    title: str
    days: str
    stories: tuple[Story, ...]
    at: Location


@dataclass(frozen=True, slots=True)
class ExcludedCommit:
    """A commit of upstream that must never come in."""

    commit: str
    reason: str
    at: Location


@dataclass(frozen=True, slots=True)
class ExcludedPath:
    """Files (a git-style pattern) that no merge, copy or pick may bring in or change. `keep` marks the fork's own."""

    pattern: str
    reason: str
    at: Location


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where upstream is: a remote and a branch, and optionally the commit to stop at."""

    remote: str = "upstream"
    branch: str = "main"
    commit: str = ""


@dataclass(frozen=True, slots=True)
class GitWorkflow:
    """Names of branches and the form of commit messages. `{date}` is the run's first day as YYYYMMDD."""

    merge_branch: str = "merge/upstream-main-{date}"
    backup_branch: str = "backup-before-upstream-merge-{date}"
    commit_subject: str = "[Story-{id}] {title}"
    pull_request: str = "phase"  # one pull request a "phase" or a "story"


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan. `stated_total_hours` is the sum that its source gives, to compare with the sum of the stories."""

    title: str
    source: str
    policy: str
    upstream: Upstream
    git: GitWorkflow
    phases: tuple[Phase, ...]
    excluded_commits: tuple[ExcludedCommit, ...] = ()
    excluded_paths: tuple[ExcludedPath, ...] = ()
    stated_total_hours: float | None = None

    def stories(self) -> Iterator[Story]:
        """Every story, in the plan's order."""
        for phase in self.phases:
            yield from phase.stories

    def story(self, story_id: str) -> Story | None:
        """The story of that id, or None."""
        return next((story for story in self.stories() if story.id == story_id), None)
