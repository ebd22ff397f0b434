"""Reading a store. On SQLite nothing but the standard library is imported, so that `status` answers at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from merge_tool.model.state import (
    Approval,
    CriterionRecord,
    EditRecord,
    Event,
    FileRecord,
    LedgerRecord,
    NotDoneRecord,
    Run,
    RunStatus,
    StepState,
    StoryState,
    StoryStatus,
)
from merge_tool.store.codec import from_text, from_time, outcome_from_json, to_text
from merge_tool.store.schema import PREFIX, VERSION_TABLE
from merge_tool.store.sqlite import connect
from merge_tool.store.trouble import told, told_sqlite
from merge_tool.store.url import StateUrl

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_T = TypeVar("_T")
_READ: dict[str, Callable[[Any], Any]] = {
    "started_at": from_time,
    "finished_at": from_time,
    "at": from_time,
    "outcome_json": outcome_from_json,
}
_STATUS: dict[type, Callable[[str], Any]] = {Run: RunStatus, StoryState: StoryStatus}
_TABLES: dict[type, str] = {
    Run: "run",
    StoryState: "story",
    StepState: "step",
    FileRecord: "file",
    CriterionRecord: "criterion",
    Approval: "approval",
    LedgerRecord: "ledger",
    EditRecord: "edit",
    NotDoneRecord: "not_done",
    Event: "event",
}


class Source(Protocol):
    """Where rows are read from. Values are named `:name` in the SQL, which SQLite and SQLAlchemy both understand."""

    def rows(self, sql: str, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """The rows of a SELECT."""
        ...

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read inside is of one moment."""
        ...

    def close(self) -> None:
        """Gives the connection back."""
        ...


class Nothing:
    """A store that is not there: it has no rows."""

    def rows(self, sql: str, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """None."""
        return ()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Nothing changes in it."""
        yield

    def close(self) -> None:
        """Nothing is open."""


class SqliteSource:
    """Rows of a SQLite file."""

    def __init__(self, url: StateUrl) -> None:
        self._url = url
        self._connection: sqlite3.Connection | None = None

    def rows(self, sql: str, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """The rows of a SELECT."""
        with told_sqlite(self._url):
            return self._open().execute(sql, values).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read inside is of one moment; a writer waits for its end."""
        with told_sqlite(self._url):
            self._open().execute("BEGIN")
        try:
            yield
        finally:
            with told_sqlite(self._url):
                self._open().execute("COMMIT")

    def close(self) -> None:
        """Closes the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            assert self._url.path is not None
            self._connection = connect(self._url.path)
        return self._connection


class EngineSource:
    """Rows through SQLAlchemy."""

    def __init__(self, url: StateUrl, engine: Engine) -> None:
        self._url = url
        self._engine = engine
        self._held: Connection | None = None

    def rows(self, sql: str, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """The rows of a SELECT."""
        from sqlalchemy import text

        with told(self._url):
            if self._held is not None:
                return self._held.execute(text(sql), dict(values)).fetchall()
            with self._engine.connect() as connection:
                return connection.execute(text(sql), dict(values)).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read inside is of one moment."""
        with told(self._url):
            connection = self._engine.connect().execution_options(isolation_level="REPEATABLE READ")
        try:
            self._held = connection
            yield
        finally:
            self._held = None
            connection.close()

    def close(self) -> None:
        """The engine is closed by whoever made it."""


def version_in(path_source: SqliteSource) -> str:
    """The revision of a SQLite store; empty where it has no tables yet."""
    there = path_source.rows(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name", {"name": VERSION_TABLE}
    )
    if not there:
        return ""
    found = path_source.rows(f"SELECT version_num FROM {VERSION_TABLE}", {})  # noqa: S608 a constant of ours
    return str(found[0][0]) if found else ""


class Reader:
    """What a store knows of one project.

    Args:
        url: where it is.
        project: what keys its rows.
        source: what gives the rows.
    """

    def __init__(self, url: StateUrl, project: str, source: Source) -> None:
        self.url = url
        self.project = project
        self._source = source

    def snapshot(self) -> Any:
        """A context in which all that is read is of one moment; nothing may be written in it."""
        return self._source.snapshot()

    # Runs

    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        return self._select(Run)

    def run(self, run_id: str) -> Run | None:
        """The run of that id, or None."""
        return next(iter(self._select(Run, id=run_id)), None)

    def active_run(self) -> Run | None:
        """The run that goes on, or None."""
        return next(iter(self._select(Run, status=RunStatus.ACTIVE.value)), None)

    def last_run(self) -> Run | None:
        """The active run, else the one that was begun last, or None."""
        return self.active_run() or next(reversed(self.runs()), None)

    # What belongs to a run; each in the order in which it was made

    def stories(self, run_id: str) -> list[StoryState]:
        """Every unit, in the order in which they were given to `create_run`."""
        return self._select(StoryState, run_id=run_id)

    def story(self, run_id: str, story_id: str, batch: int = 0) -> StoryState | None:
        """One unit, or None."""
        return next(iter(self._select(StoryState, run_id=run_id, story_id=story_id, batch=batch)), None)

    def steps(self, run_id: str, story_id: str, batch: int = 0) -> list[StepState]:
        """The steps of a unit, by their index."""
        found = self._select(StepState, run_id=run_id, story_id=story_id, batch=batch)
        return sorted(found, key=lambda step: step.index)

    def all_steps(self, run_id: str) -> list[StepState]:
        """The steps of every unit, by unit and index."""
        found = self._select(StepState, run_id=run_id)
        return sorted(found, key=lambda step: (step.story_id, step.batch, step.index))

    def files(self, run_id: str) -> list[FileRecord]:
        """What was done to files."""
        return self._select(FileRecord, run_id=run_id)

    def criteria(self, run_id: str) -> list[CriterionRecord]:
        """The criteria of which something is known; one that is not in it is open."""
        return self._select(CriterionRecord, run_id=run_id)

    def approvals(self, run_id: str) -> list[Approval]:
        """The signatures."""
        return self._select(Approval, run_id=run_id)

    def ledger(self, run_id: str) -> list[LedgerRecord]:
        """What was not taken, or not as it was."""
        return self._select(LedgerRecord, run_id=run_id)

    def edits(self, run_id: str) -> list[EditRecord]:
        """The changes that codemods made."""
        return self._select(EditRecord, run_id=run_id)

    def not_done(self, run_id: str) -> list[NotDoneRecord]:
        """The sites that codemods left to a person."""
        return self._select(NotDoneRecord, run_id=run_id)

    def events(self, run_id: str) -> list[Event]:
        """The journal."""
        return self._select(Event, run_id=run_id)

    def _select(self, kind: type[_T], **where: str | int) -> list[_T]:
        """Rows of this project as `kind`, whose fields are the columns."""
        names = ["outcome_json" if item.name == "outcome" else item.name for item in fields(kind)]  # type: ignore[arg-type]
        columns = ", ".join(f'"{name}"' for name in names)
        wanted = " AND ".join(f'"{name}" = :{name}' for name in ("project", *where))
        # Every name in it is a field of ours; values are bound.
        sql = f'SELECT {columns} FROM "{PREFIX}{_TABLES[kind]}" WHERE {wanted} ORDER BY "seq"'  # noqa: S608
        values = {
            name: to_text(value) if isinstance(value, str) else value
            for name, value in {"project": self.project, **where}.items()
        }
        status = _STATUS.get(kind, str)
        return [
            kind(*(_value(name, item, status) for name, item in zip(names, row, strict=True)))
            for row in self._source.rows(sql, values)
        ]


def _value(name: str, value: Any, status: Callable[[str], Any]) -> Any:
    if value is None or isinstance(value, int):
        return value
    if name == "status":
        return status(value)
    read = _READ.get(name)
    return read(value) if read else from_text(value)
