"""The merge cascade over the files that git left in conflict: the same code for real runs and dry ones."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from merge_tool.actions.base import Context
from merge_tool.lint.workers import default_jobs, share
from merge_tool.merging.cascade import is_python, merge_file
from merge_tool.merging.model import Level, MergeResult, Shift, Step
from merge_tool.model.outcome import Conflict, MergedHunk
from merge_tool.vcs.repo import Repository

Wish = Literal["", "git", "safe", "full"]
LABELS = ("fork", "base", "upstream")
_FILES = ("100644", "100755", "")
MAX_BYTES = 2_000_000  # of one side; larger files are data, and git's markers are left in them


def eligible(path: str, conflict: Conflict) -> bool:
    """Whether the cascade has something to say of a conflict: a Python file that both sides still have as a file."""
    modes = {conflict.ours_mode, conflict.theirs_mode}
    return bool(is_python(path) and conflict.ours and conflict.theirs and modes <= set(_FILES))


def texts_of(repo: Repository, conflict: Conflict) -> tuple[bytes | None, bytes, bytes] | None:
    """Base, ours and theirs of a conflicted file; None where one is too large."""
    blobs = repo.read_blobs(filter(None, [conflict.base, conflict.ours, conflict.theirs]))
    sides = (blobs.get(conflict.base), blobs[conflict.ours], blobs[conflict.theirs])
    return None if any(side is not None and len(side) > MAX_BYTES for side in sides) else sides


def merge_conflict(
    repo: Repository, path: str, conflict: Conflict, level: Level, shift: Shift | None = None
) -> MergeResult | None:
    """One conflicted file through the cascade; None where it is not for it."""
    texts = texts_of(repo, conflict) if eligible(path, conflict) else None
    if texts is None:
        return None
    return merge_file(*texts, path=path, level=level, shift=shift, labels=LABELS)


@dataclass
class Cascade:
    """The conflicted files of one merge, each merged once.

    Attributes:
        level: `git` takes git's word for everything; `safe` (the default) and `full` as in `merge_tool.merging`.
        results: what came of each file, by path.
    """

    ctx: Context
    level: Wish
    results: dict[str, MergeResult]

    @classmethod
    def of(
        cls,
        ctx: Context,
        level: Wish,
        conflicts: Mapping[str, Conflict],
        trees: tuple[str, str, str],
        chosen: Callable[[str], bool],
    ) -> Cascade:
        """Merges the conflicts that `chosen` takes, spread over the cores.

        Args:
            trees: of base, ours and theirs, which the policy's transforms read as a whole.
        """
        made = cls(ctx, level or "safe", {})
        if made.level == "git":
            return made
        paths = [path for path, item in sorted(conflicts.items()) if eligible(path, item) and chosen(path)]
        if paths:
            ctx.say(f"merging {len(paths)} conflicted files by their syntax")
            shifts = _shifts(ctx, trees, paths)
            made._run(paths, conflicts, shifts)
        return made

    def _run(self, paths: list[str], conflicts: Mapping[str, Conflict], shifts: Mapping[str, Shift]) -> None:
        level: Level = "full" if self.level == "full" else "safe"
        texts = {path: texts_of(self.ctx.repo, conflicts[path]) for path in paths}
        work = [path for path in paths if texts[path] is not None]

        def merge(task: int) -> MergeResult:
            path = work[task]
            sides = texts[path]
            assert sides is not None
            return merge_file(*sides, path=path, level=level, shift=shifts.get(path), labels=LABELS)

        def here(task: int) -> None:
            self.results[work[task]] = merge(task)

        back = share(len(work), default_jobs(), lambda task: pickle.dumps(merge(task)), here)
        for task, data in back.items():
            self.results[work[task]] = pickle.loads(data)  # noqa: S301 made by a copy of this process

    def again(self, path: str, conflict: Conflict) -> MergeResult | None:
        """The result for a file, made now where git had called it clean before."""
        if self.level == "git":
            return None
        if path not in self.results:
            found = merge_conflict(self.ctx.repo, path, conflict, "full" if self.level == "full" else "safe")
            if found is None:
                return None
            self.results[path] = found
        return self.results[path]


def told(path: str, result: MergeResult) -> tuple[MergedHunk, ...]:
    """Each hunk of a file and what merged it, for the record."""
    return tuple(
        MergedHunk(path, hunk.line, item.step.value, item.confidence, item.reason)
        for hunk, item in result.hunks
    )


def steps_of(result: MergeResult) -> str:
    """The steps that merged something, the surest first, such as `imports, statements`."""
    order = list(Step)
    used = {item.step for _, item in result.hunks if item.step is not Step.LEFT}
    return ", ".join(step.value for step in sorted(used, key=order.index))


def _shifts(ctx: Context, trees: tuple[str, str, str], paths: Iterable[str]) -> Mapping[str, Shift]:
    """What the policy's transforms make of base and theirs in the conflicted files."""
    from merge_tool.transforms.declared import transforms_of
    from merge_tool.transforms.replay import replay

    transforms = transforms_of(ctx.policy)
    if not transforms:
        return {}
    ctx.say(f"making {len(transforms)} transforms of the fork on base and upstream")
    base, ours, theirs = (_python(ctx.repo, tree) for tree in trees)
    return replay(transforms, base, ours, theirs, list(paths), say=ctx.say).shifts


def _python(repo: Repository, tree: str) -> dict[str, bytes]:
    entries = {path: item for path, item in repo.ls_tree(tree).items() if item.is_file and is_python(path)}
    blobs = repo.read_blobs(item.oid for item in entries.values())
    return {path: blobs[item.oid] for path, item in entries.items() if len(blobs[item.oid]) <= MAX_BYTES}
