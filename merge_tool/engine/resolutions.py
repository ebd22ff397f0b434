"""Records how a person resolved conflicts, for the next time that the same conflict comes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from merge_tool.actions.recorded import file_of, shelf_of
from merge_tool.engine.session import Session
from merge_tool.errors import VcsError
from merge_tool.merging.marked import read_marked
from merge_tool.merging.recorded import Recorded, learn, load
from merge_tool.model.outcome import Conflict
from merge_tool.model.state import StepState


def record(session: Session, step: StepState, contents: Mapping[str, bytes]) -> int:
    """Records the resolutions that files show, compared with how the step left them.

    A resolution that cannot be written is told in the run's events; it never keeps a run from going on.

    Args:
        contents: the resolved files' bytes by path.

    Returns:
        How many are kept, those known before included.
    """
    if step.outcome is None or session.dry_run:
        return 0
    chosen = {item.path for item in step.outcome.conflicts if _has_text(item)} & contents.keys()
    entries = session.repo.ls_tree(step.tree_after)
    left = {path: entries[path].oid for path in chosen if path in entries and entries[path].is_file}
    blobs = session.repo.read_blobs(left.values())
    who, at = session.identity(), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    found: list[Recorded] = []
    for path, oid in left.items():
        try:
            marked = read_marked(blobs[oid].decode())
            found += learn(path, marked, contents[path].decode(), who.name, at)
        except UnicodeDecodeError:
            continue
    old = shelf_of(session.repo).files() if found else {}
    new = {file_of(item.key): item.dump() for item in found if not _known(old.get(file_of(item.key)), item)}
    if new:
        try:
            count = len(new)
            shelf_of(session.repo).change(
                new, f"Record {count} resolution{'s' * (count != 1)}\n\nRun: {session.run.id}\n", who
            )
        except VcsError as error:
            session.store.event(session.run.id, "not recorded", f"{len(new)} resolutions: {error}")
            return 0
    return len(found)


def _has_text(conflict: Conflict) -> bool:
    return bool(conflict.ours and conflict.theirs)


def _known(data: bytes | None, item: Recorded) -> bool:
    """Whether the same resolution is kept already; who and when do not count."""
    if data is None:
        return False
    try:
        return load(data).text == item.text
    except ValueError:
        return False
