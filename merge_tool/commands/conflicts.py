"""`conflicts` and `resolve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merge_tool.commands import options
from merge_tool.commands.opening import Request

if TYPE_CHECKING:
    from merge_tool.engine.conflicts import Open
    from merge_tool.engine.hunks import OpenHunk
    from merge_tool.engine.session import Session
    from merge_tool.model.conflict_words import Words
    from merge_tool.model.outcome import MergedHunk
    from merge_tool.model.state import StepState

_LINES = 12  # lines of a side that the list of all conflicts shows; one file's own list shows all


def conflicts(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="Only this file, with all lines.", show_default=False)
    ] = "",
    repo: options.Repo = Path(),
    state_url: options.StateUrl = "",
    as_json: options.Json = False,
) -> int:
    """List the conflicts of the story that stopped: what each side did, why no step merged it, and what is suggested.

    The numbers are those of `resolve --hunk`. A suggestion is what the merge level `full` would write: look at it first.

    Examples: merge-tool conflicts; merge-tool conflicts app/config.py
    """
    from merge_tool.commands.opening import active_session
    from merge_tool.engine.conflicts import is_stopped, links_of, open_conflicts, stopped_step
    from merge_tool.engine.hunks import open_hunks
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.model.conflict_words import words_of
    from merge_tool.report.summary import say

    with active_session(Request(repo, state_url=state_url), lock=False) as session:
        step = stopped_step(session) if is_stopped(session) else None
        items = open_conflicts(session, step) if step is not None else []
        if file:
            items = [item for item in items if item.conflict.path == file]
            if not items:
                raise UserError(f"{file} is not in conflict", hint="see `merge-tool conflicts`")
        told = _told(step)
        shown = [
            (item, told.get(item.conflict.path, ()), open_hunks(session, item.conflict, told.get(item.conflict.path, ())))
            for item in items
        ]  # fmt: skip
        links = links_of(session, [item.conflict for item in items])
        root = session.worktree.path
    lines: list[str] = []
    for item, merged, hunks in shown:
        lines += _lines(root, item, merged, hunks, words_of(item.conflict, links), whole=bool(file))
    left = [item for item in items if not item.resolved]
    if left:
        ways = "|--both|--suggestion|--edit [--hunk N]" if any(hunks for _, _, hunks in shown) else ""
        lines.append(
            f"edit these files, or: merge-tool resolve FILE --ours|--theirs{ways}; then: merge-tool continue"
        )
    elif items:
        lines.append("all are resolved; next: merge-tool continue")
    else:
        lines.append("no conflicts")
    say(
        {"conflicts": [_data(root, *item, words_of(item[0].conflict, links)) for item in shown]},
        lines,
        as_json,
    )
    return ExitCode.FINDINGS if left else ExitCode.CLEAN


def _told(step: StepState | None) -> dict[str, tuple[MergedHunk, ...]]:
    """The hunks on record of each file of the step."""
    found: dict[str, list[MergedHunk]] = {}
    for hunk in step.outcome.hunks if step is not None and step.outcome is not None else ():
        found.setdefault(hunk.path, []).append(hunk)
    return {path: tuple(hunks) for path, hunks in found.items()}


def _lines(
    root: Path,
    item: Open,
    merged: tuple[MergedHunk, ...],
    hunks: list[OpenHunk],
    words: Words,
    *,
    whole: bool,
) -> list[str]:
    mark = "resolved" if item.resolved else item.why
    lines = [f"{root / item.conflict.path}: {item.conflict.kind}: {mark}"]
    if not hunks and not item.resolved:
        lines.append(f"  {words.line}")
        lines.append(f"  merge-tool resolve {item.conflict.path}: {words.mend}")
    done = [hunk for hunk in merged if hunk.confidence]
    if done:
        steps = ", ".join(dict.fromkeys(hunk.step for hunk in done))
        lines.append(f"  {len(done)} other conflict{'s' * (len(done) != 1)} of this file merged by {steps}")
    for hunk in hunks:
        block = hunk.block
        lines.append(
            f"  {hunk.number}. line {block.line}: the fork {hunk.ours_did}; upstream {hunk.theirs_did}"
        )
        if hunk.reason:
            lines.append(f"     left because: {hunk.reason}")
        for name, text in (("fork", block.ours), ("base", block.base or ""), ("upstream", block.theirs)):
            lines += _side(name, text, whole)
        if hunk.suggestion is not None:
            lines += _side(f"suggested by {hunk.suggested_by} (level full)", hunk.suggestion, whole)
    return lines


def _side(name: str, text: str, whole: bool) -> list[str]:
    rows = _readable(text).splitlines()
    if not rows:
        return [f"     {name}: nothing"]
    cut = rows if whole or len(rows) <= _LINES else rows[:_LINES]
    more = [f"     | … {len(rows) - len(cut)} more lines"] if len(cut) < len(rows) else []
    return [f"     {name}:", *(f"     | {row}" for row in cut), *more]


def _data(
    root: Path, item: Open, merged: tuple[MergedHunk, ...], hunks: list[OpenHunk], words: Words
) -> dict[str, Any]:
    return {
        "path": item.conflict.path, "file": str(root / item.conflict.path), "kind": item.conflict.kind,
        "resolved": item.resolved, "why": item.why, "markers": list(item.markers),
        "cause": words.cause, "ours_did": words.ours_did, "theirs_did": words.theirs_did, "mend": words.mend,
        "names": list(item.conflict.names),
        "base": item.conflict.base, "ours": item.conflict.ours, "theirs": item.conflict.theirs,
        "hunks": [
            {"line": hunk.line, "step": hunk.step, "confidence": hunk.confidence, "reason": hunk.reason} for hunk in merged
        ],
        "open": [
            {
                "number": hunk.number, "line": hunk.block.line, "end_line": hunk.block.end_line,
                "base": None if hunk.block.base is None else _readable(hunk.block.base),
                "ours": _readable(hunk.block.ours), "theirs": _readable(hunk.block.theirs),
                "ours_did": hunk.ours_did, "theirs_did": hunk.theirs_did, "reason": hunk.reason,
                "suggestion": None if hunk.suggestion is None else _readable(hunk.suggestion), "suggested_by": hunk.suggested_by,
            }
            for hunk in hunks
        ],
    }  # fmt: skip


def _readable(text: str) -> str:
    """A text without the bytes that are not UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def resolve(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file, relative to the repository's root.")],
    ours: Annotated[bool, typer.Option("--ours", help="Take the fork's whole file, or its side of --hunk.")] = False,
    theirs: Annotated[bool, typer.Option("--theirs", help="Take upstream's whole file, or its side of --hunk.")] = False,
    both: Annotated[bool, typer.Option("--both", help="The fork's lines, then upstream's, in each conflict.")] = False,
    suggestion: Annotated[
        bool, typer.Option("--suggestion", help="What `merge-tool conflicts` suggests, where it suggests something.")
    ] = False,
    edit: Annotated[bool, typer.Option("--edit", help="Open the file in git's editor.")] = False,
    tool: Annotated[
        str, typer.Option("--tool", metavar="NAME|auto", help="Open the three sides in a tool of git mergetool.", show_default=False)
    ] = "",
    hunk: Annotated[
        list[int] | None, typer.Option("--hunk", metavar="N", help="Only this conflict of the file; may be given several times.", show_default=False)
    ] = None,
    repo: options.Repo = Path(),
    state_url: options.StateUrl = "",
    as_json: options.Json = False,
) -> int:  # fmt: skip
    """Resolve a conflicted file: as you edited it in the worktree, by a side, by both, by the suggestion, or in an editor.

    A file that still holds markers or does not parse is not taken; with --hunk the others are left for the next call.

    Examples: merge-tool resolve app/config.py; merge-tool resolve app/config.py --both --hunk 2
    """
    from merge_tool.commands.opening import active_session
    from merge_tool.engine.conflicts import stopped_step
    from merge_tool.errors import ExitCode, UserError
    from merge_tool.report.summary import say

    names = {
        "ours": ours,
        "theirs": theirs,
        "both": both,
        "suggestion": suggestion,
        "edit": edit,
        "tool": bool(tool),
    }
    given = [f"--{name}" for name, chosen in names.items() if chosen]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} exclude each other", hint="give one of them")
    how = given[0].removeprefix("--") if given else "marked"
    if hunk and how in ("marked", "edit", "tool"):
        raise UserError("--hunk needs a side", hint="--ours, --theirs, --both or --suggestion")
    with active_session(Request(repo, state_url=state_url)) as session:
        line, left = _resolve(session, stopped_step(session), file, how, tuple(hunk or ()), tool)
    say({"path": file, "how": how, "left": left}, [line], as_json)
    return ExitCode.FINDINGS if left else ExitCode.CLEAN


def _resolve(
    session: Session, step: StepState, file: str, how: str, numbers: tuple[int, ...], tool: str
) -> tuple[str, int]:
    """Resolves, and gives a sentence with how many conflicts are left in the file."""
    from merge_tool.engine import hunks
    from merge_tool.engine.conflicts import conflict_of, resolve

    conflict = conflict_of(session, step, file)
    if how in ("ours", "theirs") and not numbers:
        return resolve(session, step, file, how), 0
    if how == "edit":
        hunks.edit(session, file)
    elif how == "tool":
        hunks.run_tool(session, conflict, tool)
    elif how != "marked":
        text = hunks.choose(session, file, how, numbers)  # type: ignore[arg-type] # the four choices
        left = hunks.write_text(session, file, text)
        if left:
            return f"{file}: {left} conflict{'s' * (left != 1)} left", left
        resolve(session, step, file, "marked")
        return f"{file}: {how}" + (f" in conflict {', '.join(map(str, numbers))}" if numbers else ""), 0
    return resolve(session, step, file, "marked"), 0
