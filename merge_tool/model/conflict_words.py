"""What a conflict of a whole file is about, in words: its cause, what each side did, and what either choice means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from merge_tool.model.outcome import Conflict

SYMLINK, SUBMODULE, EXECUTABLE = "120000", "160000", "100755"
TEXT_KINDS = ("content", "add/add")


@dataclass(frozen=True, slots=True)
class Words:
    """One conflict, told.

    Attributes:
        cause: why no step decided it.
        ours_did, theirs_did: what the fork and upstream did, without a subject (`removed it`).
        mend: what `merge-tool resolve --ours` and `--theirs` come to.
    """

    cause: str
    ours_did: str
    theirs_did: str
    mend: str

    @property
    def line(self) -> str:
        """Cause and sides in one line; the cause alone where the sides add nothing to it."""
        if self.ours_did == self.theirs_did and self.ours_did in ("", "changed it"):
            return self.cause
        return f"{self.cause}: the fork {self.ours_did}, upstream {self.theirs_did}"


_PLAIN = "--ours takes the fork's whole file, --theirs upstream's"


_CAUSES = {
    "content": "both sides changed the same lines",
    "add/add": "both sides added a file of this name",
    "modify/delete": "one side changed the file, the other removed it",
}


def words_of(conflict: Conflict, links: Mapping[str, str] | None = None) -> Words:
    """A conflict in words; any kind that git may name has some.

    Args:
        links: what symlinks point to, by blob id, where that is known.
    """
    links = links or {}
    ours = _did(conflict.base, conflict.base_mode, conflict.ours, conflict.ours_mode, links)
    theirs = _did(conflict.base, conflict.base_mode, conflict.theirs, conflict.theirs_mode, links)
    kind = conflict.kind
    if not (conflict.base or conflict.ours or conflict.theirs):
        return Words(_CAUSES.get(kind, f"git: {kind}"), "", "", _PLAIN)
    if conflict.note:
        return Words(conflict.note, ours, theirs, _NOTED)
    if kind == "rename/rename" and len(conflict.names) == 3:
        return _two_names(*conflict.names)
    if kind == "rename/delete" and len(conflict.names) == 2:
        return _renamed_and_removed(conflict, *conflict.names)
    if kind in ("directory rename suggested", "file location") and len(conflict.names) == 2:
        return _moved_folder(conflict, *conflict.names)
    if kind == "file/directory":
        return _in_the_way(conflict)
    if bool(conflict.ours) != bool(conflict.theirs):
        what = _thing(conflict.ours_mode or conflict.theirs_mode)
        keep, drop = ("--ours", "--theirs") if conflict.ours else ("--theirs", "--ours")
        side = "the fork's" if conflict.ours else "upstream's"
        if not conflict.base:
            ours, theirs = ("added it", "has none") if conflict.ours else ("has none", "added it")
        return Words(
            _CAUSES["modify/delete"].replace("file", what) if conflict.base else f"git: {kind}",
            ours,
            theirs,
            f"{keep} keeps {side} {what}, {drop} removes it; look where the code of a removed file went",
        )
    return _both_there(conflict, ours, theirs)


def _both_there(conflict: Conflict, ours: str, theirs: str) -> Words:
    modes = {conflict.ours_mode, conflict.theirs_mode}
    one, other = _thing(conflict.ours_mode), _thing(conflict.theirs_mode)
    if SUBMODULE in modes and len(modes) == 1:
        mend = (
            f"--ours takes the fork's commit {conflict.ours[:12]}, --theirs upstream's {conflict.theirs[:12]}"
        )
        return Words("both sides moved the submodule", ours, theirs, mend)
    if one != other:
        mend = f"--ours takes the fork's {one}, --theirs upstream's {other}"
        return Words("the two sides are no longer the same kind of thing", ours, theirs, mend)
    if SYMLINK in modes:
        mend = "--ours takes the fork's symlink, --theirs upstream's"
        return Words("both sides point the symlink elsewhere", ours, theirs, mend)
    if conflict.ours == conflict.theirs and conflict.ours_mode != conflict.theirs_mode:
        mend = "--ours takes the fork's mode, --theirs upstream's; the text is the same"
        return Words("the text is the same, the modes differ", ours, theirs, mend)
    if conflict.kind == "binary":
        mend = f"{_PLAIN}; or put a new file into the worktree and `merge-tool resolve` it"
        return Words("both sides changed a binary file, which no step can join", ours, theirs, mend)
    if conflict.kind == "unparsable":
        return Words("git merged the lines, but the result does not parse", ours, theirs, _NOTED)
    if conflict.kind == "add/add" or not conflict.base:
        return Words(_CAUSES["add/add"], "", "", _PLAIN)
    if conflict.kind == "content":
        return Words(_CAUSES["content"], ours, theirs, _PLAIN)
    return Words(f"git: {conflict.kind}", ours, theirs, _PLAIN)


_NOTED = f"mend the file in the worktree and `merge-tool resolve` it; {_PLAIN}"


def _two_names(old: str, own: str, other: str) -> Words:
    return Words(
        f"both sides renamed {old}",
        f"renamed it to {own}",
        f"renamed it to {other}",
        f"--ours keeps {own} and removes {other}, --theirs the other way round; each holds the edits of both sides",
    )


def _renamed_and_removed(conflict: Conflict, new: str, old: str) -> Words:
    renamed, removed = f"renamed {old} to {new}", f"removed {old}"
    if conflict.ours:
        mend = f"--ours keeps {new}, --theirs removes it"
        return Words("one side renamed the file, the other removed it", renamed, removed, mend)
    mend = f"--theirs takes {new}, --ours leaves it removed"
    return Words("one side renamed the file, the other removed it", removed, renamed, mend)


def _moved_folder(conflict: Conflict, new: str, old: str) -> Words:
    added, moved = f"added {old}", f"renamed that folder, so that it may belong at {new}"
    mend = f"{{}} keeps it at {new}, {{}} leaves it out; to keep it at {old}, move it there in the worktree"
    if conflict.theirs:
        return Words(
            "a new file lies in a folder that the other side renamed",
            moved,
            added,
            mend.format("--theirs", "--ours"),
        )
    return Words(
        "a new file lies in a folder that the other side renamed",
        added,
        moved,
        mend.format("--ours", "--theirs"),
    )


def _in_the_way(conflict: Conflict) -> Words:
    cause = "one side has a file where the other has a folder"
    has, none = f"has {conflict.path}", "has something else at its place"
    keep = (
        "{} keeps it, {} leaves it out; decide each path of the two so that file and folder do not both stay"
    )
    if conflict.ours and not conflict.theirs:
        return Words(cause, has, none, keep.format("--ours", "--theirs"))
    if conflict.theirs and not conflict.ours:
        return Words(cause, none, has, keep.format("--theirs", "--ours"))
    return Words(cause, has, "has it too, changed", _PLAIN)


def _thing(mode: str) -> str:
    return {SYMLINK: "symlink", SUBMODULE: "submodule"}.get(mode, "file")


def _did(base: str, base_mode: str, side: str, mode: str, links: Mapping[str, str]) -> str:
    """What one side did to the file, such as `removed it` or `made it executable`."""
    if not side:
        return "removed it" if base else "has none"
    thing = _thing(mode)
    if base and base_mode and _thing(base_mode) != thing:
        return f"made it a {thing}" + (f" to {links[side]}" if side in links else "")
    if side == base and mode == base_mode:
        return "left it as it was"
    if thing == "submodule":
        return f"set it to commit {side[:12]}"
    if thing == "symlink":
        return f"points it to {links[side]}" if side in links else "points it elsewhere"
    said = [] if side == base else ["changed it" if base else "added it"]
    if base and base_mode and mode != base_mode:
        said.append("made it executable" if mode == EXECUTABLE else "made it not executable")
    elif not base:
        said.append("executable" if mode == EXECUTABLE else "not executable")
    return " and ".join(said) if base else ", ".join(said)
