"""Cuts a report down to one phase."""

from __future__ import annotations

from dataclasses import replace

from merge_tool.report.data import fold_files
from merge_tool.report.lines import ReportData
from merge_tool.report.needs import headline


def only(data: ReportData, phase: int | None) -> ReportData:
    """The report with only one phase's stories and what belongs to them; unchanged for None or for the phase that it is of."""
    if phase is None or phase == data.phase:
        return data
    inside = {item.id for item in data.stories if item.phase == phase}
    history = [record for line in data.files for record in line.history if record.story_id in inside]
    cut = replace(
        data,
        phase=phase,
        stories=tuple(item for item in data.stories if item.id in inside),
        files=fold_files(history),
        criteria=tuple(item for item in data.criteria if item.story_id in inside),
        ledger=tuple(item for item in data.ledger if item.story_id in inside),
        edits=tuple(item for item in data.edits if item.story_id in inside),
        not_done=tuple(item for item in data.not_done if item.story_id in inside),
        checks=tuple(item for item in data.checks if item.story_id in inside),
        approvals=tuple(item for item in data.approvals if item.story_id in inside),
        needs=tuple(item for item in data.needs if item.story_id in inside),
        conflicts=tuple(item for item in data.conflicts if item.story_id in inside),
        review=None,  # that of the whole run compares other trees
    )
    sentence, level = headline(cut)
    return replace(cut, headline=sentence, level=level)
