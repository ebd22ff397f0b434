"""Makes the fork's transforms on base and theirs, so that what they explain does not conflict.

Each tree is that of its commit, as data: nothing of it is imported. Files that only the fork has are read along with both,
because transforms name what stands in them. What a transform did to the base decides whether it is made at all: it must
bring the base nearer to the fork, and change nothing when it is made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from merge_tool.errors import UserError
from merge_tool.merging.model import Shift
from merge_tool.plan.patterns import PathMatcher
from merge_tool.transforms.base import Transform
from merge_tool.transforms.closeness import Match, match
from merge_tool.transforms.trees import Tree, parses

Names = Mapping[str, tuple[str, str]]
Texts = dict[str, str]


@dataclass(frozen=True)
class Told:
    """What became of one transform.

    Attributes:
        name: the transform.
        match: its edits of the base, against the fork.
        files: how many files of the base it changed.
        skipped: why it was not made at all; "" where it was.
        left_out: by path in the fork, why it was not made in one file.
    """

    name: str
    match: Match = field(default_factory=Match)
    files: int = 0
    skipped: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)

    def as_data(self) -> dict[str, object]:
        """It for JSON."""
        return {
            "name": self.name, "places": self.match.places, "matched": self.match.matched, "files": self.files,
            "skipped": self.skipped, "left_out": dict(self.left_out),
        }  # fmt: skip


@dataclass(frozen=True)
class Replay:
    """Base and theirs as the transforms make them, by the fork's path of each conflicted file; and what became of each."""

    shifts: Mapping[str, Shift] = field(default_factory=dict)
    told: tuple[Told, ...] = ()


def _nobody(_: str) -> None:
    """Tells nobody."""


def replay(
    transforms: Sequence[Transform],
    base: Mapping[str, bytes],
    ours: Mapping[str, bytes],
    theirs: Mapping[str, bytes],
    paths: Collection[str],
    *,
    names: Names | None = None,
    say: Callable[[str], None] = _nobody,
) -> Replay:
    """Makes the transforms on two trees.

    Args:
        transforms: in the order in which the fork made them.
        base, ours, theirs: the Python files of each commit by path; those that cannot be read as text are passed over.
        paths: the files that conflict, by their paths in `ours`.
        names: where a file was renamed: its path in `base` and in `theirs`, by its path in `ours`.
        say: told each transform before it is made, for progress.

    Returns:
        A shift for each of `paths` that a transform changed on either side, for `merge_file`.
    """
    wanted = {path: (names or {}).get(path, (path, path)) for path in sorted(paths) if path in ours}
    if not transforms or not wanted:
        return Replay()
    work = _Work(base, ours, theirs, wanted)
    told = []
    for transform in transforms:
        say(transform.name)
        told.append(work.make(transform))
    return Replay(work.shifts(base), tuple(told))


class _Work:
    """Both trees, transform after transform."""

    def __init__(
        self, base: Mapping[str, bytes], ours: Mapping[str, bytes], theirs: Mapping[str, bytes],
        wanted: Mapping[str, tuple[str, str]],
    ) -> None:  # fmt: skip
        self.fork = Tree(ours)
        self.old = Tree(base, [before for before, _ in wanted.values()])
        self.new = Tree(theirs, [after for _, after in wanted.values()])
        self.wanted = wanted
        self.own = {before: path for path, (before, _) in wanted.items()}
        self.added = {
            path: text for path, text in self.fork.texts.items() if path not in base and path not in theirs
        }
        self.made: dict[str, list[str]] = {path: [] for path in wanted}
        self.lost: set[str] = set()  # files of which nothing can be said any more

    def make(self, transform: Transform) -> Told:
        """Makes one transform on both trees, or leaves both as they are."""
        try:
            transform.learn(self.old.texts, self.fork.texts)
            made = self._run(transform, self.old)
            if not made:
                return Told(transform.name, skipped="it changes nothing in the base")
            other = self._run(transform, self.new)
            twice = self._twice(transform, made)
        except UserError as error:
            return Told(transform.name, skipped=str(error))
        except Exception as error:  # noqa: BLE001 a merge is worth more than a transform; that it failed is told
            return Told(transform.name, skipped=f"it failed: {type(error).__name__}: {error}")
        found = [self._match(path, text) for path, text in made.items()]
        total = sum(found, Match())
        fits = any(item.nearer > 0 for item in found)
        left_out: dict[str, str] = {}
        for path in self.wanted:
            if path in twice:
                left_out[path] = "it changes the file again when made twice"
            elif fits and (problem := self._accept(transform, path, made, other)):
                left_out[path] = problem
        # Also where it does not fit: later transforms read what it made, such as the columns of models that the fork
        # wrote by hand in other words.
        self.old.texts |= made
        self.new.texts |= other
        skipped = "" if fits else "no file of the base comes nearer to the fork by it"
        return Told(transform.name, total, len(made), skipped, left_out)

    def shifts(self, base: Mapping[str, bytes]) -> dict[str, Shift]:
        """What came of it, for the files that a transform changed."""
        found: dict[str, Shift] = {}
        for path, (before, after) in self.wanted.items():
            if path in self.lost or not self.made[path] or after not in self.new.accepted:
                continue
            old = self.old.encoded(before) if before in self.old.accepted else None
            new = self.new.encoded(after)
            if new is not None and (old is not None or before not in base):
                found[path] = Shift(old, new, tuple(self.made[path]))
        return found

    def _run(self, transform: Transform, tree: Tree) -> Texts:
        """What a transform makes of a tree's files; what would not parse is left as it is."""
        read = PathMatcher(transform.context).filter(self.fork.texts) if transform.context else []
        kept = {*self.added, *read}
        files = {**tree.texts, **self.added, **{path: self.fork.texts[path] for path in read}}
        chosen = [path for path in tree.texts if path not in kept]
        if transform.paths:
            chosen = PathMatcher(transform.paths).filter(chosen)
        if not chosen:
            return {}
        made = transform.run(files, chosen)
        return {
            path: text
            for path, text in made.items()
            if path in tree.texts and path not in kept and text != tree.texts[path] and parses(text)
        }

    def _match(self, before: str, text: str) -> Match:
        path = self.own.get(before, before)
        if path not in self.fork.texts:
            return Match()
        return match(self.old.texts[before], text, self.fork.texts[path])

    def _twice(self, transform: Transform, made: Texts) -> set[str]:
        """The conflicted files that a second run changes again."""
        mine = [path for path in made if path in self.own]
        if not mine:
            return set()
        again = Tree({})
        again.texts = {**self.old.texts, **made}
        second = self._run(transform, again)
        return {self.own[path] for path in mine if path in second}

    def _accept(self, transform: Transform, path: str, made: Texts, other: Texts) -> str:
        """Takes a transform into one file of base and theirs; returns why not, or ""."""
        before, after = self.wanted[path]
        if before not in self.old.accepted:
            return self._accept_new(transform, path, other)
        if before not in made and after not in other:
            return ""
        text = self.old.carried(before, made)
        if text is None:
            return "its edits stand among those of a transform that was left out here"
        fit = (
            match(self.old.accepted[before], text, self.fork.texts[path])
            if path in self.fork.texts
            else Match()
        )
        if fit.places and fit.nearer <= 0:
            return f"the base does not come nearer to the fork by it ({fit.matched} of {fit.places} places match)"
        theirs = self.new.carried(after, other) if after in self.new.accepted else None
        if theirs is None:
            self.lost.add(path)
            return "its edits of theirs stand among those of a transform that was left out here"
        self.old.accepted[before], self.new.accepted[after] = text, theirs
        self.made[path].append(transform.name)
        return ""

    def _accept_new(self, transform: Transform, path: str, other: Texts) -> str:
        """The same for a file that both sides added: theirs must come nearer to ours."""
        _, after = self.wanted[path]
        if after not in other or after not in self.new.accepted or path not in self.fork.texts:
            return ""
        text = self.new.carried(after, other)
        if text is None or match(self.new.accepted[after], text, self.fork.texts[path]).nearer <= 0:
            return "theirs does not come nearer to the fork by it"
        self.new.accepted[after] = text
        self.made[path].append(transform.name)
        return ""
