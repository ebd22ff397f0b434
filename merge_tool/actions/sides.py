"""The conflict of one path as the two sides have it, and its text with markers that people can read."""

from __future__ import annotations

import re

from merge_tool.merging.afterwards import clean_problem
from merge_tool.merging.cascade import is_python
from merge_tool.model.outcome import Conflict
from merge_tool.vcs.repo import Entry, Repository
from merge_tool.vcs.three_way import TreeMerge

APART = ("distinct modes", "distinct types", "file/directory")
LABELS = ("fork", "base", "upstream")


def conflict_at(
    merged: TreeMerge,
    path: str,
    group: tuple[str, ...],
    base: Entry | None,
    mine: Entry | None,
    theirs: Entry | None,
) -> Conflict | None:
    """The conflict of a path as the two sides have it: git's own, or what its group's conflict means for it."""
    found = merged.conflicts.get(path)
    apart = next(
        (
            merged.conflicts[item]
            for item in group
            if item in merged.conflicts and merged.conflicts[item].kind in APART
        ),
        None,
    )
    if (
        apart is not None
        and mine != theirs
        and (found is not None or (theirs is not None) != (mine is not None))
    ):
        return conflict_of(path, apart.kind, base, mine, theirs)
    if found is not None and not (found.ours or found.theirs):
        return None  # both sides moved it away: the new names are in conflict, not the old one
    return found


def conflict_of(
    path: str, kind: str, base: Entry | None, mine: Entry | None, theirs: Entry | None, note: str = ""
) -> Conflict:
    """A conflict whose sides are a path's entries in the three trees."""
    return Conflict(
        path, kind, base.oid if base else "", mine.oid if mine else "", theirs.oid if theirs else "",
        (mine or theirs or Entry("100644", "")).mode, mine.mode if mine else "", theirs.mode if theirs else "",
        base.mode if base else "", (), note,
    )  # fmt: skip


def with_names(repo: Repository, merged: TreeMerge, entry: Entry | None) -> Entry | None:
    """A conflicted file with `fork`, `base` and `upstream` in its markers instead of git's ids of commits."""
    if entry is None or not entry.is_file or len(merged.sides) != 3:
        return entry
    root, left, right = (side.encode() for side in merged.sides)
    data = repo.read_blobs([entry.oid])[entry.oid]
    if left not in data and right not in data:
        return entry
    # git shortens the id of the base.
    ids = rb"%s|%s|%s[0-9a-f]*" % (left, right, root[:7])

    def name(match: re.Match[bytes]) -> bytes:
        label = LABELS[0 if match[2] == left else 2 if match[2] == right else 1]
        return match[1] + label.encode() + match[3]

    text = re.sub(rb"^([<|>]{7,} )(%s)((?::[^\n]*)?\r?)$" % ids, name, data, flags=re.MULTILINE)
    return Entry(entry.mode, repo.write_blob(text))


def problem_of(
    repo: Repository, path: str, base: Entry | None, mine: Entry | None, theirs: Entry | None, new: Entry
) -> tuple[str, str]:
    """Why a file that git merged without a conflict is no clean merge; see `clean_problem`.

    Only a Python file that both sides changed is looked at.
    """
    if not is_python(path) or not new.is_file or mine is None or theirs is None:
        return "", ""
    if new in (mine, theirs) or base in (mine, theirs) or not (mine.is_file and theirs.is_file):
        return "", ""
    oids = [item.oid for item in (base, mine, theirs, new) if item is not None]
    blobs = repo.read_blobs(oids)
    old = blobs[base.oid] if base is not None and base.is_file else None
    return clean_problem(old, blobs[mine.oid], blobs[theirs.oid], blobs[new.oid])
