"""Conflicts of a stopped step: which are left, and the ways to resolve one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from merge_tool.engine.resolutions import record
from merge_tool.engine.session import Session
from merge_tool.errors import StateError, UserError
from merge_tool.merging.marked import read_marked
from merge_tool.model.outcome import Conflict, FileVerdict, Verdict
from merge_tool.model.state import StepState, StoryStatus
from merge_tool.vcs.repo import LITERAL, Entry
from merge_tool.vcs.workspace import parses

# Seven characters, or more where .gitattributes sets conflict-marker-size. A row of = alone may be a heading: it counts
# only beside one of the others.
_MARKER = re.compile(rb"^(<{7,}|\|{7,}|={7,}|>{7,})( .*)?\r?$", re.MULTILINE)


@dataclass(frozen=True)
class Open:
    """One conflicted file of the stop.

    Attributes:
        markers: lines in the worktree's file that still hold a marker, from 1.
        resolved: whether nothing is left to do for it.
        why: what is left, for people; "" when resolved.
    """

    conflict: Conflict
    markers: tuple[int, ...]
    resolved: bool
    why: str = ""


# The markers that git writes into a side of its own when a renamed file is in conflict as well: they bear a commit's id.
_NESTED = re.compile(rb"^[<|>]{7,} [0-9a-f]{7,64}(:.*)?\r?$")


def marker_lines(data: bytes, *sides: bytes, nested: bool = False) -> tuple[int, ...]:
    """Lines (from 1) that hold a conflict marker and stand in none of the merged sides (documents may show markers).

    Args:
        nested: whether a side may hold markers that git wrote there; those count.
    """
    known = {match.group(0) for side in sides for match in _MARKER.finditer(side)}
    if nested:
        known = {line for line in known if not _NESTED.match(line)}
    found = [match for match in _MARKER.finditer(data) if match.group(0) not in known]
    if all(match.group(1).startswith(b"=") for match in found):
        return ()
    return tuple(data.count(b"\n", 0, match.start()) + 1 for match in found)


def open_conflicts(session: Session, step: StepState) -> list[Open]:
    """Every conflict of the stopped step with its standing in the worktree."""
    if step.outcome is None:
        return []
    decided = {
        item.path
        for item in session.store.files(session.run.id)
        if item.verdict == Verdict.RESOLVED and (item.story_id, item.batch) == (step.story_id, step.batch)
    }
    left = session.repo.ls_tree(step.tree_after)
    result = []
    for conflict in step.outcome.conflicts:
        sides = _side_blobs(session, conflict)
        data = _content(session, conflict.path)
        markers: tuple[int, ...] = ()
        if data is not None and _is_file(session, conflict.path):
            markers = marker_lines(data, *sides, nested=_may_nest(conflict))
        before = left.get(conflict.path)
        was = before.oid.encode() if before and before.mode == SUBMODULE else None
        if before and before.mode != SUBMODULE:
            was = session.repo.read_blobs([before.oid])[before.oid]
        why = ""
        if not session.worktree.exists:
            why = "the worktree is gone; `merge-tool continue` makes it anew"
        elif markers:
            why = f"markers in line{'s' * (len(markers) > 1)} {', '.join(map(str, markers[:8]))}"
        elif conflict.path not in decided and data == was:
            why = "nothing was decided yet"
        elif (
            data is not None and _is_file(session, conflict.path) and (problem := parses(conflict.path, data))
        ):
            why = f"does not parse: {problem}"
        result.append(Open(conflict, markers, not why, why))
    return result


SUBMODULE, SYMLINK = "160000", "120000"


def _may_nest(conflict: Conflict) -> bool:
    """Whether a side of a conflict may be a text that git made, with markers in it: where a file was renamed."""
    return conflict.kind.startswith("rename") or not conflict.base


def links_of(session: Session, conflicts: Iterable[Conflict]) -> dict[str, str]:
    """What the symlinks of conflicts point to, by blob id."""
    sides = [
        ((item.base, item.base_mode), (item.ours, item.ours_mode), (item.theirs, item.theirs_mode))
        for item in conflicts
    ]
    oids = [oid for three in sides for oid, mode in three if oid and mode == SYMLINK]
    return {oid: data.decode("utf-8", "replace") for oid, data in session.repo.read_blobs(oids).items()}


def _side_blobs(session: Session, conflict: Conflict) -> list[bytes]:
    """The contents of the conflict's sides; a submodule has none."""
    sides = [
        (conflict.base, conflict.mode),
        (conflict.ours, conflict.ours_mode),
        (conflict.theirs, conflict.theirs_mode),
    ]
    if SUBMODULE in {conflict.mode, conflict.ours_mode, conflict.theirs_mode}:
        sides = [(oid, mode) for oid, mode in sides[1:] if mode != SUBMODULE]
    return list(session.repo.read_blobs(oid for oid, _ in sides if oid).values())


def _is_file(session: Session, path: str) -> bool:
    target = session.worktree.path / path
    return target.is_file() and not target.is_symlink()


def _content(session: Session, path: str) -> bytes | None:
    """What stands in the worktree: a file's bytes, a symlink's target, a submodule's recorded commit; None for nothing."""
    target = session.worktree.path / path
    if target.is_symlink():
        return os.fsencode(target.readlink())
    if target.is_file():
        return target.read_bytes()
    staged = session.repo.run("ls-files", "-s", "-z", "--", path, env=LITERAL, cwd=session.worktree.path)
    mode, _, rest = staged.partition(b" ")
    return rest.partition(b" ")[0] if mode.decode() == SUBMODULE else None


def resolve(session: Session, step: StepState, path: str, how: str) -> str:
    """Resolves one conflicted file in the worktree.

    Args:
        how: `ours` (the fork's file), `theirs` (upstream's), or `marked` (the file as a person left it).

    Returns:
        A sentence that says what was done.

    Raises:
        UserError: the file is not in conflict, or still holds markers.
    """
    item = _open_one(session, step, path)
    target = session.worktree.path / path
    if how == "marked":
        if item.markers:
            raise UserError(
                f"{path} still holds conflict markers",
                where=f"{path}:{item.markers[0]}",
                hint="edit it, or use --ours, --theirs, --both or --suggestion",
            )
        if target.is_file() and not target.is_symlink() and (problem := parses(path, target.read_bytes())):
            raise UserError(
                f"{path} does not parse: {problem}", where=path, hint="mend it in the worktree first"
            )
        text = "removed" if not target.exists() else "as it stands in the worktree"
    else:
        text = ""
        for other in (item.conflict, *_partners(step, item.conflict)):
            said = _take(session, other, how)
            text += f"; {other.path}: {said}" if text else said
            if other is not item.conflict:
                _record(session, step, other.path, said)
    _record(session, step, path, text)
    return f"{path}: {text}"


def _take(session: Session, conflict: Conflict, how: str) -> str:
    """Puts one side of a conflict into the worktree, and says so."""
    ours = how == "ours"
    side = conflict.ours if ours else conflict.theirs
    mode = (conflict.ours_mode if ours else conflict.theirs_mode) or conflict.mode
    if side and mode not in (SUBMODULE, SYMLINK) and _may_nest(conflict):
        side = _unnested(session, side, how)
    _put(session, conflict.path, Entry(mode, side) if side else None)
    kind = {SUBMODULE: "commit of the submodule", SYMLINK: "symlink"}.get(mode, "file")
    return f"{how}: " + ("the fork's" if ours else "upstream's") + (f" {kind}" if side else " removal")


def _unnested(session: Session, oid: str, how: str) -> str:
    """A side's text; where git left markers in it, with that side's lines instead of them."""
    data = session.repo.read_blobs([oid])[oid]
    if not any(_NESTED.match(match.group(0)) for match in _MARKER.finditer(data)):
        return oid
    marked = read_marked(data.decode("utf-8", "surrogateescape"))
    text = marked.with_blocks(lambda block: block.ours if how == "ours" else block.theirs)
    return session.repo.write_blob(text.encode("utf-8", "surrogateescape"))


def _partners(step: StepState, conflict: Conflict) -> list[Conflict]:
    """The conflicts that are decided with one: the other name of a file that both sides renamed."""
    if conflict.kind != "rename/rename" or step.outcome is None:
        return []
    return [
        item for item in step.outcome.conflicts if item.names == conflict.names and item.path != conflict.path
    ]


def _record(session: Session, step: StepState, path: str, text: str) -> None:
    """Notes that a person resolved a file, and how."""
    verdict = FileVerdict(path, Verdict.RESOLVED, "person", text)
    session.store.record_file(session.run.id, step.story_id, step.batch, verdict)
    target = session.worktree.path / path
    if target.is_file() and not target.is_symlink():
        record(session, step, {path: target.read_bytes()})


def conflict_of(session: Session, step: StepState, path: str) -> Conflict:
    """The conflict of a file.

    Raises:
        UserError: it is not in conflict.
    """
    return _open_one(session, step, path).conflict


def _open_one(session: Session, step: StepState, path: str) -> Open:
    item = next((item for item in open_conflicts(session, step) if item.conflict.path == path), None)
    if item is None:
        names = ", ".join(c.path for c in step.outcome.conflicts) if step.outcome else ""
        raise UserError(
            f"{path} is not in conflict",
            hint=f"in conflict are: {names}" if names else "nothing is in conflict",
        )
    return item


def _put(session: Session, path: str, entry: Entry | None) -> None:
    """Puts one side's whole file into the worktree (git does the writing, so modes and symlinks come out right)."""
    worktree = session.worktree
    session.repo.run(
        "rm", "--quiet", "--force", "--ignore-unmatch", "--", path, env=LITERAL, cwd=worktree.path
    )
    if entry is None:
        return
    info = f"{entry.mode} {entry.oid}\t{path}\0".encode("utf-8", "surrogateescape")
    session.repo.run("update-index", "-z", "--add", "--index-info", data=info, cwd=worktree.path)
    session.repo.run("checkout-index", "--force", "--", path, cwd=worktree.path)


def find_stopped(session: Session) -> StepState | None:
    """The step at which the run stands still (a stop, a gate, a failure or a kill), or None."""
    for story in session.store.stories(session.run.id):
        if story.status not in (StoryStatus.STOPPED, StoryStatus.GATE, StoryStatus.RUNNING):
            continue
        for step in session.store.steps(session.run.id, story.story_id, story.batch):
            if step.status != "done":
                return step
    return None


def is_stopped(session: Session) -> bool:
    """Whether a step stands still."""
    return find_stopped(session) is not None


def stopped_step(session: Session) -> StepState:
    """Like `find_stopped`.

    Raises:
        StateError: nothing stands still.
    """
    step = find_stopped(session)
    if step is None:
        raise StateError("nothing is stopped", hint="see `merge-tool status`")
    return step
