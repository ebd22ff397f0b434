"""The cascade over one file: the line merge, then each conflict by the steps that the syntax of Python allows.

Pure but for files that are no Python: bytes in, bytes and an account of every conflict out. What a step is not sure
of stays a conflict, and what a check finds wrong afterwards is undone.
"""

from __future__ import annotations

import ast
import gc
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from merge_tool.merging.assembly import Assembly
from merge_tool.merging.block import merge_lines
from merge_tool.merging.checks import count_problems, lost_imports, stretch_problem, tree_problem
from merge_tool.merging.facts import Fact, facts_of, parse
from merge_tool.merging.form import Texts, read_texts
from merge_tool.merging.git import git_merge
from merge_tool.merging.islands import Island, islands
from merge_tool.merging.lexer import logical_lines
from merge_tool.merging.model import (
    Allowance,
    Hunk,
    Left,
    Level,
    MergeResult,
    Resolution,
    Step,
    least_sure,
)
from merge_tool.merging.places import Places
from merge_tool.merging.regions import Region, align
from merge_tool.merging.render import Labels, conflict_text

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
        trees = [parse(text) for text in (texts.base, texts.ours, texts.theirs)]
    except (SyntaxError, ValueError) as error:
        reason = f"a side is no Python that can be read ({error}): git's merge is all that is tried"
        return git_merge(base or b"", ours, theirs, labels, reason)
    try:
        return _transformed(texts, trees, level, off, transforms, labels)
    except (UnicodeEncodeError, ValueError) as error:
        return git_merge(base or b"", ours, theirs, labels, f"the merge has no encoding: {error}")


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


def split_lines(text: str) -> list[str]:
    """The text's lines with their ends: only a line feed ends one, as git has it."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


@dataclass
class _Trial:
    """One stretch of conflicts with what was made of it."""

    island: Island | None
    conflicts: list[int]
    text: str | None
    reason: str
    step: Step = Step.LEFT
    unsure: bool = False

    def leave(self, reason: str) -> None:
        """Undoes what was made."""
        self.text, self.step, self.reason = None, Step.LEFT, reason


def _stretches(trials: Sequence[_Trial]) -> list[tuple[Island, str]]:
    return [
        (trial.island, trial.text) for trial in trials if trial.island is not None and trial.text is not None
    ]


class _Merge:
    """One merge of three texts."""

    def __init__(
        self, texts: Texts, trees: list[ast.Module], level: Level, off: frozenset[str], labels: Labels
    ) -> None:
        self.texts, self.trees, self.level, self.off, self.labels = texts, trees, level, off, labels
        self.base, self.ours, self.theirs = map(split_lines, (texts.base, texts.ours, texts.theirs))
        self.regions = align(self.base, self.ours, self.theirs)
        self.facts = [facts_of(tree) for tree in trees]

    def run(self) -> MergeResult:
        """Merges; see `merge_file`."""
        trials = self._trials(frozenset())
        lost = self._undo(trials)
        if lost:
            trials = self._trials(frozenset(lost))
            for name in sorted(self._undo(trials)):
                for trial in trials:
                    if trial.text is not None and re.search(
                        rf"\bimport\b.*\b{name}\b", self._sides(trial), re.DOTALL
                    ):
                        trial.leave(f"the import of {name} would be missing where it is used")
            self._undo(trials)
        return self._result(trials)

    def _trials(self, keep: frozenset[str]) -> list[_Trial]:
        """Every stretch merged by itself."""
        places = tuple(
            Places(tree, lines)
            for tree, lines in zip(self.trees, (self.base, self.ours, self.theirs), strict=True)
        )
        assert len(places) == 3
        found = islands(self.regions, places)
        conflicts = [index for index, region in enumerate(self.regions) if region.kind == "conflict"]
        trials: list[_Trial] = []
        for index, island in zip(conflicts, found, strict=True):
            if trials and island is not None and trials[-1].island is island:
                trials[-1].conflicts.append(index)
            elif island is None:
                trials.append(_Trial(None, [index], None, "the conflict does not end at whole statements"))
            else:
                trials.append(self._try(island, index, keep))
        return trials

    def _try(self, island: Island, index: int, keep: frozenset[str]) -> _Trial:
        trial = _Trial(island, [index], None, "")
        stretches = [
            logical_lines("".join(lines[slice(*span)]))
            for lines, span in zip(
                (self.base, self.ours, self.theirs), (island.base, island.ours, island.theirs), strict=True
            )
        ]
        parts = [stretch for stretch in stretches if stretch is not None]
        if len(parts) < 3:
            trial.reason = "the conflict does not end at whole statements"
            return trial
        (base, _), (ours, own_tail), (theirs, other_tail) = parts
        allowance = Allowance(self.level, self.off, keep=keep, around=self._around(island))
        try:
            text = merge_lines(base, ours, theirs, allowance)
        except Left as left:
            trial.reason = str(left)
            return trial
        merged = logical_lines(text)
        problem = (
            "brackets would not close" if merged is None else stretch_problem(base, ours, theirs, merged[0])
        )
        if problem:
            trial.reason = problem
            return trial
        text += own_tail if own_tail != parts[0][1] else other_tail
        trial.text, trial.unsure = text, allowance.unsure
        trial.step = least_sure(allowance.used)
        trial.reason = "; ".join(allowance.used.values())
        return trial

    def _around(self, island: Island) -> tuple[str, str]:
        """The lines of each side around a stretch, in which an order of imports shows."""
        texts = []
        for lines, (start, end) in ((self.ours, island.ours), (self.theirs, island.theirs)):
            first, last = start, end
            while first > 0 and lines[first - 1].strip():
                first -= 1
            while last < len(lines) and lines[last].strip():
                last += 1
            texts.append("".join(lines[first:last]))
        return texts[0], texts[1]

    def _undo(self, trials: list[_Trial]) -> set[str]:
        """Takes back what the checks find wrong.

        Returns:
            Names whose import would be missing; the stretches that took them out are not undone for that.
        """
        while True:
            done = [trial for trial in trials if trial.text is not None]
            if not done:
                return set()
            text, spans = self._assembled(trials)
            problem, guilty, lost = self._problem(text, spans, trials)
            if not problem:
                return lost
            chosen = [trial for trial in done if trial in guilty] or done
            for trial in chosen:
                trial.leave(problem)

    def _problem(
        self, text: str, spans: list[tuple[int, int]], trials: list[_Trial]
    ) -> tuple[str, list[_Trial], set[str]]:
        """`(what is wrong, the stretches it comes from, names that lost their import)`."""
        done = [trial for trial in trials if trial.text is not None]
        try:
            tree = parse(text)
        except SyntaxError as error:
            line = error.lineno or 0
            near = [
                trial for trial, (start, end) in zip(done, spans, strict=True) if start <= line <= end + 1
            ]
            return f"the merge would not parse: {error.msg}", near, set()
        merged = facts_of(tree)
        problem = tree_problem(tree, spans, set())
        if problem:
            return problem, [], set()
        open_text = "".join(self._sides(trial) for trial in trials if trial.text is None)
        for fact in count_problems(self.facts, merged):
            name = fact[-1].rpartition(".")[2].strip("'\"")
            if name in open_text:
                continue
            near = [trial for trial in done if name in self._sides(trial)]
            if not near and open_text:
                continue
            if near:
                return f"the {fact[0]} {fact[-1]} would be lost or doubled", near, set()
        return "", [], lost_imports(tree, self.facts[0], merged)

    def _sides(self, trial: _Trial) -> str:
        spans = [
            (item.base, item.ours, item.theirs)
            for item in (
                [trial.island] if trial.island else [self.regions[index] for index in trial.conflicts]
            )
        ]
        return "".join(
            "".join(self.base[slice(*base)] + self.ours[slice(*ours)] + self.theirs[slice(*theirs)])
            for base, ours, theirs in spans
        )

    def _assembled(self, trials: list[_Trial]) -> tuple[str, list[tuple[int, int]]]:
        """The text with ours in what is left, and the lines (from 1) of what was merged."""
        made = Assembly(
            self.regions, self.ours, self.theirs, lambda region: "".join(self.ours[slice(*region.ours)])
        )
        return made.build(_stretches(trials)), made.spans

    def _result(self, trials: list[_Trial]) -> MergeResult:
        def marked(region: Region) -> str:
            return conflict_text(
                self.base[slice(*region.base)], self.ours[slice(*region.ours)],
                self.theirs[slice(*region.theirs)], self.labels,
            )  # fmt: skip

        made = Assembly(self.regions, self.ours, self.theirs, marked)
        text = made.build(_stretches(trials))
        hunks: list[tuple[Hunk, Resolution]] = []
        for trial in trials:
            for place, index in enumerate(trial.conflicts):
                region = self.regions[index]
                hunk = Hunk(
                    made.starts[index], "".join(self.base[slice(*region.base)]),
                    "".join(self.ours[slice(*region.ours)]), "".join(self.theirs[slice(*region.theirs)]),
                )  # fmt: skip
                part = trial.text if trial.text is not None and place == 0 else ""
                confidence: Level = "full" if trial.unsure else "safe"
                hunks.append(
                    (
                        hunk,
                        Resolution(
                            trial.step, confidence if trial.text is not None else "", part, trial.reason
                        ),
                    )
                )
        problem = "" if hunks else self._whole_problem(text)
        return MergeResult(self.texts.encode(text), tuple(hunks), problem)

    def _whole_problem(self, text: str) -> str:
        """What is wrong with a merge in which no line conflicted: git would call it clean."""
        try:
            tree = parse(text)
        except SyntaxError as error:
            return f"the lines merge, but the result does not parse: {error.msg}"
        merged: Counter[Fact] = facts_of(tree)
        doubled = [
            fact
            for fact in count_problems(self.facts, merged)
            if merged[fact] > max(side[fact] for side in self.facts)
        ]
        return f"the lines merge, but the {doubled[0][0]} {doubled[0][-1]} is doubled" if doubled else ""
