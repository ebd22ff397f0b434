"""What the store's writes are made of, inside one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from merge_tool.errors import StateError
from merge_tool.model.outcome import CriterionResult, FileVerdict, Outcome
from merge_tool.model.state import StoryStatus, now
from merge_tool.store.codec import to_time
from merge_tool.store.models import (
    ApprovalRow,
    CriterionRow,
    EditRow,
    EventRow,
    FileRow,
    LedgerRow,
    NotDoneRow,
    RunRow,
    StepRow,
    StoryRow,
)

BY_PERSON = -1
_RESULTS = (FileRow, LedgerRow, EditRow, NotDoneRow)


class Writing:
    """The rows of one run, in one transaction."""

    def __init__(self, session: Session, project: str, run_id: str) -> None:
        self.session = session
        self.at = to_time(now())
        self._run = {"project": project, "run_id": run_id}

    def run(self) -> RunRow:
        """The run's row.

        Raises:
            StateError: it is not there.
        """
        wanted = select(RunRow).filter_by(project=self._run["project"], id=self._run["run_id"])
        row = self.session.scalars(wanted).one_or_none()
        if row is None:
            raise StateError(f"the store has no run {self._run['run_id']}", hint="see `merge-tool status`")
        return row

    def story(self, story_id: str, batch: int) -> StoryRow:
        """A unit's row.

        Raises:
            StateError: it is not there.
        """
        row = self.session.scalars(
            select(StoryRow).filter_by(**self._run, story_id=story_id, batch=batch)
        ).one_or_none()
        if row is None:
            name = f"{story_id}#{batch}" if batch else story_id
            raise StateError(
                f"the run {self._run['run_id']} has no story {name}",
                hint="--reload-plan takes the plan file as it is now",
            )
        return row

    def add_stories(self, units: Iterable[tuple[str, int]]) -> None:
        """Units that wait; those that are there already stay as they are."""
        known = {
            (row.story_id, row.batch) for row in self.session.scalars(select(StoryRow).filter_by(**self._run))
        }
        fresh = {"status": StoryStatus.WAITING.value, "base_commit": "", "commit": "", "message": ""}
        self._insert(
            StoryRow,
            [
                {"story_id": name, "batch": batch, **fresh}
                for name, batch in units
                if (name, batch) not in known
            ],
        )

    def step(self, story_id: str, batch: int, index: int) -> StepRow | None:
        """A step's row, or None."""
        return self.session.scalars(
            select(StepRow).filter_by(**self._run, story_id=story_id, batch=batch, index=index)
        ).one_or_none()

    def add(self, kind: type[Any], /, **values: object) -> None:
        """One new row of this run."""
        self._insert(kind, [values])

    def event(self, kind: str, text: str) -> None:
        """One line of the journal."""
        self.add(EventRow, at=self.at, kind=kind, text=text)

    def file(self, story_id: str, batch: int, verdict: FileVerdict) -> None:
        """What a person did to a file; it stands in for what was recorded of that person before."""
        unit = {"story_id": story_id, "batch": batch, "step": BY_PERSON}
        self.session.execute(delete(FileRow).filter_by(**self._run, **unit, path=verdict.path))
        self.add(
            FileRow,
            **unit,
            path=verdict.path,
            verdict=verdict.verdict.value,
            by=verdict.by,
            reason=verdict.reason,
        )

    def forget_decisions(self, story_id: str, batch: int) -> None:
        """Drops what a person was recorded to have done to the files of a unit."""
        unit = {"story_id": story_id, "batch": batch, "step": BY_PERSON}
        self.session.execute(delete(FileRow).filter_by(**self._run, **unit))

    def criteria(self, story_id: str, results: Sequence[CriterionResult]) -> None:
        """Where criteria now stand."""
        last = {item.id: item for item in results}
        self.session.execute(delete(CriterionRow).filter_by(**self._run).where(CriterionRow.id.in_(last)))
        self._insert(
            CriterionRow,
            [
                {
                    "id": item.id,
                    "story_id": story_id,
                    "status": item.status.value,
                    "evidence": item.evidence,
                    "at": self.at,
                }
                for item in last.values()
            ],
        )

    def outcome(self, story_id: str, batch: int, index: int, outcome: Outcome) -> None:
        """What a step left, in place of what an earlier attempt of it left."""
        step = {"story_id": story_id, "batch": batch, "step": index}
        for kind in _RESULTS:
            self.session.execute(delete(kind).filter_by(**self._run, **step))
        self._insert(
            FileRow,
            [
                {
                    **step,
                    "path": item.path,
                    "verdict": item.verdict.value,
                    "by": item.by,
                    "reason": item.reason,
                }
                for item in outcome.files
            ],
        )
        self._insert(
            LedgerRow,
            [
                {**step, "subject": item.subject, "what": item.what, "reason": item.reason, "at": self.at}
                for item in outcome.ledger
            ],
        )
        self._insert(
            EditRow,
            [
                {
                    **step,
                    "path": item.path,
                    "line": item.line,
                    "codemod": item.codemod,
                    "description": item.description,
                }
                for item in outcome.edits
            ],
        )
        self._insert(
            NotDoneRow,
            [
                {**step, "path": item.path, "line": item.line, "codemod": item.codemod, "reason": item.reason}
                for item in outcome.not_done
            ],
        )
        self.criteria(story_id, outcome.criteria)

    def drop_results(self, story_id: str, batch: int) -> str:
        """Takes away what a unit's steps left; returns what that was, for the journal."""
        unit = {"story_id": story_id, "batch": batch}
        said = []
        for kind, name in (
            (StepRow, "steps"),
            (FileRow, "file records"),
            (EditRow, "edits"),
            (NotDoneRow, "sites left"),
            (LedgerRow, "ledger lines"),
        ):
            count = (
                self.session.scalar(select(func.count()).select_from(kind).filter_by(**self._run, **unit))
                or 0
            )
            self.session.execute(delete(kind).filter_by(**self._run, **unit))
            if count:
                said.append(f"{name}: {count}")
        return ", ".join(said)

    def drop_proofs(self, story_id: str) -> str:
        """Takes away criteria and signatures of a story; returns what they were, for the journal."""
        said = []
        criteria = self.session.scalars(select(CriterionRow).filter_by(**self._run, story_id=story_id)).all()
        signatures = self.session.scalars(select(ApprovalRow).filter_by(**self._run, story_id=story_id)).all()
        said += [f"criterion {row.id} {row.status}" for row in criteria]
        said += [
            f"{row.gate} signed by {row.name} <{row.email}> at {row.at}"
            + (f": {row.note}" if row.note else "")
            for row in signatures
        ]
        for kind in (CriterionRow, ApprovalRow):
            self.session.execute(delete(kind).filter_by(**self._run, story_id=story_id))
        return "; ".join(said)

    def approve(self, story_id: str, gate: str, **values: str) -> None:
        """A signature, in place of an earlier one of the same gate."""
        self.session.execute(delete(ApprovalRow).filter_by(**self._run, story_id=story_id, gate=gate))
        self.add(ApprovalRow, story_id=story_id, gate=gate, **values)

    def _insert(self, kind: type[Any], rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self.session.execute(insert(kind), [{**self._run, **row} for row in rows])
