"""`conflicts` and `resolve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from merge_tool.commands import options
from merge_tool.commands.opening import Request


def conflicts(
    repo: options.Repo = Path(), state_url: options.StateUrl = "", as_json: options.Json = False
) -> int:
    """List the conflicts of the story that stopped, with what is left to do in each.

    Example: merge-tool conflicts
    """
    from merge_tool.commands.opening import active_session
    from merge_tool.engine.conflicts import is_stopped, open_conflicts, stopped_step
    from merge_tool.errors import ExitCode
    from merge_tool.report.summary import say

    with active_session(Request(repo, state_url=state_url), lock=False) as session:
        items = open_conflicts(session, stopped_step(session)) if is_stopped(session) else []
        root = session.worktree.path
    lines = []
    for item in items:
        mark = "resolved" if item.resolved else item.why
        lines.append(f"{root / item.conflict.path}: {item.conflict.kind}: {mark}")
    left = [item for item in items if not item.resolved]
    if left:
        lines.append(
            "edit these files, or: merge-tool resolve FILE --ours|--theirs; then: merge-tool continue"
        )
    elif items:
        lines.append("all are resolved; next: merge-tool continue")
    else:
        lines.append("no conflicts")
    data = {
        "conflicts": [
            {
                "path": item.conflict.path, "file": str(root / item.conflict.path), "kind": item.conflict.kind,
                "resolved": item.resolved, "why": item.why, "markers": list(item.markers),
                "base": item.conflict.base, "ours": item.conflict.ours, "theirs": item.conflict.theirs,
            }
            for item in items
        ]
    }  # fmt: skip
    say(data, lines, as_json)
    return ExitCode.FINDINGS if left else ExitCode.CLEAN


def resolve(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file, relative to the repository's root.")],
    ours: Annotated[bool, typer.Option("--ours", help="Take the fork's whole file.")] = False,
    theirs: Annotated[bool, typer.Option("--theirs", help="Take upstream's whole file.")] = False,
    repo: options.Repo = Path(),
    state_url: options.StateUrl = "",
    as_json: options.Json = False,
) -> int:
    """Resolve a conflicted file: as you edited it in the worktree, or by one side.

    Example: merge-tool resolve app/config.py
    """
    from merge_tool.commands.opening import active_session
    from merge_tool.engine.conflicts import resolve as resolve_file
    from merge_tool.engine.conflicts import stopped_step
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.report.summary import say

    if ours and theirs:
        raise UserError("--ours and --theirs exclude each other")
    with active_session(Request(repo, state_url=state_url)) as session:
        how = "ours" if ours else "theirs" if theirs else "marked"
        line = resolve_file(session, stopped_step(session), file, how)
    say({"path": file, "how": how}, [line], as_json)
    return ExitCode.CLEAN
