"""Changed files as phases and stories: a phase a layer, a story a folder, folders of many files in batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from merge_tool.propose.imports import Imports
from merge_tool.propose.layers import TITLES, Layer
from merge_tool.propose.upstream import Changes

# Hours a file: reading what a machine merged, and merging by hand what both sides changed.
_READ, _BY_HAND = 0.05, 0.4


@dataclass(frozen=True, slots=True)
class Part:
    """One proposed story.

    Attributes:
        files: the files in the order of their paths.
        both: those that the fork changed too.
        count: in how many batches they are done.
        python: whether upstream has a Python file among them still.
        hours: the estimate.
    """

    title: str
    layer: Layer
    files: tuple[str, ...]
    both: tuple[str, ...]
    count: int = 1
    python: bool = False
    hours: float = 0.5

    @property
    def risk(self) -> str:
        """`high` where a third of the files or more were changed by both, `medium` where some were, else `low`."""
        if len(self.both) * 3 >= len(self.files):
            return "high"
        return "medium" if self.both else "low"


@dataclass(frozen=True, slots=True)
class Proposal:
    """The proposed phases: a layer and its stories, in the order in which they are merged."""

    layers: tuple[tuple[Layer, tuple[Part, ...]], ...]
    counts: Mapping[Layer, int] = field(default_factory=dict)


def propose(changes: Changes, layers: Mapping[str, Layer], imports: Imports, *, limit: int = 25) -> Proposal:
    """Groups the files that upstream changed.

    Args:
        changes: what both sides changed; files that the fork dropped are left to the exclusions.
        layers: each file's layer.
        imports: the order within a layer.
        limit: how many files a story has at most; a single folder with more is done in batches.
    """
    placed = dict(layers)
    for new, old in changes.renamed.items():  # both names of a renamed file belong to one story
        if new in placed and old in placed:
            placed[old] = placed[new]
    renamed_to = {old: new for new, old in changes.renamed.items()}
    result = []
    counts: dict[Layer, int] = {}
    for layer in Layer:
        files = sorted(
            path for path in changes.upstream if placed[path] is layer and path not in changes.dropped
        )
        if not files:
            continue
        counts[layer] = len(files)
        groups = _groups(files, limit, lambda path: renamed_to.get(path, path))
        groups.sort(key=lambda item: (min(imports.level(path) for path in item[1]), item[0]))
        result.append((layer, tuple(_part(layer, name, items, changes, limit) for name, items in groups)))
    return Proposal(tuple(result), counts)


def hours_of(files: int, both: int) -> float:
    """The estimate for so many files, `both` of them changed by both sides, in half hours."""
    return max(0.5, math.ceil((files * _READ + both * _BY_HAND) * 2) / 2)


def _part(layer: Layer, name: str, files: list[str], changes: Changes, limit: int) -> Part:
    both = tuple(path for path in files if path in changes.fork)
    title = TITLES[layer]
    return Part(
        title=f"{title}: {name}" if name else title,
        layer=layer,
        files=tuple(files),
        both=both,
        count=math.ceil(len(files) / limit),
        python=any(path.endswith(".py") and changes.upstream[path] != "D" for path in files),
        hours=hours_of(len(files), len(both)),
    )


@dataclass
class _Folder:
    """A folder of the changed files: those that lie right in it, and the folders below."""

    name: str
    files: list[str] = field(default_factory=list)
    below: dict[str, _Folder] = field(default_factory=dict)

    def count(self) -> int:
        return len(self.files) + sum(item.count() for item in self.below.values())

    def all(self) -> list[str]:
        return sorted([*self.files, *(path for item in self.below.values() for path in item.all())])


def _groups(files: Iterable[str], limit: int, home: Callable[[str], str]) -> list[tuple[str, list[str]]]:
    """Splits files by folder into groups of at most `limit`; files of one folder stay together however many they are."""
    top = _Folder("")
    for path in files:
        here = top
        for part in PurePosixPath(home(path)).parts[:-1]:
            here = here.below.setdefault(part, _Folder(f"{here.name}/{part}".lstrip("/")))
        here.files.append(path)
    return _split(top, limit)


def _split(folder: _Folder, limit: int) -> list[tuple[str, list[str]]]:
    while not folder.files and len(folder.below) == 1:
        (folder,) = folder.below.values()
    if folder.count() <= limit:
        return [(folder.name, folder.all())]
    groups: list[tuple[str, list[str]]] = []
    rest = sorted(folder.files)
    small = max(1, limit // 4)
    for item in folder.below.values():
        if item.count() <= small and len(rest) + item.count() <= limit:
            rest += item.all()  # a few files make no story of their own
        else:
            groups += _split(item, limit)
    if rest:
        groups.append((f"{folder.name}, the rest" if folder.name and groups else folder.name, sorted(rest)))
    return groups
