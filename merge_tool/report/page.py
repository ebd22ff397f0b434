"""What the HTML page shows of each file: its line in the list, and its diff, packed until somebody opens it."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from merge_tool.model.outcome import Verdict
from merge_tool.model.state import FileRecord
from merge_tool.model.text import printable
from merge_tool.report.colours import colours_of
from merge_tool.report.lines import ReportData
from merge_tool.report.needs import unit_name
from merge_tool.report.review_lines import Change, FindingLine, Review, RiskLine

if TYPE_CHECKING:
    from merge_tool.lint.cache import Cache

# Of all packed diffs together. With it the page stays well under 15 MB, which a browser opens at once.
MAX_PACKED = 10_000_000
_UNTOUCHED = (Verdict.UNCHANGED.value, Verdict.KEPT.value)
_NO_RISK = RiskLine("", "none", 0, ())


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the page. `anchor` is its id there: the same for the same path in every report."""

    path: str
    anchor: str
    verdict: str
    by: str
    reason: str
    unit: str
    risk: RiskLine
    history: tuple[FileRecord, ...]
    findings: tuple[FindingLine, ...]
    change: Change | None
    packed: str
    note: str


def entries_of(data: ReportData, limit: int = MAX_PACKED, cache: Cache | None = None) -> list[Entry]:
    """The files of a report in the reviewer's order; those that nothing happened to stand last.

    Args:
        limit: how many characters the diffs may take together; those that do not fit say so.
        cache: as for `colours_of`.
    """
    review = data.review or Review("", "")
    files = {item.path: item for item in data.files}
    changes = {item.path: item for item in review.changes}
    risks = {item.path: item for item in review.risks}
    findings: dict[str, list[FindingLine]] = {}
    for item in review.findings:
        findings.setdefault(item.path, []).append(item)
    order = {path: number for number, path in enumerate(risks)}
    paths = sorted(
        {*files, *changes, *risks},
        key=lambda path: (
            order.get(path, len(order)),
            path in files and files[path].verdict in _UNTOUCHED,
            path,
        ),
    )
    found, left = [], limit
    for path in paths:
        line, change = files.get(path), changes.get(path)
        packed = pack(change, _notes(path, findings, data), cache) if change and change.hunks else ""
        note = change.note if change else ""
        if len(packed) > left:
            packed, note = "", "this report has no room left for its diff; see git diff"
        left -= len(packed)
        found.append(
            Entry(
                path,
                anchor(path),
                line.verdict if line else "changed" if change else "untouched",
                line.by if line else "",
                line.reason if line else "",
                unit_name(line.story_id, line.batch) if line else "",
                risks.get(path, _NO_RISK),
                line.history if line else (),
                tuple(findings.get(path, ())),
                change,
                packed,
                note,
            )
        )
    return found


def anchor(path: str) -> str:
    """The id of a file on the page."""
    return "f-" + blake2b(path.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _notes(path: str, findings: dict[str, list[FindingLine]], data: ReportData) -> dict[int, list[list[str]]]:
    """What is said of lines of the new text, as `[severity, text]`: new findings, and sites that codemods left."""
    notes: dict[int, list[list[str]]] = {}
    for item in findings.get(path, ()):
        if item.new:
            notes.setdefault(item.line, []).append([item.severity, printable(f"{item.code} {item.message}")])
    for left in data.not_done:
        if left.path == path:
            notes.setdefault(left.line, []).append(["left", printable(f"{left.codemod}: {left.reason}")])
    return notes


def pack(change: Change, notes: dict[int, list[list[str]]] | None = None, cache: Cache | None = None) -> str:
    """A diff as JSON, deflated, in base64.

    Args:
        notes: what is said of lines of the new text, as `[severity, text]`.

    Returns:
        of `[single, [[old, new, kinds, texts, runs], …], notes]`: whether only one side has text; for each hunk the numbers
        of its first lines, one of ` -+` for each row, the rows' texts, and their colours (see `colours`).
    """
    old_ranges = [
        (item.old - 1, item.old - 1 + sum(row.kind != "+" for row in item.rows)) for item in change.hunks
    ]
    new_ranges = [
        (item.new - 1, item.new - 1 + sum(row.kind != "-" for row in item.rows)) for item in change.hunks
    ]
    old = colours_of(change.old_path or change.path, change.old, old_ranges, cache) if change.removed else {}
    new = colours_of(change.path, change.new, new_ranges, cache)
    hunks: list[list[Any]] = []
    for hunk in change.hunks:
        one, other = hunk.old - 1, hunk.new - 1
        texts, runs = [], []
        for row in hunk.rows:
            text, run = old[one] if row.kind == "-" else new[other]
            texts.append(text)
            runs.append(run)
            one += row.kind != "+"
            other += row.kind != "-"
        hunks.append([hunk.old, hunk.new, "".join(row.kind for row in hunk.rows), texts, runs])
    single = not change.old or not change.new
    data = json.dumps([single, hunks, notes or {}], ensure_ascii=False, separators=(",", ":"))
    return b64encode(zlib.compress(data.encode("utf-8", "replace"), 6)).decode()


def options(entries: Sequence[Entry], name: str) -> dict[str, int]:
    """The values of a field over all entries, with their counts, for a filter."""
    found: dict[str, int] = {}
    for item in entries:
        value = item.risk.level if name == "risk" else str(getattr(item, name))
        if value:
            found[value] = found.get(value, 0) + 1
    return dict(sorted(found.items()))
