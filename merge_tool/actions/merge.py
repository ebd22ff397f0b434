"""Three-way merge of files: base, the fork, upstream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from merge_tool.actions.base import Context
from merge_tool.model.outcome import Conflict, FileVerdict, Outcome, OutcomeStatus, Verdict
from merge_tool.plan.patterns import PathMatcher
from merge_tool.vcs.repo import Entry
from merge_tool.vcs.three_way import TreeMerge, merge_trees
from merge_tool.vcs.workspace import parses


@dataclass(frozen=True)
class Merge:
    """Merges upstream's changes since the merge base into the files that match `paths` (a batched story: into its part).

    Renames are followed. A clean merge that does not parse although both sides did is treated as a conflict.
    `take` says whose hunks win where both sides changed the same lines: `theirs` (upstream), `ours` (the fork), or
    nobody's (then a person decides).
    """

    kind: ClassVar[str] = "merge"
    EXAMPLE: ClassVar[dict[str, Any]] = {"paths": ["app/config.py"]}

    paths: tuple[str, ...] = ()
    take: Literal["", "theirs", "ours"] = ""

    def run(self, ctx: Context) -> Outcome:
        """Merges; see the class."""
        upstream = ctx.need_upstream()
        merged = merge_trees(ctx.repo, upstream.base, ctx.workspace.base, upstream.tree)
        patterns = self.paths or (ctx.batch_files if ctx.batch_files is not None else ctx.story.files)
        return take_merged(ctx, merged, upstream.base, upstream.tree, patterns, Verdict.MERGED, self.take)


def take_merged(
    ctx: Context,
    merged: TreeMerge,
    base_tree: str,
    theirs_tree: str,
    patterns: Iterable[str] | None,
    verdict: Verdict,
    take: str = "",
) -> Outcome:
    """Takes the chosen part of a merged tree into the workspace.

    Args:
        merged: git's merge of the workspace's tree with `theirs_tree`.
        patterns: the files to take; None takes all. A renamed file is taken when its old or its new name matches.
        verdict: what a file changed by both sides is called (`merged`, or `picked`).
        take: "theirs" or "ours": whose hunks win in a conflict.

    Returns:
        An outcome that is `stopped` where conflicts are left.
    """
    repo, workspace = ctx.repo, ctx.workspace
    matcher = PathMatcher(tuple(patterns)) if patterns is not None else None
    base, theirs, result = repo.ls_tree(base_tree), repo.ls_tree(theirs_tree), repo.ls_tree(merged.tree)
    renames = {
        path: old
        for status, path, old in repo.diff_tree(base_tree, theirs_tree, renames=True)
        if status == "R"
    }
    touched = {path for _, path, _ in repo.diff_tree(base_tree, theirs_tree)} | set(merged.conflicts)
    touched |= {path for _, path, _ in repo.diff_tree(workspace.base, merged.tree)}
    original = repo.ls_tree(workspace.base)
    files: list[FileVerdict] = []
    conflicts: list[Conflict] = []
    for path in sorted(touched):
        partner = renames.get(path) or next((new for new, old in renames.items() if old == path), "")
        if matcher is not None and not matcher.matches(path) and not (partner and matcher.matches(partner)):
            continue
        mine, new = workspace.entry(path), result.get(path)
        if reason := ctx.excluded(path):
            if mine != new or base.get(path) != theirs.get(path):
                files.append(FileVerdict(path, Verdict.EXCLUDED, "plan", reason))
            continue
        item, conflict = _one(
            ctx, path, mine, new, base.get(path), theirs.get(path), merged.conflicts.get(path), take, verdict
        )
        if path in renames and item.verdict is Verdict.COPIED:
            old = renames[path]
            kind = Verdict.UPDATED if original.get(old) == base.get(old) else Verdict.MERGED
            item = FileVerdict(
                path, verdict if verdict is Verdict.PICKED else kind, item.by, f"renamed from {old}"
            )
        elif partner and item.verdict is Verdict.DELETED:
            item = FileVerdict(path, item.verdict, item.by, f"renamed to {partner}")
        files.append(item)
        if conflict:
            conflicts.append(conflict)
    return _outcome(files, conflicts, verdict)


def _one(
    ctx: Context, path: str, mine: Entry | None, new: Entry | None, base: Entry | None, theirs: Entry | None,
    conflict: Conflict | None, take: str, verdict: Verdict,
) -> tuple[FileVerdict, Conflict | None]:  # fmt: skip
    """Takes one path and says what that was."""
    why = ctx.upstream.without.get(path, "") if ctx.upstream and verdict is Verdict.MERGED else ""
    if conflict is not None:
        if take and (resolved := _take_side(ctx, path, conflict, take)) is not False:
            ctx.workspace.put(path, resolved)
            return FileVerdict(path, verdict, f"git, conflicts to {take}", "the story takes this side"), None
        ctx.workspace.put(path, new)
        return FileVerdict(path, Verdict.CONFLICTED, "git", conflict.kind), conflict
    if mine == new:
        return FileVerdict(
            path, Verdict.UNCHANGED, "git", "has upstream's change already" if mine == theirs else ""
        ), None
    if new is None:
        ctx.workspace.put(path, None)
        return FileVerdict(path, Verdict.DELETED, "git", "upstream removed it"), None
    if (
        mine is not None
        and mine != base
        and new != theirs
        and (problem := _broken(ctx, path, mine, theirs, new))
    ):
        ctx.workspace.put(path, new)
        sides = Conflict(
            path, "unparsable", base.oid if base else "", mine.oid, theirs.oid if theirs else "", new.mode
        )
        return FileVerdict(
            path, Verdict.CONFLICTED, "git", f"git merged it, but it does not parse: {problem}"
        ), sides
    ctx.workspace.put(path, new)
    if verdict is Verdict.PICKED:
        return FileVerdict(path, verdict, "git", why), None
    if mine is None:
        return FileVerdict(path, Verdict.COPIED, "git", why or "new in upstream"), None
    if mine == base:
        return FileVerdict(path, Verdict.UPDATED, "git", why), None
    return FileVerdict(path, verdict, "git", why), None


def _broken(ctx: Context, path: str, mine: Entry, theirs: Entry | None, new: Entry) -> str:
    """Why a cleanly merged file does not parse although its sides do, or ""."""
    if not path.endswith(".py") or not new.is_file:
        return ""
    blobs = ctx.repo.read_blobs([mine.oid, new.oid, *([theirs.oid] if theirs else [])])
    problem = parses(path, blobs[new.oid])
    if not problem or parses(path, blobs[mine.oid]) or (theirs and parses(path, blobs[theirs.oid])):
        return ""
    return problem


def _take_side(ctx: Context, path: str, conflict: Conflict, take: str) -> Entry | Literal[False] | None:
    """The file with conflicting hunks resolved to one side; None where that side deleted it; False where git cannot."""
    side = conflict.theirs if take == "theirs" else conflict.ours
    if not (conflict.ours and conflict.theirs):
        return Entry(conflict.mode, side) if side else None
    blobs = ctx.repo.read_blobs(filter(None, [conflict.base, conflict.ours, conflict.theirs]))
    data = ctx.repo.merge_file(
        blobs.get(conflict.base, b""), blobs[conflict.ours], blobs[conflict.theirs], take
    )
    if data is None or (parses(path, data) and not parses(path, blobs[side])):
        return False
    return Entry(conflict.mode, ctx.repo.write_blob(data))


def _outcome(files: list[FileVerdict], conflicts: list[Conflict], verdict: Verdict) -> Outcome:
    counts: dict[str, int] = {}
    for item in files:
        counts[item.verdict.value] = counts.get(item.verdict.value, 0) + 1
    summary = (
        ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        or f"nothing to be {verdict.value}"
    )
    status = OutcomeStatus.STOPPED if conflicts else OutcomeStatus.DONE
    return Outcome(status, summary, files=tuple(files), conflicts=tuple(conflicts))


ACTION = Merge
