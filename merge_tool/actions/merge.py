"""Three-way merge of files: base, the fork, upstream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from merge_tool.actions.base import Context
from merge_tool.actions.cascade import Cascade, Wish, steps_of, told
from merge_tool.actions.grouping import group_paths, renames_of
from merge_tool.actions.recorded import Resolutions
from merge_tool.actions.sides import APART, conflict_at, conflict_of, problem_of, with_names
from merge_tool.actions.strategies import generated, never, side_of
from merge_tool.model.conflict_words import words_of
from merge_tool.model.outcome import (
    Conflict,
    FileVerdict,
    LedgerEntry,
    MergedHunk,
    Outcome,
    OutcomeStatus,
    Verdict,
)
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

    What git leaves in conflict in Python files goes through the merge cascade: `level` says how far (`git`: not at all;
    `safe`, the default: what is nearly always right; `full`: also definitions that both added in one place, edits next to each other and within one
    statement).
    """

    kind: ClassVar[str] = "merge"
    EXAMPLE: ClassVar[dict[str, Any]] = {"paths": ["app/config.py"]}

    paths: tuple[str, ...] = ()
    take: Literal["", "theirs", "ours"] = ""
    level: Wish = ""

    def run(self, ctx: Context) -> Outcome:
        """Merges; see the class."""
        upstream = ctx.need_upstream()
        merged = merge_trees(ctx.repo, upstream.base, ctx.workspace.base, upstream.tree)
        patterns = self.paths or (ctx.batch_files if ctx.batch_files is not None else ctx.story.files)
        return take_merged(
            ctx, merged, upstream.base, upstream.tree, patterns, Verdict.MERGED, self.take, self.level
        )


def take_merged(
    ctx: Context,
    merged: TreeMerge,
    base_tree: str,
    theirs_tree: str,
    patterns: Iterable[str] | None,
    verdict: Verdict,
    take: str = "",
    level: Wish = "",
) -> Outcome:
    """Takes the chosen part of a merged tree into the workspace.

    Args:
        merged: git's merge of the workspace's tree with `theirs_tree`.
        patterns: the files to take; None takes all. Paths that belong together (see `grouping`) are taken
            when one of them matches, and left together when the plan excludes one of them.
        verdict: what a file changed by both sides is called (`merged`, or `picked`).
        take: "theirs" or "ours": whose hunks win in a conflict.
        level: how far the cascade goes with what git left in conflict; see `Merge`.

    Returns:
        An outcome that is `stopped` where conflicts are left.
    """
    repo, workspace = ctx.repo, ctx.workspace
    matcher = PathMatcher(tuple(patterns)) if patterns is not None else None
    base, theirs, result = repo.ls_tree(base_tree), repo.ls_tree(theirs_tree), repo.ls_tree(merged.tree)
    ours = repo.ls_tree(workspace.base)
    up_renames, own_renames = (
        renames_of(repo, base_tree, theirs_tree),
        renames_of(repo, base_tree, workspace.base),
    )
    groups = group_paths(merged, (up_renames, own_renames), (ours, theirs))
    touched = {path for _, path, _ in repo.diff_tree(base_tree, theirs_tree)} | set(merged.conflicts)
    touched |= {path for _, path, _ in repo.diff_tree(workspace.base, merged.tree)}
    touched |= {other for path in touched for other in groups.get(path, ())}
    files: list[FileVerdict] = []
    conflicts: list[Conflict] = []
    ledger: list[LedgerEntry] = []
    hunks: list[MergedHunk] = []

    def chosen(path: str) -> bool:
        group = groups.get(path, (path,))
        wanted = matcher is None or any(matcher.matches(item) for item in group)
        return wanted and not _left_out(ctx, path, group) and not side_of(ctx, group)

    trees = (base_tree, workspace.base, theirs_tree)
    cascade = Cascade.of(ctx, "git" if take else level, merged.conflicts, trees, chosen)
    recorded = Resolutions(ctx)
    for path in sorted(touched):
        group = groups.get(path, (path,))
        known = path in base or path in ours or path in theirs
        if not known and path in merged.conflicts and "~" in path:
            continue  # a name that git made up (`l~<hash>`); the real name of its group stands for it
        if matcher is not None and not any(matcher.matches(item) for item in group):
            continue
        mine, new, upstream = workspace.entry(path), result.get(path), theirs.get(path)
        if out := _left_out(ctx, path, group):
            if mine != new or base.get(path) != upstream:
                files.append(FileVerdict(path, Verdict.EXCLUDED, "plan", out))
                if not ctx.excluded(path):
                    word = "never taken" if never(ctx, group) else "needs a person"
                    ledger.append(LedgerEntry(path, word, out))
            continue
        if (entry := generated(ctx, path, group, base.get(path), upstream)) is not None:
            files.append(entry[0])
            ledger += entry[1]
            continue
        conflict = conflict_at(merged, path, group, base.get(path), mine, upstream)
        if (
            conflict is None
            and mine is None
            and new is None
            and upstream not in (None, base.get(path))
            and len(group) == 1
        ):
            # No rule of git's is known that comes here; were there one, upstream's change must not be lost in silence.
            conflict = conflict_of(path, "upstream's change found no place", base.get(path), mine, upstream)
        if conflict is not None and conflict.kind in APART:
            new = mine  # git moved one side to a name of its own; the fork's file stays where it is until a person decides
        side = side_of(ctx, group) or take
        if conflict is not None:
            new = with_names(repo, merged, new)
        three = (
            base.get(own_renames.get(path) or up_renames.get(path) or path),
            mine or ours.get(up_renames.get(path, "")),
            upstream or theirs.get(own_renames.get(path, "")),
        )
        item, conflict = _one(ctx, path, mine, new, three, upstream, conflict, side, verdict)
        if conflict is not None and not side and conflict.kind in BY_SYNTAX:
            item, conflict, found = _by_syntax(ctx, cascade, item, conflict, verdict)
            if conflict is not None and level != "git":
                item, conflict, found = recorded.replay(item, conflict, found, verdict)
            hunks += found
        item = _renamed(item, path, up_renames, own_renames, ours, base, verdict)
        files.append(item)
        if conflict:
            conflicts.append(conflict)
    return replace(_outcome(files, conflicts, verdict, ledger), hunks=tuple(hunks))


Three = tuple[Entry | None, Entry | None, Entry | None]

# Conflicts about a file's text; the others are about where it is, or whether.
BY_SYNTAX = ("content", "add/add", "unparsable")


def _by_syntax(
    ctx: Context, cascade: Cascade, item: FileVerdict, conflict: Conflict, verdict: Verdict
) -> tuple[FileVerdict, Conflict | None, tuple[MergedHunk, ...]]:
    """A conflicted file after the cascade: merged, or with markers for what is left of it."""
    path = conflict.path
    result = cascade.again(path, conflict)
    if result is None or not (result.hunks or result.clean):
        return item, conflict, ()
    before = ctx.workspace.entry(path)
    mode = before.mode if before is not None and before.is_file else conflict.ours_mode
    ctx.workspace.put(path, Entry(mode, ctx.repo.write_blob(result.data)))
    steps = steps_of(result)
    by = f"git, then {steps}" if steps else "git"
    if result.clean:
        count = len(result.hunks)
        reason = f"{count} conflict{'s' * (count != 1)} merged by syntax"
        return FileVerdict(path, verdict, by, reason), None, told(path, result)
    left = result.left or 1
    reason = f"{conflict.kind}: {left} of {max(len(result.hunks), left)} left"
    if result.problem:
        reason += f"; {result.problem}"
    return FileVerdict(path, Verdict.CONFLICTED, by, reason), conflict, told(path, result)


def _left_out(ctx: Context, path: str, group: tuple[str, ...]) -> str:
    """Why a path is left as the fork has it: the plan excludes it, or another name that it had or has; "" where neither."""
    if reason := ctx.excluded(path):
        return reason
    if reason := never(ctx, group):
        return reason
    for other in group:
        if reason := ctx.excluded(other):
            return f"belongs with {other}, which the plan excludes ({reason}); the fork's is kept as it is"
    return ""


def _renamed(
    item: FileVerdict, path: str, up: Mapping[str, str], own: Mapping[str, str],
    ours: Mapping[str, Entry], base: Mapping[str, Entry], verdict: Verdict,
) -> FileVerdict:  # fmt: skip
    """A file's verdict with its rename told."""
    if path in up and item.verdict is Verdict.COPIED:
        old = up[path]
        kind = Verdict.UPDATED if ours.get(old) == base.get(old) else Verdict.MERGED
        return FileVerdict(
            path, verdict if verdict is Verdict.PICKED else kind, item.by, f"renamed from {old}"
        )
    if path in own and item.verdict in (Verdict.MERGED, Verdict.PICKED):
        return FileVerdict(path, item.verdict, item.by, f"renamed here from {own[path]}")
    for pairs, word in ((up, "renamed to"), (own, "renamed here to")):
        new = next((name for name, old in pairs.items() if old == path), "")
        if new and item.verdict in (Verdict.DELETED, Verdict.UNCHANGED):
            return FileVerdict(path, item.verdict, item.by, f"{word} {new}")
    return item


def _one(
    ctx: Context, path: str, mine: Entry | None, new: Entry | None, three: Three, theirs: Entry | None,
    conflict: Conflict | None, take: str, verdict: Verdict,
) -> tuple[FileVerdict, Conflict | None]:  # fmt: skip
    """Takes one path and says what that was.

    Args:
        mine, new, theirs: what stands at the path in the fork, in git's merge, and in upstream.
        three: the file's base, ours and theirs, by the names that it has there.
    """
    why = ctx.upstream.without.get(path, "") if ctx.upstream and verdict is Verdict.MERGED else ""
    if conflict is not None:
        if take and (resolved := _take_side(ctx, path, conflict, take)) is not False:
            ctx.workspace.put(path, resolved)
            return FileVerdict(path, verdict, f"git, conflicts to {take}", "the story takes this side"), None
        ctx.workspace.put(path, new)
        return FileVerdict(path, Verdict.CONFLICTED, "git", words_of(conflict).line), conflict
    if mine == new:
        return FileVerdict(
            path, Verdict.UNCHANGED, "git", "has upstream's change already" if mine == theirs else ""
        ), None
    if new is None:
        ctx.workspace.put(path, None)
        return FileVerdict(path, Verdict.DELETED, "git", "upstream removed it"), None
    ctx.workspace.put(path, new)
    kind, problem = problem_of(ctx.repo, path, *three, new)
    if problem:
        note = f"git merged it, but {problem}"
        found = conflict_of(path, kind, *three, note="" if kind == "unparsable" else note)
        return FileVerdict(path, Verdict.CONFLICTED, "git", note), found
    if verdict is Verdict.PICKED:
        return FileVerdict(path, verdict, "git", why), None
    if mine is None:
        return FileVerdict(path, Verdict.COPIED, "git", why or "new in upstream"), None
    if mine == three[0]:
        return FileVerdict(path, Verdict.UPDATED, "git", why), None
    return FileVerdict(path, verdict, "git", why), None


def _take_side(ctx: Context, path: str, conflict: Conflict, take: str) -> Entry | Literal[False] | None:
    """The file with conflicting hunks resolved to one side; None where that side deleted it; False where git cannot."""
    side = conflict.theirs if take == "theirs" else conflict.ours
    mode = (conflict.theirs_mode if take == "theirs" else conflict.ours_mode) or conflict.mode
    if not (conflict.ours and conflict.theirs):
        return Entry(mode, side) if side else None
    if {conflict.ours_mode, conflict.theirs_mode} - {"100644", "100755"}:
        return Entry(mode, side)  # a symlink or a submodule: there are no hunks, the side is taken whole
    blobs = ctx.repo.read_blobs(filter(None, [conflict.base, conflict.ours, conflict.theirs]))
    data = ctx.repo.merge_file(
        blobs.get(conflict.base, b""), blobs[conflict.ours], blobs[conflict.theirs], take
    )
    if data is None or (parses(path, data) and not parses(path, blobs[side])):
        return False
    return Entry(mode, ctx.repo.write_blob(data))


def _outcome(
    files: list[FileVerdict], conflicts: list[Conflict], verdict: Verdict, ledger: list[LedgerEntry]
) -> Outcome:
    counts: dict[str, int] = {}
    for item in files:
        counts[item.verdict.value] = counts.get(item.verdict.value, 0) + 1
    summary = (
        ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        or f"nothing to be {verdict.value}"
    )
    status = OutcomeStatus.STOPPED if conflicts else OutcomeStatus.DONE
    reasons = {item.path: item.reason for item in files}
    details = tuple(_told(item, reasons.get(item.path, "")) for item in conflicts)
    return Outcome(
        status, summary, files=tuple(files), conflicts=tuple(conflicts), ledger=tuple(ledger), details=details
    )


def _told(conflict: Conflict, reason: str) -> str:
    """A conflict as one line of the stop: where, of what kind, and why nothing decided it."""
    text = reason or words_of(conflict).line
    return f"{conflict.path}: {text if text.startswith(conflict.kind) else f'{conflict.kind}: {text}'}"


ACTION = Merge
