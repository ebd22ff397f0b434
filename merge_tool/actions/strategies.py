"""What a story says of single files: whose lines win, what is never taken, what is generated."""

from __future__ import annotations

from collections.abc import Sequence

from merge_tool.actions.base import Context
from merge_tool.model.outcome import FileVerdict, LedgerEntry, Verdict
from merge_tool.model.plan import Strategy
from merge_tool.plan.patterns import PathMatcher
from merge_tool.vcs.repo import Entry


def strategy_of(ctx: Context, group: Sequence[str]) -> Strategy | None:
    """The first of the story's strategies that matches a file, or a name that it had or has."""
    for item in ctx.story.strategies:
        matcher = PathMatcher((item.pattern,))
        if any(matcher.matches(path) for path in group):
            return item
    return None


def side_of(ctx: Context, group: Sequence[str]) -> str:
    """`theirs` or `ours` where the story says whose lines win, else ""."""
    found = strategy_of(ctx, group)
    return found.take if found is not None and found.take in ("theirs", "ours") else ""


def never(ctx: Context, group: Sequence[str]) -> str:
    """Why the story leaves a file as the fork has it, or "" where it does not."""
    found = strategy_of(ctx, group)
    if found is None or found.take != "never":
        return ""
    return f"story {ctx.story.id} never takes {found.pattern}; the fork's is kept as it is"


def generated(
    ctx: Context, path: str, group: Sequence[str], base: Entry | None, theirs: Entry | None
) -> tuple[FileVerdict, tuple[LedgerEntry, ...]] | None:
    """Takes upstream's whole file where the story calls it generated: lines of such files are not to be merged.

    Returns:
        Its verdict, and what is left to do; None where the file is no generated one.
    """
    found = strategy_of(ctx, group)
    if found is None or found.take != "generated":
        return None
    mine = ctx.workspace.entry(path)
    if theirs in (base, mine):
        return FileVerdict(path, Verdict.UNCHANGED, "plan", "generated; upstream has nothing new"), ()
    ctx.workspace.put(path, theirs)
    todo = f"make it anew: {found.made_by}" if found.made_by else "make it anew"
    if theirs is None:
        return FileVerdict(path, Verdict.DELETED, "plan", "generated; upstream removed it"), ()
    kind = Verdict.COPIED if mine is None else Verdict.UPDATED
    reason = f"generated: upstream's whole file; {todo}"
    return FileVerdict(path, kind, "plan", reason), (LedgerEntry(path, "generated", todo),)
