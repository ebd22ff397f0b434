"""What waits for a person, and the report's one sentence."""

from __future__ import annotations

from collections.abc import Mapping

from merge_tool.model.conflict_words import words_of
from merge_tool.model.outcome import CriterionStatus
from merge_tool.model.state import RunStatus, StoryStatus
from merge_tool.report.lines import Need, PartLine, ReportData, StoryLine


def unit_name(story_id: str, batch: int) -> str:
    """`5.3#1`, or `5.3` for a whole story."""
    return f"{story_id}#{batch}" if batch else story_id


def needs_of(
    data: ReportData, gates: Mapping[str, tuple[str, ...]], resolved: set[tuple[str, int, str]], *, over: bool
) -> tuple[Need, ...]:
    """What waits for a person: stops and gates first, then failed criteria, then sites that codemods left.

    Args:
        gates: the gates of each story, by its id.
        resolved: conflicts that a person has resolved, as (story, batch, path).
        over: the run has ended, so that no stop of it waits any more.
    """
    found: list[Need] = []
    if not over:
        for story in data.stories:
            for part in story.parts:
                found += _stops(story, part, gates.get(story.id, ()), resolved)
    found += [
        Need(
            "criterion",
            item.story_id,
            0,
            f"criterion {item.id} failed: {item.evidence}",
            f"merge-tool story {item.story_id}",
        )
        for item in data.criteria
        if item.status == CriterionStatus.FAILED
    ]
    found += [
        Need(
            "left",
            item.story_id,
            item.batch,
            f"{item.path}:{item.line}: {item.codemod}: {item.reason}",
            "",
            item.path,
            item.line,
        )
        for item in data.not_done
    ]
    return tuple(found)


def _stops(
    story: StoryLine, part: PartLine, gates: tuple[str, ...], resolved: set[tuple[str, int, str]]
) -> list[Need]:
    last = part.steps[-1] if part.steps else None
    if part.status == StoryStatus.GATE:
        names = ", ".join(gates) or "a signature"
        text = f"waits to be signed: {names}" + (f" ({part.message})" if part.message else "")
        return [Need("gate", story.id, part.batch, text, f"merge-tool approve {story.id}")]
    if part.status == StoryStatus.STOPPED:
        open_ones = (
            [item for item in last.conflicts if (story.id, part.batch, item.path) not in resolved]
            if last
            else []
        )
        if last and last.conflicts:
            return [
                Need(
                    "conflict",
                    story.id,
                    part.batch,
                    f"{item.path}: {item.kind}: {words_of(item).line}",
                    "merge-tool conflicts",
                    item.path,
                )
                for item in open_ones
            ] or [Need("stopped", story.id, part.batch, "all conflicts are resolved", "merge-tool continue")]
        said = [part.message or "stopped", *(last.details[:3] if last else ())]
        return [Need("stopped", story.id, part.batch, "; ".join(said), "merge-tool continue")]
    if part.status == StoryStatus.RUNNING:
        return [
            Need(
                "running",
                story.id,
                part.batch,
                "is at work; if it was cut off, go on with it",
                "merge-tool continue",
            )
        ]
    return []


def headline(data: ReportData) -> tuple[str, str]:
    """The report in one sentence, and its level (see `ReportData`)."""
    finished = sum(item.status in (StoryStatus.DONE, StoryStatus.SKIPPED) for item in data.stories)
    subject = f"Phase {data.phase}" if data.phase is not None else "The run"
    share = f"{finished} of {len(data.stories)} stories are done"
    if skipped := sum(item.status == StoryStatus.SKIPPED for item in data.stories):
        share += f" ({skipped} of them skipped)"
    if data.run.status is RunStatus.ABORTED:
        return f"{subject} was aborted; {share}.", "attention"
    waits = _waits(data)
    ended = finished == len(data.stories)
    if waits:
        return (
            f"{subject} {'is done, but' if ended else 'waits for a person:'} {', '.join(waits)}; {share}.",
            "attention",
        )
    if ended:
        shown = [
            item for item in data.criteria if item.status in (CriterionStatus.PASSED, CriterionStatus.SIGNED)
        ]
        proof = (
            f" and {len(shown)} of {len(data.criteria)} acceptance criteria are shown"
            if data.criteria
            else ""
        )
        return f"{subject} is done: {share}{proof}.", "ok" if len(shown) == len(data.criteria) else "open"
    working = ", ".join(unit_name(item.story_id, item.batch) for item in data.needs if item.kind == "running")
    if working:
        return f"{subject} is at work on {working}; {share}.", "open"
    return f"{subject} goes on: {share}, nothing waits for a person.", "open"


def _waits(data: ReportData) -> list[str]:
    words = {
        "conflict": ("conflict", "conflicts"),
        "stopped": ("story stopped", "stories stopped"),
        "gate": ("gate to sign", "gates to sign"),
        "criterion": ("criterion failed", "criteria failed"),
        "left": ("site left by codemods", "sites left by codemods"),
    }
    counts = {kind: sum(item.kind == kind for item in data.needs) for kind in words}
    return [f"{count} {words[kind][count > 1]}" for kind, count in counts.items() if count]
