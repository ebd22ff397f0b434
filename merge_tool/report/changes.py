"""What differs between two trees, line by line."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from merge_tool.index.source import decode, split_lines
from merge_tool.merging.diff import Change as Edit
from merge_tool.merging.diff import changes as edits_of
from merge_tool.report.review_lines import Change, Hunk, Row

if TYPE_CHECKING:
    from merge_tool.vcs.repo import Entry, Repository

CONTEXT = 3  # lines around a change, as git shows them
MAX_BYTES = (
    1_000_000  # of one side; a file of more is generated or data, and nobody reads its diff line by line
)
MAX_LINES = 20_000


def changes_of(
    repo: Repository, before: str, after: str, paths: Collection[str] | None = None
) -> tuple[Change, ...]:
    """What differs between two trees, in path order, renames followed.

    Args:
        paths: only these paths; None for all that differ.

    Raises:
        VcsError: a tree or a blob is not in the repository.
    """
    listed = repo.diff_tree(before, after, renames=True)
    if paths is not None:
        listed = [item for item in listed if item[1] in paths or item[2] in paths]
    if not listed:
        return ()
    old, new = repo.ls_tree(before), repo.ls_tree(after)
    pairs = [
        (status, path, source, old.get(source or path), new.get(path)) for status, path, source in listed
    ]
    wanted = {entry.oid for *_, one, other in pairs for entry in (one, other) if entry and entry.is_file}
    blobs = repo.read_blobs(wanted)
    return tuple(sorted((_change(*pair, blobs) for pair in pairs), key=lambda item: item.path))


def _change(
    status: str, path: str, source: str, one: Entry | None, other: Entry | None, blobs: dict[str, bytes]
) -> Change:
    letter = status[:1]
    if any(entry and not entry.is_file for entry in (one, other)):
        return Change(path, letter, source, note="a symlink or a submodule")
    left, right = (blobs[entry.oid] if entry else b"" for entry in (one, other))
    if b"\0" in left[:8000] or b"\0" in right[:8000]:
        return Change(path, letter, source, note="not text")
    if max(len(left), len(right)) > MAX_BYTES:
        return Change(path, letter, source, note=f"larger than {MAX_BYTES // 1000} kB; see git diff")
    first, second = (_lines(data) for data in (left, right))
    if max(len(first), len(second)) > MAX_LINES:
        return Change(path, letter, source, note=f"longer than {MAX_LINES} lines; see git diff")
    if left == right and one and other and one.mode != other.mode:
        return Change(path, letter, source, note=f"only its mode changed, from {one.mode} to {other.mode}")
    found = edits_of(first, second)
    if not found and left != right:
        return Change(path, letter, source, note="only line ends or the last newline changed")
    return Change(
        path, letter, source,
        added=sum(item.new_end - item.new_start for item in found),
        removed=sum(item.old_end - item.old_start for item in found),
        hunks=tuple(_hunk(group, first, second) for group in _groups(found)),
        lines=frozenset(number + 1 for item in found for number in range(item.new_start, item.new_end)),
        old=tuple(first),
        new=tuple(second),
    )  # fmt: skip


def _lines(data: bytes) -> list[str]:
    """The lines as the parser counts them, so that the linters' line numbers fit."""
    try:
        text = decode(data)
    except (SyntaxError, ValueError, LookupError):
        text = data.decode("utf-8", "replace")
    lines = split_lines(text)
    return lines[:-1] if lines[-1] == "" else lines


def _groups(found: list[Edit]) -> list[list[Edit]]:
    """Edits whose contexts touch stand in one hunk."""
    groups: list[list[Edit]] = []
    for item in found:
        if groups and item.old_start - groups[-1][-1].old_end <= 2 * CONTEXT:
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


def _hunk(group: list[Edit], old: list[str], new: list[str]) -> Hunk:
    start, end = group[0], group[-1]
    lead = min(CONTEXT, start.old_start)
    rows = [Row(" ", text) for text in old[start.old_start - lead : start.old_start]]
    at = start.old_start
    for item in group:
        rows += [Row(" ", text) for text in old[at : item.old_start]]
        rows += [Row("-", text) for text in old[item.old_start : item.old_end]]
        rows += [Row("+", text) for text in new[item.new_start : item.new_end]]
        at = item.old_end
    rows += [Row(" ", text) for text in old[end.old_end : end.old_end + CONTEXT]]
    return Hunk(start.old_start - lead + 1, start.new_start - lead + 1, tuple(rows))
