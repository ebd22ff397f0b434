"""Assembles a report from what the store and the run's own copy of the plan say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from merge_tool.errors import UserError
from merge_tool.model.outcome import CriterionStatus, Verdict
from merge_tool.model.state import (
    CriterionRecord,
    FileRecord,
    LedgerRecord,
    Run,
    RunStatus,
    StepState,
    StoryState,
    StoryStatus,
)
from merge_tool.plan.order import Unit, dependencies, story_units
from merge_tool.report.conflicts import conflicts_of
from merge_tool.report.lines import (
    CheckLine,
    CriterionLine,
    FileLine,
    PartLine,
    PhaseLine,
    ReportData,
    StepLine,
    StoryLine,
)
from merge_tool.report.needs import headline, needs_of
from merge_tool.report.planned import Planned, PlannedStory, planned
from merge_tool.store.reader import Reader

__all__ = ["ReportData", "build_report", "fold_files"]

CHECKS = ("validate", "test", "quality", "schema", "migration", "criteria")
# What does not bring content in: a later one of these does not hide how the file came.
_LIGHT = {Verdict.REWRITTEN.value: 1, Verdict.UNCHANGED.value: 0, Verdict.KEPT.value: 0}
_FINISHED = (StoryStatus.DONE, StoryStatus.SKIPPED)
# The status of a story in parts is the first of these that one of its parts has: none that left a part out is done.
_FIRST = (
    StoryStatus.STOPPED,
    StoryStatus.GATE,
    StoryStatus.RUNNING,
    StoryStatus.READY,
    StoryStatus.WAITING,
    StoryStatus.SKIPPED,
    StoryStatus.DONE,
)


def status_of_parts(parts: Sequence[str]) -> StoryStatus:
    """The status of a story by those of its parts; a story without parts has nothing to do."""
    return next((item for item in _FIRST if item.value in parts), StoryStatus.SKIPPED)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the store has of the run, by unit."""

    stories: dict[Unit, StoryState]
    steps: dict[Unit, list[StepState]]


def build_report(
    store: Reader, run: Run, phase: int | None = None, *, only: Collection[str] | None = None
) -> ReportData:
    """The report of a run.

    Args:
        store: where the run is kept; all of it is read at one moment.
        run: the run.
        phase: only this phase's stories and what belongs to them; None for all.
        only: only what belongs to these stories, beside the list of all stories; None for all.

    Raises:
        UserError: the plan has no such phase.
        StateError: the store cannot be read.
    """
    plan = planned(run)
    if phase is not None and phase not in (number for number, _ in plan.phases):
        known = ", ".join(str(number) for number, _ in plan.phases)
        raise UserError(f"the plan has no phase {phase}", hint=f"it has {known}: merge-tool plan")
    with store.snapshot():
        kept = _kept(store, run.id)
        files, criteria, approvals = store.files(run.id), store.criteria(run.id), store.approvals(run.id)
        ledger, edits, not_done = store.ledger(run.id), store.edits(run.id), store.not_done(run.id)
        events = store.events(run.id)
    whole = _stories(plan, kept)
    stories = tuple(item for item in whole if phase is None or item.phase == phase)
    inside = {item.id for item in stories if only is None or item.id in only}
    moments = [event.at for event in events] + [item.at for item in approvals + criteria]
    moments += [part.finished_at for story in whole for part in story.parts if part.finished_at]
    moments += [step.finished_at for steps in kept.steps.values() for step in steps if step.finished_at]
    data = ReportData(
        run=run,
        title=plan.title,
        headline="",
        level="open",
        phase=phase,
        at=max(moments, default=run.started_at),
        phases=_phases(plan, whole),
        stories=stories,
        files=fold_files(item for item in files if item.story_id in inside),
        criteria=_criteria(plan, inside, criteria),
        ledger=_ledger(plan, ledger, run.started_at)
        if phase is None and only is None
        else tuple(item for item in ledger if item.story_id in inside),
        edits=tuple(item for item in edits if item.story_id in inside),
        not_done=tuple(item for item in not_done if item.story_id in inside),
        checks=_checks([item for item in stories if item.id in inside]),
        approvals=tuple(item for item in approvals if item.story_id in inside),
        needs=(),
        events=tuple(events),
    )
    data = replace(data, conflicts=conflicts_of(data))
    gates = {story.id: story.gates for story in plan.stories}
    resolved = {(item.story_id, item.batch, item.path) for item in files if item.verdict == Verdict.RESOLVED}
    data = replace(data, needs=needs_of(data, gates, resolved, over=run.status is not RunStatus.ACTIVE))
    sentence, level = headline(data)
    return replace(data, headline=sentence, level=level)


def fold_files(records: Iterable[FileRecord]) -> tuple[FileLine, ...]:
    """One line a path, in path order.

    The verdict is that of the last record that brought content in, out or left it out; a codemod's rewrite, or finding
    the file unchanged, counts only where there is nothing else. The history has every record.
    """
    by_path: dict[str, list[FileRecord]] = {}
    for record in records:
        history = by_path.setdefault(record.path, [])
        if record not in history:
            history.append(record)
    lines = []
    for path, history in sorted(by_path.items()):
        heaviest = max(_LIGHT.get(item.verdict, 2) for item in history)
        last = next(item for item in reversed(history) if _LIGHT.get(item.verdict, 2) == heaviest)
        lines.append(
            FileLine(path, last.verdict, last.by, last.reason, last.story_id, last.batch, tuple(history))
        )
    return tuple(lines)


def _kept(store: Reader, run_id: str) -> _Kept:
    steps: dict[Unit, list[StepState]] = {}
    for step in store.all_steps(run_id):
        steps.setdefault(Unit(step.story_id, step.batch), []).append(step)
    return _Kept({Unit(item.story_id, item.batch): item for item in store.stories(run_id)}, steps)


def _stories(plan: Planned, kept: _Kept) -> tuple[StoryLine, ...]:
    """The plan's stories in its order, then those that the store has and a reloaded plan has no more."""
    needs = dependencies(plan.stories)
    finished = {unit for unit, state in kept.stories.items() if state.status in _FINISHED}
    ready = {unit for unit, wanted in needs.items() if wanted <= finished}
    lines = [_story(item, story_units(item), kept, ready) for item in plan.stories]
    known = {item.id for item in plan.stories}
    for gone in dict.fromkeys(unit.story_id for unit in kept.stories if unit.story_id not in known):
        units = tuple(unit for unit in kept.stories if unit.story_id == gone)
        story = PlannedStory(gone, -1, "(no longer in the plan)", "", "", 0.0, (), None, (), ())
        lines.append(_story(story, units, kept, ready))
    return tuple(lines)


def _story(story: PlannedStory, units: Sequence[Unit], kept: _Kept, ready: set[Unit]) -> StoryLine:
    parts = []
    for unit in units:
        state = kept.stories.get(unit) or StoryState(unit.story_id, unit.batch, StoryStatus.WAITING)
        status = StoryStatus.READY if state.status is StoryStatus.WAITING and unit in ready else state.status
        steps = tuple(_step(step) for step in kept.steps.get(unit, ()))
        parts.append(
            PartLine(
                unit.batch,
                status,
                state.commit,
                state.message,
                state.started_at,
                state.finished_at,
                steps,
                state.base_commit,
            )
        )
    status = status_of_parts([part.status for part in parts])
    return StoryLine(
        id=story.id, phase=story.phase, title=story.title, task=story.task, risk=story.risk, depends_on=story.depends_on,
        estimate_hours=story.estimate_hours, status=status.value,
        commit=next((part.commit for part in reversed(parts) if part.commit), ""),
        message="; ".join(dict.fromkeys(part.message for part in parts if part.message)), parts=tuple(parts),
    )  # fmt: skip


def _step(step: StepState) -> StepLine:
    seconds = (
        (step.finished_at - step.started_at).total_seconds() if step.started_at and step.finished_at else None
    )
    outcome = step.outcome
    return StepLine(
        step.kind, step.status, step.summary, outcome.details if outcome else (), step.attempts, seconds,
        outcome.conflicts if outcome else (), step.tree_after, outcome.hunks if outcome else (),
        outcome.coverage if outcome else (),
    )  # fmt: skip


def _phases(plan: Planned, stories: Sequence[StoryLine]) -> tuple[PhaseLine, ...]:
    lines = []
    for number, title in plan.phases:
        own = [item for item in stories if item.phase == number]
        finished = sum(item.status in _FINISHED for item in own)
        lines.append(PhaseLine(number, title, finished, len(own), sum(item.estimate_hours for item in own)))
    return tuple(lines)


def _ledger(plan: Planned, recorded: Sequence[LedgerRecord], at: datetime) -> tuple[LedgerRecord, ...]:
    """What the steps left out, then what the plan excludes and no step has spoken of."""
    spoken = {item.subject for item in recorded}
    ruled = [
        LedgerRecord("", subject, "excluded by the plan", reason, at)
        for subject, reason in plan.excluded
        if subject not in spoken
    ]
    return (*recorded, *ruled)


def _criteria(
    plan: Planned, inside: set[str], recorded: Sequence[CriterionRecord]
) -> tuple[CriterionLine, ...]:
    """The plan's criteria of these stories; what nothing has shown is open."""
    known = {item.id: item for item in recorded}
    lines = []
    for story in plan.stories:
        for item in story.criteria if story.id in inside else ():
            found = known.get(item.id)
            status, evidence, at = (
                (found.status, found.evidence, found.at) if found else (CriterionStatus.OPEN.value, "", None)
            )
            lines.append(
                CriterionLine(
                    item.id,
                    story.id,
                    story.phase,
                    item.given,
                    item.when,
                    item.then,
                    item.check,
                    status,
                    evidence,
                    at,
                )
            )
    return tuple(lines)


def _checks(stories: Sequence[StoryLine]) -> tuple[CheckLine, ...]:
    return tuple(
        CheckLine(story.id, part.batch, step)
        for story in stories
        for part in story.parts
        for step in part.steps
        if step.kind in CHECKS
    )
