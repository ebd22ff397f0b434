"""The cascade over one file: the line merge, then each conflict by the steps that the syntax of Python allows.

Pure but for files that are no Python: bytes in, bytes and an account of every conflict out. What a step is not sure
of stays a conflict, and what a check finds wrong afterwards is undone.
"""

from __future__ import annotations

import ast
import gc
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from merge_tool.merging.assembly import Assembly
from merge_tool.merging.diff import changes
from merge_tool.merging.facts import parse
from merge_tool.merging.form import Texts, UnwritableError, read_texts
from merge_tool.merging.git import git_merge
from merge_tool.merging.islands import islands
from merge_tool.merging.model import Hunk, Level, MergeResult, Resolution, Step
from merge_tool.merging.places import Places
from merge_tool.merging.regions import Region, align
from merge_tool.merging.render import Labels, conflict_text
from merge_tool.merging.review import review
from merge_tool.merging.trials import Material, Trial, attempt, stretches

Transform = Callable[[str], str]
_LABELS: Labels = ("ours", "base", "theirs")


def merge_file(
    base: bytes | None,
    ours: bytes,
    theirs: bytes,
    *,
    path: str = "file.py",
    level: Level = "safe",
    off: Collection[str] = (),
    transforms: Sequence[Transform] = (),
    labels: Labels = _LABELS,
) -> MergeResult:
    """Merges three versions of one file.

    Args:
        base: None where both sides added the file.
        path: tells by its end whether it is Python; other files get git's merge and no more.
        level: `safe`, or `full` with the steps that are right less often.
        off: names of steps that are not taken (see `Step`).
        transforms: the fork's systematic changes; base and theirs are merged as they make them, where that leaves
            fewer conflicts. Each must give the same text when run twice.
        labels: how ours, base and theirs are called in markers.

    Returns:
        The merged bytes. Encoding, byte order mark and line ends are merged like the text.

    Raises:
        VcsError: git cannot be run (only for what is no Python).
    """
    if ours == theirs or theirs == base:
        return MergeResult(ours)
    if ours == base:
        return MergeResult(theirs)
    if not path.endswith((".py", ".pyi")):
        return git_merge(
            base or b"", ours, theirs, labels, "not a Python file: git's merge is all that is tried"
        )
    with _no_collection():
        return _python(base, ours, theirs, level, frozenset(off), transforms, labels)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Trees are many objects and no cycles: looking for garbage among them costs as much as parsing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _python(
    base: bytes | None, ours: bytes, theirs: bytes, level: Level, off: frozenset[str],
    transforms: Sequence[Transform], labels: Labels,
) -> MergeResult:  # fmt: skip
    """The merge of Python files, or git's where one cannot be read."""
    try:
        texts = read_texts(base or b"", ours, theirs, new=base is None)
        if base is None:
            texts = replace(texts, base=_common(texts.ours, texts.theirs))
        trees = [parse(text) for text in (texts.base, texts.ours, texts.theirs)]
    except (SyntaxError, ValueError) as error:
        reason = f"a side is no Python that can be read ({error}): git's merge is all that is tried"
        return git_merge(base or b"", ours, theirs, labels, reason)
    try:
        return _transformed(texts, trees, level, off, transforms, labels)
    except UnwritableError as error:
        return git_merge(base or b"", ours, theirs, labels, str(error))


def _transformed(
    texts: Texts, trees: list[ast.Module], level: Level, off: frozenset[str],
    transforms: Sequence[Transform], labels: Labels,
) -> MergeResult:  # fmt: skip
    """The merge of the texts as they are, or as the fork's transforms make them where that leaves less."""
    plain = _Merge(texts, trees, level, off, labels).run()
    if plain.clean or not transforms or Step.TRANSFORM in off:
        return plain
    old, new = texts.base, texts.theirs
    for transform in transforms:
        old, new = transform(old), transform(new)
    if (old, new) == (texts.base, texts.theirs):
        return plain
    try:
        other = [parse(old), trees[1], parse(new)]
    except SyntaxError:
        return plain
    shifted = _Merge(replace(texts, base=old, theirs=new), other, level, off, labels).run()
    if shifted.problem or shifted.left >= plain.left:
        return plain
    known = {hunk.ours for hunk, _ in shifted.hunks}
    gone = [
        (hunk, Resolution(Step.TRANSFORM, "safe", hunk.ours, "the fork's transforms explain the difference"))
        for hunk, _ in plain.hunks
        if hunk.ours not in known
    ]
    return replace(shifted, hunks=(*gone, *shifted.hunks))


def _common(ours: str, theirs: str) -> str:
    """The lines that two texts share, which stand for the base where both sides added the file.

    Raises:
        ValueError: they share none: two files of one name, which nobody wants joined.
    """
    own, other = split_lines(ours), split_lines(theirs)
    shared: list[str] = []
    at = 0
    for change in changes(own, other):
        shared += own[at : change.old_start]
        at = change.old_end
    shared += own[at:]
    if not any(line.strip() for line in shared):
        raise ValueError("both sides added the file, and nothing in it is common")
    return "".join(shared)


def split_lines(text: str) -> list[str]:
    """The text's lines with their ends: only a line feed ends one, as git has it."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


class _Merge:
    """One merge of three texts."""

    def __init__(
        self, texts: Texts, trees: list[ast.Module], level: Level, off: frozenset[str], labels: Labels
    ) -> None:
        self._texts, self._level, self._off, self._labels = texts, level, off, labels
        base, ours, theirs = map(split_lines, (texts.base, texts.ours, texts.theirs))
        self._material = Material(base, ours, theirs, align(base, ours, theirs), trees)

    def run(self) -> MergeResult:
        """Merges; see `merge_file`."""
        trials = self._trials(frozenset())
        found = review(self._material, trials)
        if found.lost:
            trials = self._trials(found.lost)
            found = review(self._material, trials)
            for name in sorted(found.lost):
                for trial in trials:
                    taken = re.search(rf"\bimport\b.*\b{name}\b", trial.sides(self._material), re.DOTALL)
                    if taken and trial.text is not None:
                        trial.leave(f"the import of {name} would be missing where it is used")
            found = review(self._material, trials)
        return self._result(trials, found.problem)

    def _trials(self, keep: frozenset[str]) -> list[Trial]:
        """Every stretch merged by itself."""
        material = self._material
        base, ours, theirs = (
            Places(tree, lines)
            for tree, lines in zip(
                material.trees, (material.base, material.ours, material.theirs), strict=True
            )
        )
        found = islands(material.regions, (base, ours, theirs))
        conflicts = [index for index, region in enumerate(material.regions) if region.kind == "conflict"]
        trials: list[Trial] = []
        for index, island in zip(conflicts, found, strict=True):
            if trials and island is not None and trials[-1].island is island:
                trials[-1].conflicts.append(index)
            elif island is None:
                trials.append(Trial(None, [index]))
            else:
                trials.append(attempt(material, island, index, self._level, self._off, keep))
        return trials

    def _result(self, trials: list[Trial], problem: str) -> MergeResult:
        material = self._material

        def sides(region: Region) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
            return (
                material.base[slice(*region.base)], material.ours[slice(*region.ours)], material.theirs[slice(*region.theirs)],
            )  # fmt: skip

        made = Assembly(
            material.regions, material.ours, material.theirs,
            lambda region: conflict_text(*sides(region), self._labels),
        )  # fmt: skip
        text = made.build(stretches(trials))
        hunks: list[tuple[Hunk, Resolution]] = []
        for trial in trials:
            confidence: Level | Literal[""] = "" if trial.text is None else "full" if trial.unsure else "safe"
            for place, index in enumerate(trial.conflicts):
                base, ours, theirs = ("".join(part) for part in sides(material.regions[index]))
                part = trial.text if trial.text is not None and place == 0 else ""
                resolution = Resolution(trial.step, confidence, part, trial.reason)
                hunks.append((Hunk(made.starts[index], base, ours, theirs), resolution))
        return MergeResult(self._texts.encode(text), tuple(hunks), problem)
