"""The report as JSON: the shape that scripts rely on, and everything else that a report holds."""

from __future__ import annotations

import json
from datetime import datetime
from enum import Enum
from typing import Any

from merge_tool.model.state import Run
from merge_tool.report.lines import ConflictLine, FileLine, PartLine, ReportData, StepLine, StoryLine
from merge_tool.report.needs import unit_name
from merge_tool.report.review_lines import Review


def json_data(data: ReportData) -> dict[str, Any]:
    """The report as dicts, lists and scalars."""
    return {
        "run": _run(data.run),
        "title": data.title,
        "phase": data.phase,
        "verdict": data.headline,
        "level": data.level,
        "at": _time(data.at),
        "counts": {"stories": data.story_counts, "files": data.file_counts, "criteria": data.criterion_counts},
        "phases": [
            {
                "number": item.number, "title": item.title, "finished": item.finished, "stories": item.total,
                "estimate_hours": item.estimate_hours,
            }
            for item in data.phases
        ],
        "stories": [_story(item) for item in data.stories],
        "criteria": [
            {
                "id": item.id, "story": item.story_id, "phase": item.phase, "given": item.given, "when": item.when, "then": item.then,
                "check": item.check, "status": item.status, "evidence": item.evidence, "at": _time(item.at),
            }
            for item in data.criteria
        ],
        "files": [_file(item) for item in data.files],
        "ledger": [
            {"subject": item.subject, "what": item.what, "reason": item.reason, "story": item.story_id, "at": _time(item.at)}
            for item in data.ledger
        ],
        "edits": [
            {"path": item.path, "line": item.line, "codemod": item.codemod, "description": item.description, "story": item.story_id}
            for item in data.edits
        ],
        "not_done": [
            {"path": item.path, "line": item.line, "codemod": item.codemod, "reason": item.reason, "story": item.story_id}
            for item in data.not_done
        ],
        "checks": [{"story": unit_name(item.story_id, item.batch), **_step(item.step)} for item in data.checks],
        "approvals": [
            {
                "story": item.story_id, "gate": item.gate, "name": item.name, "email": item.email, "note": item.note,
                "at": _time(item.at),
            }
            for item in data.approvals
        ],
        "needs": [
            {"kind": item.kind, "story": unit_name(item.story_id, item.batch), "text": item.text, "command": item.command}
            for item in data.needs
        ],
        "coverage": [
            {"path": item.path, "share": item.share, "executed": item.executed, "missing": item.missing} for item in data.coverage
        ],
        "conflicts": [_conflict(item) for item in data.conflicts],
        **_review(data.review),
        "events": [{"at": _time(item.at), "kind": item.kind, "text": item.text} for item in data.events],
    }  # fmt: skip


def _conflict(item: ConflictLine) -> dict[str, Any]:
    return {
        "path": item.path, "story": unit_name(item.story_id, item.batch), "kind": item.kind, "status": item.status, "how": item.how, "cause": item.cause,
        "hunks": [
            {"line": hunk.line, "step": hunk.step, "confidence": hunk.confidence, "reason": hunk.reason} for hunk in item.hunks
        ],
    }  # fmt: skip


def _review(review: Review | None) -> dict[str, Any]:
    """What the repository told; the lists are empty where it was not asked."""
    review = review or Review("", "")
    return {
        "compared": {"before": review.before, "after": review.after, "notes": list(review.notes)},
        "risks": [
            {
                "path": item.path, "level": item.level, "score": item.score,
                "reasons": [
                    {"kind": reason.kind, "points": reason.points, "text": reason.text, "line": reason.line or None}
                    for reason in item.reasons
                ],
            }
            for item in review.risks
        ],
        "changes": [
            {
                "path": item.path, "status": item.status, "old_path": item.old_path or None, "added": item.added,
                "removed": item.removed, "note": item.note,
            }
            for item in review.changes
        ],
        "findings": {
            "rules": [{"code": code, "before": before, "after": after} for code, before, after in review.rules],
            "in_changed_files": [
                {
                    "code": item.code, "severity": item.severity, "path": item.path, "line": item.line,
                    "message": item.message, "new": item.new,
                }
                for item in review.findings
            ],
        },
    }  # fmt: skip


def render_json(data: ReportData) -> str:
    """The report as one JSON document, pure ASCII, so that any name of a file survives any terminal or pipe."""
    return json.dumps(json_data(data), indent=2) + "\n"


def _time(value: datetime | None) -> str | None:
    return value.isoformat(timespec="seconds") if value else None


def _run(run: Run) -> dict[str, Any]:
    names = (
        "id", "status", "date", "started_at", "finished_at", "plan_source", "policy_name", "fork_ref", "fork_commit",
        "upstream_ref", "upstream_commit", "merge_base", "merge_branch", "tip", "target",
    )  # fmt: skip
    values = {name: getattr(run, name) for name in names}
    return {
        name: _time(value)
        if isinstance(value, datetime)
        else value.value
        if isinstance(value, Enum)
        else value
        for name, value in values.items()
    }


def _story(story: StoryLine) -> dict[str, Any]:
    return {
        "id": story.id, "phase": story.phase, "title": story.title, "status": story.status, "commit": story.commit,
        "estimate_hours": story.estimate_hours, "elapsed_seconds": story.elapsed_seconds, "message": story.message,
        "depends_on": list(story.depends_on), "risk": story.risk, "parts": [_part(story.id, part) for part in story.parts],
    }  # fmt: skip


def _part(story_id: str, part: PartLine) -> dict[str, Any]:
    return {
        "id": unit_name(story_id, part.batch), "status": str(part.status), "commit": part.commit, "message": part.message,
        "started_at": _time(part.started_at), "finished_at": _time(part.finished_at), "steps": [_step(step) for step in part.steps],
    }  # fmt: skip


def _step(step: StepLine) -> dict[str, Any]:
    return {
        "kind": step.kind, "status": step.status, "summary": step.summary, "details": list(step.details), "attempts": step.attempts,
        "seconds": step.seconds, "conflicts": [{"path": item.path, "kind": item.kind} for item in step.conflicts],
    }  # fmt: skip


def _file(line: FileLine) -> dict[str, Any]:
    return {
        "path": line.path, "verdict": line.verdict, "by": line.by, "reason": line.reason, "story": line.story_id, "batch": line.batch,
        "history": [
            {"story": unit_name(item.story_id, item.batch), "verdict": item.verdict, "by": item.by, "reason": item.reason}
            for item in line.history
        ],
    }  # fmt: skip
