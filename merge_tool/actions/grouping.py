"""Which paths of a merge belong together: the names of a rename, and all that one conflict is about.

A story that takes one of them takes them all; taking a part would lose the other side's change in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from merge_tool.vcs.repo import Entry, Repository
from merge_tool.vcs.three_way import TreeMerge


class Groups:
    """A partition of paths; `of` gives the paths that belong with one."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def join(self, paths: Iterable[str]) -> None:
        """Puts paths into one group."""
        first = ""
        for path in paths:
            root = self._root(path)
            if not first:
                first = root
            self._parent[root] = first

    def _root(self, path: str) -> str:
        root = path
        while (above := self._parent.setdefault(root, root)) != root:
            root = above
        return root

    def all(self) -> dict[str, tuple[str, ...]]:
        """For each path that was joined with others, the whole group in order."""
        members: dict[str, list[str]] = {}
        for path in self._parent:
            members.setdefault(self._root(path), []).append(path)
        return {path: tuple(sorted(group)) for group in members.values() if len(group) > 1 for path in group}


def renames_of(repo: Repository, old: str, new: str) -> dict[str, str]:
    """New name to old name of the files that were renamed between two trees."""
    return {path: source for status, path, source in repo.diff_tree(old, new, renames=True) if status == "R"}


def group_paths(
    merged: TreeMerge, renames: Iterable[Mapping[str, str]], sides: Iterable[Mapping[str, Entry]]
) -> dict[str, tuple[str, ...]]:
    """The groups of a merge.

    Args:
        renames: of each side, new name to old name.
        sides: the files of the fork and of upstream; a file of one that is a folder of the other groups what is below it.
    """
    groups = Groups()
    for pairs in renames:
        for new, old in pairs.items():
            groups.join((old, new))
    for paths in merged.groups:
        groups.join(paths)
    ours, theirs = sides
    for one, other in ((ours, theirs), (theirs, ours)):
        for path in other:
            parts = path.split("/")
            for end in range(1, len(parts)):
                if (above := "/".join(parts[:end])) in one and above not in other:
                    groups.join((above, path))
    return groups.all()
