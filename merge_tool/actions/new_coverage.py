"""Which of the lines that a run brought in its tests executed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merge_tool.actions.base import Context

_HUNK = re.compile(r"^@@ -\S+ \+(?P<start>\d+)(?:,(?P<count>\d+))? @@", re.MULTILINE)


@dataclass(frozen=True)
class NewCoverage:
    """Of the statements that stand in new lines: how many there are and how many ran; the files with most left, worst first."""

    statements: int
    executed: int
    worst: tuple[tuple[str, int], ...] = ()

    @property
    def percent(self) -> float:
        """100 where there is no new statement: nothing is left to test."""
        return 100.0 if not self.statements else 100.0 * self.executed / self.statements


def new_lines(ctx: Context) -> dict[str, set[int]]:
    """The lines of Python files that are on the branch now and were not in the fork; tests and revisions are left out."""
    tree = ctx.workspace.flush()
    before = ctx.facts.get("fork_commit") or ctx.story_base
    found: dict[str, set[int]] = {}
    for _, path, _ in ctx.repo.diff_tree(ctx.repo.tree_of(before), tree):
        if not path.endswith(".py") or ctx.workspace.entry(path) is None or _is_no_code(path):
            continue
        diff = ctx.repo.text(
            "diff", "--no-ext-diff", "--no-renames", "-U0", before, tree, "--", f":(literal){path}"
        )
        lines = found.setdefault(path, set())
        for match in _HUNK.finditer(diff):
            start, count = int(match["start"]), int(match["count"] or 1)
            lines.update(range(start, start + count))
    return found


def measure(report: Path, lines: Mapping[str, set[int]]) -> NewCoverage:
    """Reads the JSON that `pytest --cov-report=json` wrote.

    A file of new lines that the report does not know was never imported: it counts with none of its lines executed.
    """
    data: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    files = {name.replace("\\", "/"): item for name, item in data.get("files", {}).items()}
    total = done = 0
    left: list[tuple[str, int]] = []
    for path, numbers in lines.items():
        known = files.get(path, {"executed_lines": [], "missing_lines": sorted(numbers)})
        executed = len(numbers.intersection(known["executed_lines"]))
        missing = len(numbers.intersection(known["missing_lines"]))
        total, done = total + executed + missing, done + executed
        if missing:
            left.append((path, missing))
    return NewCoverage(total, done, tuple(sorted(left, key=lambda item: -item[1])[:10]))


def _is_no_code(path: str) -> bool:
    parts = path.split("/")
    name = parts[-1]
    return (
        bool({"tests", "test", "migrations", "versions", "scripts"} & set(parts[:-1]))
        or name.startswith("test_")
        or name == "conftest.py"
    )
