"""Which lines of the files that a run changed are run by a test, as coverage.py measured it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path

from merge_tool.model.outcome import FileCoverage


def read_coverage(report: Path, changed: Collection[str]) -> tuple[FileCoverage, ...]:
    """The measurement of the changed files, from the JSON report of coverage.py.

    Args:
        report: the file; one that is not there, or is no such report, measures nothing.
        changed: the paths to tell of, as git names them.
    """
    try:
        files = json.loads(report.read_text("utf-8"))["files"]
        found = [
            FileCoverage(name, len(item["executed_lines"]), ranges(item["missing_lines"]))
            for name, item in ((name.replace("\\", "/"), item) for name, item in files.items())
            if name in changed
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
    return tuple(sorted(found, key=lambda item: item.path))


def ranges(lines: Iterable[int]) -> str:
    """Numbers as `3-5,9`."""
    parts: list[list[int]] = []
    for number in sorted(set(lines)):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in parts)
