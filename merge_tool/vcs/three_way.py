"""Three-way merge of trees by git's own strategy (ort), without touching index, work tree or refs.

`git merge-tree --write-tree` (git 2.38 and later) takes its base from the history. Synthetic commits give it any base:
ours and theirs are made children of base, so that one primitive serves merges, cherry-picks and partial merges alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from merge_tool.errors import VcsError
from merge_tool.model.outcome import Conflict
from merge_tool.vcs.repo import Entry, Identity, Repository

_WHO = Identity("merge-tool", "merge-tool@localhost", 0)


@dataclass(frozen=True)
class TreeMerge:
    """What git's merge of two trees came to.

    Attributes:
        tree: the merged tree; conflicted files hold markers in it.
        conflicts: the conflicted files by path.
        messages: git's own lines on each path: renames, automatic merges, conflicts.
        groups: paths that one conflict is about, such as both names of a rename; they are taken or left together.
        sides: the commits that stand for base, ours and theirs; git's markers bear their ids.
    """

    tree: str
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    sides: tuple[str, ...] = ()


def merge_trees(
    repo: Repository,
    base: str,
    ours: str,
    theirs: str,
    *,
    labels: tuple[str, str, str] = ("base", "ours", "theirs"),
) -> TreeMerge:
    """Merges `theirs` into `ours`, both as changes of `base`; all three are trees.

    Args:
        labels: how the three sides are called; they stand in the commits' subjects only.

    Raises:
        VcsError: git is older than 2.38, or an object is missing.
    """
    root = repo.commit_tree(base, [], labels[0], _WHO)
    left = repo.commit_tree(ours, [root], labels[1], _WHO)
    right = repo.commit_tree(theirs, [root], labels[2], _WHO)
    code, out, err = repo.call(
        "-c", "merge.conflictStyle=zdiff3", "-c", "merge.renames=true", "-c", "merge.directoryRenames=conflict",
        "merge-tree", "--write-tree", "-z", "--messages", left, right,
    )  # fmt: skip
    if code not in (0, 1):
        hint = "merge-tool needs git 2.38 or later" if "usage:" in err else ""
        raise VcsError(
            f"git merge-tree: {err.strip().splitlines()[0] if err.strip() else f'code {code}'}", hint=hint
        )
    return _parse(out.decode("utf-8", "surrogateescape"), root, left, right)


def _parse(text: str, root: str, left: str, right: str) -> TreeMerge:
    """Reads the -z output: tree, file info records, an empty record, then messages as counted records."""
    records = text.split("\0")
    tree = records[0].strip()
    stages: dict[str, dict[int, Entry]] = {}
    position = 1
    while position < len(records) and records[position]:
        meta, _, path = records[position].partition("\t")
        mode, oid, stage = meta.split()
        stages.setdefault(path, {})[int(stage)] = Entry(mode, oid)
        position += 1
    position += 1
    messages: list[str] = []
    kinds: dict[str, tuple[str, tuple[str, ...]]] = {}
    groups: list[tuple[str, ...]] = []
    # Behind the counted records git may print free text (advice on submodules): the first that is no number ends them.
    while position < len(records) and records[position].strip().isdigit():
        count = int(records[position])
        paths = records[position + 1 : position + 1 + count]
        kind, line = records[position + 1 + count], records[position + 2 + count]
        messages.append(line.strip().replace(left, "ours").replace(right, "theirs"))
        if kind.startswith("CONFLICT"):
            name = kind.removeprefix("CONFLICT").strip(" ()").replace("contents", "content")
            groups.append(tuple(paths))
            for path in paths:
                kinds.setdefault(path, (name, tuple(paths)))
        position += 3 + count
    conflicts = {}
    for path, sides in stages.items():
        some = next(iter(sides.values()))
        oids = {stage: entry.oid for stage, entry in sides.items()}
        modes = {stage: entry.mode for stage, entry in sides.items()}
        word, names = kinds.get(path, ("", ()))
        conflicts[path] = Conflict(
            path, _kind(word, sides), oids.get(1, ""), oids.get(2, ""), oids.get(3, ""),
            modes.get(2) or modes.get(3) or some.mode, modes.get(2, ""), modes.get(3, ""), modes.get(1, ""), names,
        )  # fmt: skip
    return TreeMerge(tree, conflicts, tuple(messages), tuple(groups), (root, left, right))


def _kind(word: str, sides: dict[int, Entry]) -> str:
    """The kind of a conflict: git's word, or a closer one where git says `content` of what is no text."""
    if not {2, 3} <= sides.keys():
        return word or "modify/delete"
    if word not in ("", "content"):
        return word
    modes = {sides[2].mode, sides[3].mode}
    if "160000" in modes:
        return "submodule"
    if "120000" in modes:
        return "symlink"
    if sides[2].oid == sides[3].oid:
        return "mode"
    return "content" if 1 in sides else "add/add"
