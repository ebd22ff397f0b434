"""A folder of small files kept under a ref of its own, so that it can be pushed and fetched like a branch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from merge_tool.errors import VcsError
from merge_tool.vcs.names import check_ref
from merge_tool.vcs.repo import Entry, Identity, Repository


class Shelf:
    """The files under one ref. Each change is one commit; the ref moves only from where it was read."""

    def __init__(self, repo: Repository, name: str) -> None:
        self._repo, self.ref = repo, check_ref(name)

    def _tip(self, ref: str) -> str:
        return self._repo.refs(ref).get(ref, "")

    def files(self, ref: str = "") -> dict[str, bytes]:
        """The bytes of each file by its name; empty where nothing was kept yet."""
        tip = self._tip(ref or self.ref)
        entries = self._entries(tip)
        blobs = self._repo.read_blobs(entry.oid for entry in entries.values())
        return {name: blobs[entry.oid] for name, entry in entries.items()}

    def _entries(self, commit: str) -> dict[str, Entry]:
        if not commit:
            return {}
        return {
            path: entry
            for path, entry in self._repo.ls_tree(self._repo.tree_of(commit)).items()
            if entry.is_file
        }

    def change(self, changes: Mapping[str, bytes | None], message: str, who: Identity) -> bool:
        """Writes (or with None removes) files; returns whether that changed anything.

        Raises:
            VcsError: somebody else changed them at the same time.
        """
        for _ in range(3):
            tip = self._tip(self.ref)
            entries = self._entries(tip)
            wanted: dict[str, Entry | None] = {
                name: None if data is None else Entry("100644", self._repo.write_blob(data))
                for name, data in changes.items()
            }
            wanted = {name: entry for name, entry in wanted.items() if entries.get(name) != entry}
            if not wanted:
                return False
            tree = self._repo.write_tree(self._repo.tree_of(tip) if tip else self._empty(), wanted)
            commit = self._repo.commit_tree(tree, [tip] if tip else [], message, who)
            try:
                self._repo.update_refs([(self.ref, commit, tip)])
            except VcsError:
                if self._tip(self.ref) == tip:
                    raise
                continue
            return True
        raise VcsError(f"{self.ref} is being changed by others", hint="try again")

    def _empty(self) -> str:
        return self._repo.text("mktree", data=b"")

    def _remote(self, remote: str) -> str:
        remotes = self._repo.remotes()
        if remote not in remotes:
            raise VcsError(
                f"there is no remote {remote!r}", hint=f"the remotes are {', '.join(remotes) or 'none'}"
            )
        return remote

    def fetch(self, remote: str, who: Identity, newer: Callable[[bytes, bytes], bool]) -> tuple[int, int]:
        """Joins a remote's files with ours.

        What one side removed since both were the same stays removed; where both changed one, the newer wins.

        Args:
            newer: whether the second of two versions wins.

        Returns:
            How many files came in or changed here, and how many went.

        Raises:
            VcsError: the remote is not known or cannot be reached.
        """
        copy = self.ref.replace("refs/merge-tool/", f"refs/merge-tool/remotes/{self._remote(remote)}/")
        if not self._repo.text("ls-remote", "--", remote, self.ref):
            return 0, 0
        self._repo.run("fetch", "--quiet", "--no-tags", "--", remote, f"+{self.ref}:{check_ref(copy)}")
        tip, theirs = self._tip(self.ref), self._tip(copy)
        if not tip:
            self._repo.update_refs([(self.ref, theirs, "")])
            return len(self._entries(theirs)), 0
        if self._repo.is_ancestor(theirs, tip):
            return 0, 0
        code, base, _ = self._repo.call("merge-base", tip, theirs)
        old = self._entries(base.decode().strip()) if code == 0 else {}
        own, other = self._entries(tip), self._entries(theirs)
        changes: dict[str, Entry | None] = {}
        for name in own.keys() | other.keys():
            mine, new, before = own.get(name), other.get(name), old.get(name)
            if mine == new or new == before:
                continue
            if mine != before and mine is not None and new is not None:
                blobs = self._repo.read_blobs([mine.oid, new.oid])
                if not newer(blobs[mine.oid], blobs[new.oid]):
                    continue
            if mine != before and new is None:
                continue
            changes[name] = new
        tree = self._repo.write_tree(self._repo.tree_of(tip), changes)
        commit = self._repo.commit_tree(tree, [tip, theirs], f"Join with {remote}\n", who)
        self._repo.update_refs([(self.ref, commit, tip)])
        gone = sum(entry is None for entry in changes.values())
        return len(changes) - gone, gone

    def push(self, remote: str, who: Identity, newer: Callable[[bytes, bytes], bool]) -> int:
        """Joins with the remote's files, then sends ours; returns how many there are now.

        Raises:
            VcsError: there is nothing to send, or the remote refuses.
        """
        for attempt in range(3):
            self.fetch(remote, who, newer)
            if not self._tip(self.ref):
                raise VcsError("there is nothing to share yet", hint="resolve a conflict first")
            code, _, err = self._repo.call("push", "--quiet", "--", remote, f"{self.ref}:{self.ref}")
            if code == 0:
                return len(self._entries(self._tip(self.ref)))
            if attempt == 2 or "rejected" not in err:
                lines = err.strip().splitlines()
                raise VcsError(f"{remote} refuses {self.ref}: {lines[0] if lines else f'code {code}'}")
        raise AssertionError("the loop returns or raises")
