"""The tables. Times are ISO 8601 text in UTC, so that rows read the same through every driver.

A change here needs a revision under migrations/versions and its number in `schema.REVISIONS`; a test compares them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Dialect,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from merge_tool.store.codec import to_text
from merge_tool.store.schema import PREFIX


class SafeText(TypeDecorator[str]):
    """Text in which no character is left that a database refuses. `Reader` undoes it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """The value as it is stored."""
        return None if value is None else to_text(value)


class Base(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: SafeText}  # noqa: RUF012 SQLAlchemy reads it from the class

    # The order in which rows were made; keys of meaning are unique constraints.
    seq: Mapped[int] = mapped_column(primary_key=True, sort_order=-9)
    project: Mapped[str] = mapped_column(sort_order=-8)


class RunRow(Base):
    """One run. Deleting it deletes all that belongs to it."""

    __tablename__ = f"{PREFIX}run"
    __table_args__ = (
        UniqueConstraint("project", "id"),
        # At most one active run a project, whatever two processes do at once.
        Index(
            f"ix_{PREFIX}run_active",
            "project",
            unique=True,
            sqlite_where=text("status = 'active'"),
            postgresql_where=text("status = 'active'"),
        ),
    )

    id: Mapped[str]
    status: Mapped[str]
    started_at: Mapped[str]
    finished_at: Mapped[str | None]
    date: Mapped[str]
    plan_source: Mapped[str]
    plan_digest: Mapped[str]
    plan_json: Mapped[str]
    policy_name: Mapped[str]
    fork_ref: Mapped[str]
    fork_commit: Mapped[str]
    upstream_ref: Mapped[str]
    upstream_commit: Mapped[str]
    merge_base: Mapped[str]
    merge_branch: Mapped[str]
    tip: Mapped[str]
    worktree: Mapped[str]
    target: Mapped[str]


def _of_run(*keys: str) -> tuple[Any, ...]:
    """A row belongs to its run, and is unique in it by `keys` where such are given."""
    owner = ForeignKeyConstraint(
        ["project", "run_id"], [f"{PREFIX}run.project", f"{PREFIX}run.id"], ondelete="CASCADE"
    )
    return (owner, UniqueConstraint("project", "run_id", *keys)) if keys else (owner,)


def _of_unit(*keys: str) -> tuple[Any, ...]:
    """A row belongs to its unit of a run."""
    names = ("project", "run_id", "story_id", "batch")
    owner = ForeignKeyConstraint(names, [f"{PREFIX}story.{name}" for name in names], ondelete="CASCADE")
    return (owner, UniqueConstraint(*names, *keys)) if keys else (owner, Index(None, *names))


class OfRun:
    """Columns of what belongs to a run."""

    run_id: Mapped[str] = mapped_column(sort_order=-7)


class OfUnit(OfRun):
    """Columns of what belongs to a story or one part of it."""

    story_id: Mapped[str] = mapped_column(sort_order=-6)
    batch: Mapped[int] = mapped_column(sort_order=-5)


class StoryRow(OfUnit, Base):
    """One unit of a run."""

    __tablename__ = f"{PREFIX}story"
    __table_args__ = _of_run("story_id", "batch")

    status: Mapped[str]
    base_commit: Mapped[str]
    commit: Mapped[str]
    started_at: Mapped[str | None]
    finished_at: Mapped[str | None]
    message: Mapped[str]


class StepRow(OfUnit, Base):
    """One step of a unit."""

    __tablename__ = f"{PREFIX}step"
    __table_args__ = _of_unit("index")

    index: Mapped[int]
    kind: Mapped[str]
    status: Mapped[str]
    tree_before: Mapped[str]
    tree_after: Mapped[str]
    summary: Mapped[str]
    outcome_json: Mapped[str | None]
    started_at: Mapped[str]
    finished_at: Mapped[str | None]
    attempts: Mapped[int]


class OfStep(OfUnit):
    """Columns of what a step left; the step -1 stands for a person."""

    step: Mapped[int] = mapped_column(sort_order=-4)


class FileRow(OfStep, Base):
    """What a step or a person did to a file."""

    __tablename__ = f"{PREFIX}file"
    __table_args__ = _of_unit()

    path: Mapped[str]
    verdict: Mapped[str]
    by: Mapped[str]
    reason: Mapped[str]


class LedgerRow(OfStep, Base):
    """What was not taken, or not as it was."""

    __tablename__ = f"{PREFIX}ledger"
    __table_args__ = _of_unit()

    subject: Mapped[str]
    what: Mapped[str]
    reason: Mapped[str]
    at: Mapped[str]


class EditRow(OfStep, Base):
    """A change that a codemod made."""

    __tablename__ = f"{PREFIX}edit"
    __table_args__ = _of_unit()

    path: Mapped[str]
    line: Mapped[int]
    codemod: Mapped[str]
    description: Mapped[str]


class NotDoneRow(OfStep, Base):
    """A site that a codemod left to a person."""

    __tablename__ = f"{PREFIX}not_done"
    __table_args__ = _of_unit()

    path: Mapped[str]
    line: Mapped[int]
    codemod: Mapped[str]
    reason: Mapped[str]


class CriterionRow(OfRun, Base):
    """Where an acceptance criterion stands."""

    __tablename__ = f"{PREFIX}criterion"
    __table_args__ = _of_run("id")

    id: Mapped[str]
    story_id: Mapped[str]
    status: Mapped[str]
    evidence: Mapped[str]
    at: Mapped[str]


class ApprovalRow(OfRun, Base):
    """A signature."""

    __tablename__ = f"{PREFIX}approval"
    __table_args__ = _of_run("story_id", "gate")

    story_id: Mapped[str]
    gate: Mapped[str]
    name: Mapped[str]
    email: Mapped[str]
    note: Mapped[str]
    at: Mapped[str]


class EventRow(OfRun, Base):
    """One line of the journal."""

    __tablename__ = f"{PREFIX}event"
    __table_args__ = (*_of_run(), Index(None, "project", "run_id"))

    at: Mapped[str]
    kind: Mapped[str]
    text: Mapped[str]


class HolderRow(Base):
    """Who holds the lock of a project in a shared store; `backend` is the server process of the connection that holds it."""

    __tablename__ = f"{PREFIX}holder"
    __table_args__ = (UniqueConstraint("project"),)

    who: Mapped[str]
    pid: Mapped[int]
    command: Mapped[str]
    since: Mapped[str]
    backend: Mapped[int]
