"""`approve`: sign a gate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from merge_tool.commands import options
from merge_tool.commands.opening import Request


def approve(
    target: Annotated[
        str,
        typer.Argument(
            metavar="X.Y",
            help="The story at whose gate to sign (X.Y#1: one part of it), or one criterion's id.",
        ),
    ],
    note: Annotated[str, typer.Option("--note", "-m", help="What was looked at.")] = "",
    name: Annotated[
        str, typer.Option("--name", help="Who signs; default: git's user.name and user.email.")
    ] = "",
    repo: options.Repo = Path(),
    state_url: options.StateUrl = "",
    as_json: options.Json = False,
) -> int:
    """Sign a manual gate (a review, a checklist) with name, time and note, once the story has come to it.

    Each part of a batched story has a gate of its own.

    Example: merge-tool approve 5.3.1 --note "read all 25 handlers"
    """
    from merge_tool.commands.opening import active_session
    from merge_tool.engine.conflicts import is_stopped
    from merge_tool.engine.signing import approve as sign
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.report.summary import say

    with active_session(Request(repo, state_url=state_url)) as session:
        who, email = name or session.repo.config("user.name"), session.repo.config("user.email")
        if not who:
            raise UserError("a signature needs a name", hint="--name, or git config user.name")
        signed = sign(session, target, who, email, note.strip())
        goes_on = is_stopped(session)
    say(
        {"signed": signed, "by": who, "note": note},
        [f"signed by {who}: {item}" for item in signed] + (["next: merge-tool continue"] if goes_on else []),
        as_json,
    )
    return ExitCode.CLEAN
