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
from dataclasses import dataclass, replace
from typing import Literal

from merge_tool.codemods.text import decode_source
from merge_tool.merging.assembly import Assembly
from merge_tool.merging.diff import changes
from merge_tool.merging.facts import parse
from merge_tool.merging.form import Texts, UnwritableError, read_texts
from merge_tool.merging.git import git_merge
from merge_tool.merging.islands import islands
from merge_tool.merging.model import Hunk, Level, MergeResult, Resolution, Shift, Step
from merge_tool.merging.places import Places
from merge_tool.merging.regions import Region, align
from merge_tool.merging.render import MARKER_SIZE, Labels, conflict_text
from merge_tool.merging.review import leave_unbound, review
from merge_tool.merging.trials import Material, Trial, attempt, stretches

Transform = Callable[[str], str]
_LABELS: Labels = ("ours", "base", "theirs")


@dataclass(frozen=True)
class _How:
    """What a merge may do, and how it writes what it leaves."""

    level: Level
    off: frozenset[str]
    labels: Labels
    marker_size: int


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
    shift: Shift | None = None,
    marker_size: int = MARKER_SIZE,
) -> MergeResult:
    """Merges three versions of one file.

    Args:
        base: None where both sides added the file.
        path: tells by its end whether it is Python; other files get git's merge and no more.
        level: `safe`, or `full` with the steps that are right less often.
        off: names of steps that are not taken (see `Step`).
        transforms: the fork's systematic changes; base and theirs are merged as they make them, where that leaves
            fewer conflicts. One that changes its own output again is left out.
        labels: how ours, base and theirs are called in markers.
        shift: what transforms that need more than one file made of base and theirs; see `merge_tool.transforms`.
        marker_size: how many characters a marker has, at least.

    Returns:
        The merged bytes. Encoding, byte order mark and line ends are merged like the text.

    Raises:
        VcsError: git cannot be run (only for what is no Python).
    """
    if ours == theirs or theirs == base:
        return MergeResult(ours)
    if ours == base:
        return MergeResult(theirs)
    if not is_python(path):
        return git_merge(
            base or b"",
            ours,
            theirs,
            labels,
            "not a Python file: git's merge is all that is tried",
            marker_size,
        )
    how = _How(level, frozenset(off), labels, marker_size)
    with _no_collection():
        plain = _python(base, ours, theirs, how)
        if Step.TRANSFORM in off or (plain.clean and not plain.hunks):
            return plain
        made = shift or _shifted(base, theirs, transforms)
        if made is None:
            return plain
        other = _python(made.base, ours, made.theirs, how)
        return _better(plain, other, made)


def is_python(path: str) -> bool:
    """Whether a file of this name is merged as Python."""
    return path.endswith((".py", ".pyi"))


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


def _python(base: bytes | None, ours: bytes, theirs: bytes, how: _How) -> MergeResult:
    """The merge of Python files, or git's where one cannot be read."""
    try:
        texts = read_texts(base or b"", ours, theirs, new=base is None)
        if base is None:
            texts = replace(texts, base=_common(texts.ours, texts.theirs))
        trees = [parse(text) for text in (texts.base, texts.ours, texts.theirs)]
    except (SyntaxError, ValueError) as error:
        reason = f"a side is no Python that can be read ({error}): git's merge is all that is tried"
        return git_merge(base or b"", ours, theirs, how.labels, reason, how.marker_size)
    try:
        return _Merge(texts, trees, how).run()
    except UnwritableError as error:
        return git_merge(base or b"", ours, theirs, how.labels, str(error), how.marker_size)


def _shifted(base: bytes | None, theirs: bytes, transforms: Sequence[Transform]) -> Shift | None:
    """What the transforms make of base and theirs; None where they change nothing or a text cannot be read."""
    try:
        forms = [decode_source(data) for data in (base or b"", theirs)]
        texts = [form.text for form in forms]
        for transform in transforms:
            once = [transform(text) for text in texts]
            if [transform(text) for text in once] == once:
                texts = once
        if texts == [form.text for form in forms]:
            return None
        old, new = (form.encode(text) for form, text in zip(forms, texts, strict=True))
    except ValueError:
        return None
    return Shift(old if base is not None else None, new)


def _better(plain: MergeResult, shifted: MergeResult, shift: Shift) -> MergeResult:
    """The merge that leaves less to a person; of two that leave the same, the one that had less to decide."""
    if shifted.problem or _weight(shifted) >= _weight(plain):
        return plain
    known = [hunk.ours for hunk, _ in shifted.hunks]
    told = f" ({', '.join(shift.made)})" if shift.made else ""
    reason = f"the fork's transforms explain the difference{told}"
    gone = [
        (hunk, Resolution(Step.TRANSFORM, "safe", hunk.ours, reason))
        for hunk, _ in plain.hunks
        if not any(hunk.ours == text or (hunk.ours and hunk.ours in text) for text in known)
    ]
    return replace(shifted, hunks=(*gone, *shifted.hunks))


def _weight(result: MergeResult) -> tuple[int, int, int]:
    """Conflicts left, the lines in them, and conflicts in all."""
    left = [hunk for hunk, item in result.hunks if item.step is Step.LEFT]
    lines = sum(hunk.ours.count("\n") + hunk.theirs.count("\n") for hunk in left)
    return len(left), lines, len(result.hunks)


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

    def __init__(self, texts: Texts, trees: list[ast.Module], how: _How) -> None:
        self._texts, self._how = texts, how
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
        return self._result(trials, found.problem or leave_unbound(self._material, trials))

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
                trials.append(attempt(material, island, index, self._how.level, self._how.off, keep))
        return trials

    def _result(self, trials: list[Trial], problem: str) -> MergeResult:
        material = self._material

        def sides(region: Region) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
            return (
                material.base[slice(*region.base)], material.ours[slice(*region.ours)], material.theirs[slice(*region.theirs)],
            )  # fmt: skip

        made = Assembly(
            material.regions, material.ours, material.theirs,
            lambda region: conflict_text(*sides(region), self._how.labels, self._how.marker_size),
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
