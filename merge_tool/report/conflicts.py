"""The files in which both sides met: how each conflict stands, and which step merged which hunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from merge_tool.model.conflict_words import words_of
from merge_tool.model.outcome import MergedHunk, Verdict
from merge_tool.model.state import FileRecord
from merge_tool.report.lines import ConflictLine, ReportData

_MET = (Verdict.MERGED.value, Verdict.PICKED.value)


def conflicts_of(data: ReportData) -> tuple[ConflictLine, ...]:
    """Every file that a step left in conflict or merged hunk by hunk, in path order; the last word on each counts."""
    found: dict[str, ConflictLine] = {}
    hunks: dict[str, list[MergedHunk]] = {}
    histories = {item.path: item.history for item in data.files}
    for story in data.stories:
        for part in story.parts:
            for step in part.steps:
                for hunk in step.hunks:
                    hunks.setdefault(hunk.path, []).append(hunk)
                    found.setdefault(
                        hunk.path, ConflictLine(hunk.path, story.id, part.batch, "content", "merged", "")
                    )
                for item in step.conflicts:
                    line = ConflictLine(
                        item.path, story.id, part.batch, item.kind, "open", "", (), words_of(item).line
                    )
                    after = _after(histories.get(item.path, ()))
                    if after or part.commit or part.status in ("done", "skipped"):
                        line = replace(line, status="resolved", how=after)
                    found[item.path] = line
    for file in data.files:
        if file.path not in found and file.verdict in _MET and "conflicts to" in file.by:
            found[file.path] = ConflictLine(
                file.path, file.story_id, file.batch, "content", "merged", file.by
            )
    for path, own in hunks.items():
        if found[path].status == "merged" and any(hunk.step == "left" for hunk in own):
            found[path] = replace(found[path], status="open")
    return tuple(
        ConflictLine(
            item.path, item.story_id, item.batch, item.kind, item.status,
            item.how or ", ".join(dict.fromkeys(hunk.step for hunk in hunks.get(path, ()))),
            tuple(hunks.get(path, ())), item.cause,
        )
        for path, item in sorted(found.items())
    )  # fmt: skip


def _after(history: Sequence[FileRecord]) -> str:
    """By whom, and how, a conflict was resolved; "" where it was not."""
    for item in reversed(history):
        if item.verdict == Verdict.RESOLVED:
            return " – ".join(part for part in (item.by, item.reason) if part) or "a person"
    return ""
