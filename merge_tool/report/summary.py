"""What a command says at its end: a few lines for people, one JSON document for programs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from merge_tool.engine.runner import RunResult
    from merge_tool.engine.session import Session
    from merge_tool.report.data import ReportData


def say(data: Mapping[str, Any], lines: Sequence[str], as_json: bool) -> None:
    """Prints `data` as JSON, or `lines` for people."""
    if as_json:
        sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
        return
    from merge_tool.report.console import console, flow, safe

    out = console()
    for line in lines:
        flow(out, safe(line), 2)


def run_json(data: ReportData, extra: Mapping[str, Any]) -> str:
    """The report's document with what this command did beside it."""
    from merge_tool.report.json_report import render_json

    return json.dumps({**json.loads(render_json(data)), **extra}, ensure_ascii=False, indent=2) + "\n"


def print_run_json(data: ReportData, extra: Mapping[str, Any]) -> None:
    """Prints that."""
    sys.stdout.write(run_json(data, extra))


def print_run_summary(
    data: ReportData, result: RunResult, session: Session, written: Sequence[Path], *, finished: bool = False
) -> None:
    """What was done, what stopped, what waits, where the reports are, and the next command."""
    from merge_tool.report.console import console, flow, safe

    out = console()
    counts = Counter(item.verdict for item in data.files)
    would = "would be " if session.dry_run else ""
    if counts:
        out.print(
            safe(f"files {would}" + ", ".join(f"{number} {name}" for name, number in sorted(counts.items())))
        )
    if session.dry_run:
        for item in data.files:
            if item.verdict not in ("unchanged", "kept"):
                out.print(
                    safe(f"  {item.verdict:<10} {item.path}")
                    + safe(f"  {item.reason}" if item.reason else "", "dim"),
                    soft_wrap=True,
                )
    standing = Counter(item.status for item in data.criteria if item.status != "open")
    if standing:
        out.print(
            safe("criteria: " + ", ".join(f"{number} {name}" for name, number in sorted(standing.items())))
        )
    for item_ in data.criteria:
        if item_.status == "failed":
            flow(out, safe(f"  failed AC {item_.id}: {item_.evidence}", "red"), 4)
    for unit, needs in result.waiting:
        flow(out, safe(f"story {unit} waits for {', '.join(needs)}", "yellow"), 2)
    if result.waiting and not result.done and not result.stopped:
        out.print(safe("run those first, or all of them with --with-needed", "yellow"))
    for path in written:
        out.print(safe(f"report: {path}"), soft_wrap=True)
    if result.stopped:
        out.print(safe(f"story {result.stopped} stopped; next: merge-tool {_next(session)}", "yellow"))
    elif finished and not session.dry_run:
        out.print(
            safe(
                f"all stories are done; {session.run.merge_branch} has {session.run.upstream_ref} as a parent",
                "bold",
            )
        )


def _next(session: Session) -> str:
    """The command that shows what the stop is about."""
    from merge_tool.engine.conflicts import find_stopped

    step = None if session.dry_run else find_stopped(session)
    return "conflicts" if step is not None and step.outcome and step.outcome.conflicts else "status"
