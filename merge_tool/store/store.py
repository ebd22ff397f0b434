"""The store: what the engine records, each method in one transaction. A kill at any moment leaves all of it or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from merge_tool.errors import StateError
from merge_tool.model.outcome import CriterionResult, FileVerdict, LedgerEntry, Outcome
from merge_tool.model.state import Approval, Holder, Run, RunStatus, StoryStatus
from merge_tool.store.codec import outcome_to_json, to_time
from merge_tool.store.reader import Nothing, Reader, Source
from merge_tool.store.trouble import told
from merge_tool.store.url import StateUrl

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from merge_tool.store.writing import Writing

Units = Iterable[tuple[str, int]]
_CHANGEABLE = {item.name for item in fields(Run)} - {"id", "project"}


class Store(Reader):
    """Reads and writes what one project has in a store. Close it, or use it as a context.

    Args:
        url: where it is.
        project: what keys its rows.
        source: what gives the rows.
        engine: what writes; made at the first write where it is not given.
    """

    def __init__(self, url: StateUrl, project: str, source: Source, engine: Engine | None = None) -> None:
        super().__init__(url, project, source)
        self._engine = engine
        self._check: Callable[[], None] | None = None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives connections back. The store is not used afterwards."""
        self._source.close()
        if self._engine is not None:
            self._engine.dispose()

    @contextmanager
    def lock(self, holder: Holder) -> Iterator[None]:
        """Holds the project's lock.

        Raises:
            LockedError: another process holds it; the message says who, with what, since when.
        """
        from merge_tool.store.lock import file_lock, postgres_lock

        if isinstance(self._source, Nothing):
            raise StateError(f"there is no state at {self.url.shown}", hint="begin a run: merge-tool phase 0")
        if self.url.path is not None:
            with file_lock(self.url, self.project, holder):
                yield
            return
        with postgres_lock(self.url, self.project, holder) as check:
            self._check = check
            try:
                yield
            finally:
                self._check = None

    def holder(self) -> Holder | None:
        """Who holds the project's lock right now, or None."""
        from merge_tool.store.lock import HOLDING, file_holder, holder_of, holding_values

        if isinstance(self._source, Nothing):
            return None
        if self.url.path is not None:
            return file_holder(self.url, self.project)
        rows = self._source.rows(HOLDING, holding_values(self.project))
        return holder_of(rows[0]) if rows else None

    # Runs

    def create_run(self, run: Run, units: Units) -> None:
        """Records a new run and its units, which all wait.

        Raises:
            StateError: another run is active, or the id was used before.
        """
        from sqlalchemy.exc import IntegrityError

        from merge_tool.store.models import RunRow

        values = {item.name: _stored(getattr(run, item.name)) for item in fields(Run)}
        try:
            with self._writing(run.id) as writing:
                writing.session.add(RunRow(**{**values, "project": self.project}))
                writing.session.flush()
                writing.add_stories(units)
        except IntegrityError as error:
            active = self.active_run()
            what = f"the run {active.id} is active already" if active else f"the id {run.id} was used before"
            raise StateError(
                what, hint="merge-tool continue goes on with it, merge-tool abort ends it"
            ) from error

    def update_run(self, run_id: str, **changes: str | datetime | Enum | None) -> None:
        """Changes fields of a run, given by their names in `Run`."""
        if unknown := changes.keys() - _CHANGEABLE:
            raise TypeError(f"no such fields of a run: {', '.join(sorted(unknown))}")
        with self._writing(run_id) as writing:
            row = writing.run()
            for name, value in changes.items():
                setattr(row, name, _stored(value))

    def end_run(self, run_id: str, status: RunStatus, tip: str) -> None:
        """Ends a run, with a line in the journal."""
        with self._writing(run_id) as writing:
            row = writing.run()
            row.status, row.tip, row.finished_at = status.value, tip, writing.at
            writing.event(status.value, f"at {tip[:12]}")

    def add_units(self, run_id: str, units: Units) -> None:
        """Adds units that the plan did not have when the run began; those that are there stay as they are."""
        with self._writing(run_id) as writing:
            writing.run()
            writing.add_stories(units)

    # Stories and steps

    def set_story(
        self,
        run_id: str,
        story_id: str,
        batch: int = 0,
        *,
        status: StoryStatus,
        base_commit: str | None = None,
        message: str = "",
    ) -> None:
        """Records where a unit stands; `base_commit` stays as it is where none is given. The first RUNNING starts its clock."""
        with self._writing(run_id) as writing:
            row = writing.story(story_id, batch)
            row.status, row.message = status.value, message
            if base_commit is not None:
                row.base_commit = base_commit
            if status is StoryStatus.RUNNING:
                row.started_at = row.started_at or writing.at
            row.finished_at = writing.at if status in (StoryStatus.DONE, StoryStatus.SKIPPED) else None

    def begin_step(
        self, run_id: str, story_id: str, batch: int, index: int, *, kind: str, tree_before: str
    ) -> None:
        """Records that a step begins, before it does anything. Begun again, it counts one more attempt; what it left stays until it ends."""
        from merge_tool.store.models import StepRow

        with self._writing(run_id) as writing:
            writing.story(story_id, batch)
            row = writing.step(story_id, batch, index)
            if row is None:
                writing.add(
                    StepRow, story_id=story_id, batch=batch, index=index, kind=kind, status="running", tree_before=tree_before,
                    tree_after="", summary="", outcome_json=None, started_at=writing.at, finished_at=None, attempts=1,
                )  # fmt: skip
                return
            row.kind, row.status, row.tree_before, row.tree_after = kind, "running", tree_before, ""
            row.summary, row.outcome_json, row.started_at, row.finished_at = "", None, writing.at, None
            row.attempts += 1

    def finish_step(
        self,
        run_id: str,
        story_id: str,
        batch: int,
        index: int,
        *,
        status: str,
        tree_after: str,
        outcome: Outcome,
    ) -> None:
        """Records how a step ended, with its files, criteria, ledger, edits and sites left, in place of an earlier attempt's.

        Raises:
            StateError: it was never begun.
        """
        with self._writing(run_id) as writing:
            row = writing.step(story_id, batch, index)
            if row is None:
                raise StateError(
                    f"step {index} of story {story_id} was never begun", hint="merge-tool continue"
                )
            row.status, row.tree_after, row.summary = status, tree_after, outcome.summary
            row.outcome_json, row.finished_at = outcome_to_json(outcome), writing.at
            writing.outcome(story_id, batch, index, outcome)

    def finish_story(self, run_id: str, story_id: str, batch: int, commit: str, status: StoryStatus) -> None:
        """Records a unit's commit, which is the run's tip from then on."""
        with self._writing(run_id) as writing:
            row = writing.story(story_id, batch)
            row.status, row.commit, row.message, row.finished_at = status.value, commit, "", writing.at
            row.started_at = row.started_at or writing.at
            writing.run().tip = commit

    def skip_story(self, run_id: str, story_id: str, batch: int, reason: str) -> None:
        """Leaves a unit out: what it did is dropped, the ledger and the journal have the reason."""
        from merge_tool.store.models import LedgerRow
        from merge_tool.store.writing import BY_PERSON

        name = _unit_name(story_id, batch)
        with self._writing(run_id) as writing:
            row = writing.story(story_id, batch)
            dropped = writing.drop_results(story_id, batch)
            row.status, row.commit, row.message, row.finished_at = (
                StoryStatus.SKIPPED.value,
                "",
                reason,
                writing.at,
            )
            writing.add(
                LedgerRow, story_id=story_id, batch=batch, step=BY_PERSON, subject=f"story {name}", what="skipped",
                reason=reason, at=writing.at,
            )  # fmt: skip
            writing.event("skipped", f"{name}: {reason}" + (f" (dropped: {dropped})" if dropped else ""))

    def reset_stories(self, run_id: str, units: Units, tip: str) -> None:
        """Takes units back to waiting and the run's tip to `tip`. What they had goes; the journal says what it was."""
        with self._writing(run_id) as writing:
            writing.run().tip = tip
            for story_id, batch in units:
                row = writing.story(story_id, batch)
                was = f"{row.status}" + (f" as {row.commit[:12]}" if row.commit else "")
                what = (was, writing.drop_results(story_id, batch), writing.drop_proofs(story_id))
                row.status, row.base_commit, row.commit, row.message = StoryStatus.WAITING.value, "", "", ""
                row.started_at = row.finished_at = None
                writing.event(
                    "reset", f"{_unit_name(story_id, batch)}: was " + "; ".join(part for part in what if part)
                )

    # What people and checks say

    def approve(self, run_id: str, approval: Approval) -> None:
        """Records a signature, in place of an earlier one of the same gate, with a line in the journal."""
        with self._writing(run_id) as writing:
            writing.run()
            values = {
                "name": approval.name,
                "email": approval.email,
                "note": approval.note,
                "at": to_time(approval.at),
            }
            writing.approve(approval.story_id, approval.gate, **values)
            writing.event(
                "signed", f"{approval.gate} of {approval.story_id} by {approval.name} <{approval.email}>"
            )

    def record_criterion(self, run_id: str, story_id: str, result: CriterionResult) -> None:
        """Records where a criterion stands."""
        with self._writing(run_id) as writing:
            writing.run()
            writing.criteria(story_id, [result])

    def record_file(self, run_id: str, story_id: str, batch: int, verdict: FileVerdict) -> None:
        """Records what a person did to a file."""
        with self._writing(run_id) as writing:
            writing.story(story_id, batch)
            writing.file(story_id, batch, verdict)

    def add_ledger(self, run_id: str, story_id: str, batch: int, entries: Sequence[LedgerEntry]) -> None:
        """Adds what a person left out to the ledger, under a unit of the run."""
        from merge_tool.store.models import LedgerRow
        from merge_tool.store.writing import BY_PERSON

        with self._writing(run_id) as writing:
            writing.story(story_id, batch)
            for entry in entries:
                writing.add(
                    LedgerRow, story_id=story_id, batch=batch, step=BY_PERSON, subject=entry.subject, what=entry.what,
                    reason=entry.reason, at=writing.at,
                )  # fmt: skip

    def forget_decisions(self, run_id: str, story_id: str, batch: int) -> None:
        """Drops what a person decided of files, since the step is done again and asks anew."""
        with self._writing(run_id) as writing:
            writing.forget_decisions(story_id, batch)

    def event(self, run_id: str, kind: str, text: str) -> None:
        """Adds a line to the journal."""
        with self._writing(run_id) as writing:
            writing.run()
            writing.event(kind, text)

    @contextmanager
    def _writing(self, run_id: str) -> Iterator[Writing]:
        """One transaction."""
        from sqlalchemy.orm import Session

        from merge_tool.store.writing import Writing

        if isinstance(self._source, Nothing):
            raise StateError(f"there is no state at {self.url.shown}", hint="begin a run: merge-tool phase 0")
        if self._check is not None:
            self._check()
        with told(self.url):
            if self._engine is None:
                from merge_tool.store.engine import sqlite_engine

                self._engine = sqlite_engine(self.url)
            with Session(self._engine) as session, session.begin():
                yield Writing(session, self.project, run_id)


def _stored(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return to_time(value) if isinstance(value, datetime) else value


def _unit_name(story_id: str, batch: int) -> str:
    return f"{story_id}#{batch}" if batch else story_id
