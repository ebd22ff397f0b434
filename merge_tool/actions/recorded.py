"""What people decided in earlier conflicts, written again where the very same conflict comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from merge_tool.actions.base import Context
from merge_tool.merging.model import Step
from merge_tool.merging.recorded import Recorded, Replayed, load, replay
from merge_tool.model.outcome import Conflict, FileVerdict, MergedHunk, Verdict
from merge_tool.vcs.repo import Entry, Repository
from merge_tool.vcs.shelf import Shelf
from merge_tool.vcs.workspace import parses

REF = "refs/merge-tool/resolutions"


def shelf_of(repo: Repository) -> Shelf:
    """Where a repository's resolutions are kept."""
    return Shelf(repo, REF)


def known_resolutions(repo: Repository) -> dict[str, Recorded]:
    """The resolutions by their keys. What is none, or stands under a key that is not its own, is left out."""
    found: dict[str, Recorded] = {}
    for name, data in shelf_of(repo).files().items():
        try:
            item = load(data)
        except ValueError:
            continue
        if name == file_of(item.key):
            found[item.key] = item
    return found


def file_of(key: str) -> str:
    """The name under which a resolution is kept."""
    return f"{key[:2]}/{key[2:]}.json"


@dataclass
class Resolutions:
    """The recorded resolutions for one merge, read when they are first asked for."""

    ctx: Context

    @cached_property
    def _known(self) -> dict[str, Recorded]:
        return known_resolutions(self.ctx.repo)

    def replay(
        self, item: FileVerdict, conflict: Conflict, told: tuple[MergedHunk, ...], verdict: Verdict
    ) -> tuple[FileVerdict, Conflict | None, tuple[MergedHunk, ...]]:
        """A file that is still in conflict after its recorded resolutions.

        Undone as a whole where the result does not parse.

        Args:
            told: what the steps before came to.
            verdict: what the file is called when nothing is left.

        Returns:
            Its verdict, its conflict (None when nothing is left), and all its hunks.
        """
        same = item, conflict, told
        entry = self.ctx.workspace.entry(item.path)
        left = [hunk for hunk in told if hunk.step == Step.LEFT]
        if not self._known or entry is None or not entry.is_file:
            return same
        try:
            text = self.ctx.repo.read_blobs([entry.oid])[entry.oid].decode()
        except UnicodeDecodeError:
            return same
        done = replay(item.path, text, self._known)
        if done is None or (left and len(left) != len(done.used)):
            return same
        data = done.text.encode()
        # With conflicts left only the whole can be judged, and a person will do that.
        if not done.left and parses(item.path, data):
            return same
        self.ctx.workspace.put(item.path, Entry(entry.mode, self.ctx.repo.write_blob(data)))
        hunks = _hunks(item.path, told, done)
        count = len(done.used) - done.left
        by = f"{item.by}, recorded" if "then" in item.by else f"{item.by}, then recorded"
        note = f"{count} conflict{'s' * (count != 1)} resolved as before"
        problem = item.reason.partition("; ")[2]
        if done.left or problem:
            reason = f"{conflict.kind}: {done.left or 1} left; {note}" + (f"; {problem}" if problem else "")
            return FileVerdict(item.path, Verdict.CONFLICTED, by, reason), conflict, hunks
        return FileVerdict(item.path, verdict, by, note), None, hunks


def _hunks(path: str, told: tuple[MergedHunk, ...], done: Replayed) -> tuple[MergedHunk, ...]:
    """The hunks with those told that were resolved as before."""
    made = []
    for line, item in done.used:
        if item is None:
            made.append(MergedHunk(path, line, Step.LEFT.value))
        else:
            who = f" by {item.by}" if item.by else ""
            made.append(
                MergedHunk(path, line, Step.RECORDED.value, "safe", f"resolved so{who} on {item.at[:10]}")
            )
    left = iter(made)
    found = [
        (replace(now, reason=hunk.reason) if (now := next(left)).step == Step.LEFT else now) if hunk.step == Step.LEFT else hunk
        for hunk in told
    ]  # fmt: skip
    return (*found, *left)
