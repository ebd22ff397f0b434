"""A git repository: objects, trees, commits and refs.

Stories are run on tree objects, not on files: an action reads blobs of a tree and gives changed blobs, a new tree is
written through an index of its own, and a branch moves by compare-and-swap. So a kill at any moment leaves either the
old state or the new one. Source: gitcore-tutorial and git-update-ref manual pages.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.errors import VcsError
from merge_tool.vcs.names import check_ref, check_rev
from merge_tool.vcs.process import Git

if TYPE_CHECKING:
    import git

OURS = ".merge-tool/worktree"  # the run's own worktree: a command typed in it means the repository
LITERAL = {"GIT_LITERAL_PATHSPECS": "1"}  # a file called [ab].py is that file and no pattern


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a tree. `mode` is git's: 100644, 100755, 120000 (symlink) or 160000 (submodule)."""

    mode: str
    oid: str

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, which may be read and written as text."""
        return self.mode in ("100644", "100755")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who commits, and when (seconds since the epoch, UTC)."""

    name: str
    email: str
    when: int

    def env(self) -> dict[str, str]:
        """The environment that makes git use this identity."""
        stamp = f"@{self.when} +0000"  # the @ keeps git from reading small numbers as other formats
        return {
            "GIT_AUTHOR_NAME": self.name, "GIT_AUTHOR_EMAIL": self.email, "GIT_AUTHOR_DATE": stamp,
            "GIT_COMMITTER_NAME": self.name, "GIT_COMMITTER_EMAIL": self.email, "GIT_COMMITTER_DATE": stamp,
        }  # fmt: skip


class Repository(Git):
    """A git repository, opened by `open`.

    Attributes:
        root: the top of the work tree that it was opened from.
        common_dir: the git directory that all its worktrees share.
    """

    def __init__(self, repo: git.Repo) -> None:
        if repo.bare or repo.working_tree_dir is None:
            raise VcsError(f"{repo.git_dir} is a bare repository", hint="use a clone with a work tree")
        self._repo = repo
        self.root = Path(repo.working_tree_dir)
        self.common_dir = Path(repo.common_dir).resolve()
        super().__init__(self.root)
        self._zero = ""
        self._assumed: dict[str, str] = {}  # refs that a dry run takes for fetched

    @classmethod
    def open(cls, path: Path) -> Repository:
        """Opens the repository that holds `path`.

        Raises:
            VcsError: there is none, or it is bare.
        """
        import git  # late: it is among the dearest imports, and plans are read without it

        try:
            found = cls(git.Repo(path, search_parent_directories=True))
            main = found.common_dir.parent
            inside = found.common_dir.name == ".git" and found.root.resolve() == (main / OURS).resolve()
            return cls(git.Repo(main)) if inside else found
        except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
            raise VcsError(f"{path} is not in a git repository", hint="give one with --repo DIR") from error
        except ValueError as error:
            raise VcsError(f"git cannot open {path}: {error}") from error

    @contextmanager
    def scratch_objects(self) -> Iterator[None]:
        """Within it, new objects go to a folder that is thrown away: a dry run leaves the repository untouched."""
        with tempfile.TemporaryDirectory(prefix="merge-tool-objects-") as folder:
            old, assumed = self._env, self._assumed
            real = self.common_dir / "objects"
            alternates = os.pathsep.join(
                filter(None, [str(real), os.environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES")])
            )
            self._env = {
                **old,
                "GIT_OBJECT_DIRECTORY": folder,
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": alternates,
            }
            try:
                yield
            finally:
                self._env, self._assumed = old, assumed

    def fetch(self, remote: str, branch: str, *, dry_run: bool = False) -> str:
        """Fetches a branch, and the tags that point into it, as `git fetch REMOTE BRANCH` does.

        With `dry_run` (inside `scratch_objects`) the objects go to the scratch folder, no ref moves, and `resolve`
        answers as if they had.

        Returns:
            The commit of the branch.

        Raises:
            VcsError: git cannot fetch it; the message is git's own.
        """
        tracking = f"refs/remotes/{remote}/{branch}"
        source = f"refs/heads/{branch}"
        if not dry_run:
            self.run("fetch", "--no-recurse-submodules", "--quiet", remote, f"+{source}:{tracking}")
            return self.resolve(tracking)
        self.run(
            "fetch",
            "--no-recurse-submodules",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--refmap=",
            remote,
            source,
        )
        lines = self.text("ls-remote", remote, source, "refs/tags/*").splitlines()
        listed = {name: oid for oid, _, name in (line.partition("\t") for line in lines)}
        tags = {
            name.removesuffix("^{}"): oid
            for name, oid in sorted(listed.items())
            if name.startswith("refs/tags/")
        }
        here = self.run(
            "cat-file",
            "--batch-check=%(objecttype)",
            data="".join(f"{oid}\n" for oid in tags.values()).encode(),
        )
        kinds = here.decode().splitlines()
        self._assumed = {
            name: oid
            for (name, oid), kind in zip(tags.items(), kinds, strict=True)
            if kind in ("commit", "tag")
        }
        self._assumed[tracking] = listed[source]
        return listed[source]

    @property
    def zero(self) -> str:
        """The hash that stands for nothing: 40 zeros, or 64 where the repository uses SHA-256."""
        if not self._zero:
            sha256 = self.text("rev-parse", "--show-object-format") == "sha256"
            self._zero = "0" * (64 if sha256 else 40)
        return self._zero

    # Commits and refs

    def resolve(self, rev: str) -> str:
        """The full hash of the commit that `rev` names.

        Raises:
            VcsError: it names none here.
        """
        check_rev(rev)
        for name in (rev, f"refs/tags/{rev}", f"refs/remotes/{rev}"):
            rev = self._assumed.get(name, rev)
        code, out, _ = self.call("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
        if code != 0:
            raise VcsError(f"there is no commit {rev!r} here", hint="fetch it first, or check its spelling")
        return out.decode().strip()

    def try_resolve(self, rev: str) -> str | None:
        """Like `resolve`, or None where it names no commit here."""
        try:
            return self.resolve(rev)
        except VcsError:
            return None

    def tree_of(self, commit: str) -> str:
        """The hash of a commit's tree."""
        return self.text("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")

    def parents(self, commit: str) -> list[str]:
        """The hashes of a commit's parents."""
        return self.text("rev-list", "--parents", "-n", "1", commit).split()[1:]

    def message(self, commit: str) -> str:
        """A commit's message."""
        return self.text("log", "-1", "--format=%B", commit)

    def merge_base(self, one: str, two: str) -> str:
        """The best common ancestor of two commits.

        Raises:
            VcsError: they have none.
        """
        code, out, _ = self.call("merge-base", one, two)
        if code != 0:
            hint = (
                "check that the upstream remote is the project this one was forked from; a fork that began as a copy is joined "
                "by `git replace --graft FIRST-COMMIT-OF-THE-FORK COMMIT-OF-UPSTREAM-IT-WAS-COPIED-FROM`"
            )
            if self.text("rev-parse", "--is-shallow-repository") == "true":
                hint = "this clone is shallow: git fetch --unshallow"
            raise VcsError(f"{one[:12]} and {two[:12]} have no common ancestor", hint=hint)
        return out.decode().split()[0]

    def is_ancestor(self, one: str, two: str) -> bool:
        """Whether commit `one` is `two` or an ancestor of it."""
        return self.call("merge-base", "--is-ancestor", one, two)[0] == 0

    def update_refs(self, changes: Iterable[tuple[str, str, str | None]]) -> None:
        """Moves refs in one transaction.

        Args:
            changes: `(full ref, new hash or "" to delete, expected old hash; "" for must-not-exist; None for any)`.

        Raises:
            VcsError: a ref is not where it was expected; none has moved then.
        """
        zero = self.zero
        lines = ["start"]
        for ref, new, old in changes:
            check_ref(ref)
            expected = "" if old is None else f" {old or zero}"
            lines.append(f"update {ref} {new}{expected}" if new else f"delete {ref}{expected}")
        lines += ["prepare", "commit", ""]
        self.run("update-ref", "--stdin", data="\n".join(lines).encode())

    def remove_stale_locks(self, refs: Iterable[str], folder: str) -> None:
        """Removes lock files that a killed git left on our own refs. Call it only while the run's lock is held.

        Args:
            refs: full names of refs.
            folder: a prefix below which all refs are ours.
        """
        for ref in refs:
            (self.common_dir / f"{ref}.lock").unlink(missing_ok=True)
        for path in (self.common_dir / folder).rglob("*.lock"):
            path.unlink(missing_ok=True)

    def refs(self, prefix: str) -> dict[str, str]:
        """Full names and hashes of the refs below `prefix`."""
        out = self.text("for-each-ref", "--format=%(objectname) %(refname)", prefix)
        return {name: oid for oid, _, name in (line.partition(" ") for line in out.splitlines())}

    def head_branch(self) -> str:
        """The name of the branch checked out at `root`, or "" when HEAD is detached."""
        code, out, _ = self.call("symbolic-ref", "--quiet", "--short", "HEAD")
        return out.decode().strip() if code == 0 else ""

    def config(self, key: str, default: str = "") -> str:
        """A value of git's configuration."""
        code, out, _ = self.call("config", "--get", key)
        return out.decode("utf-8", "replace").rstrip("\n") if code == 0 else default

    def remotes(self) -> dict[str, str]:
        """The remotes' names and URLs."""
        return {remote.name: next(iter(remote.urls), "") for remote in self._repo.remotes}

    # Trees and blobs

    def ls_tree(self, tree: str) -> dict[str, Entry]:
        """Every file of a tree (or commit), by path."""
        result = {}
        for line in self.run("ls-tree", "-r", "-z", "--full-tree", tree).split(b"\0"):
            if line:
                meta, _, path = line.partition(b"\t")
                mode, _, oid = meta.decode().split()
                result[path.decode("utf-8", "surrogateescape")] = Entry(mode, oid)
        return result

    def read_blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """The contents of blobs, by hash, read in one go."""
        wanted = sorted(set(oids))
        if not wanted:
            return {}
        out = self.run("cat-file", "--batch", data=("\n".join(wanted) + "\n").encode())
        result, position = {}, 0
        for oid in wanted:
            end = out.index(b"\n", position)
            header = out[position:end].split()
            if len(header) != 3 or header[1] != b"blob":
                raise VcsError(
                    f"the object {oid} is not here",
                    hint="the clone may be shallow or partial: git fetch --unshallow",
                )
            size = int(header[2])
            result[oid] = out[end + 1 : end + 1 + size]
            position = end + 2 + size
        return result

    def write_blob(self, data: bytes) -> str:
        """Stores a blob and returns its hash."""
        return self.text("hash-object", "-w", "--stdin", "--no-filters", data=data)

    def write_tree(self, base: str, changes: Mapping[str, Entry | None]) -> str:
        """The tree `base` with some files replaced (an `Entry`) or removed (None)."""
        if not changes:
            return base
        with tempfile.TemporaryDirectory(prefix="merge-tool-index-") as folder:
            env = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self.run("read-tree", base, env=env)
            lines = []
            for path, entry in sorted(changes.items()):
                meta = f"{entry.mode} {entry.oid}" if entry else f"0 {self.zero}"
                lines.append(meta.encode() + b"\t" + path.encode("utf-8", "surrogateescape") + b"\0")
            self.run("update-index", "-z", "--index-info", data=b"".join(lines), env=env)
            return self.text("write-tree", env=env)

    def commit_tree(self, tree: str, parents: Sequence[str], message: str, who: Identity) -> str:
        """Stores a commit and returns its hash. No ref moves."""
        args = [item for parent in parents for item in ("-p", parent)]
        return self.text("commit-tree", tree, *args, data=message.encode(), env=who.env())

    def merge_file(self, base: bytes, ours: bytes, theirs: bytes, favour: str) -> bytes | None:
        """One file merged by `git merge-file`, conflicting hunks resolved to `favour` ("ours" or "theirs").

        Returns:
            The text, or None where git cannot merge it (a binary file).
        """
        with tempfile.TemporaryDirectory(prefix="merge-tool-file-") as folder:
            names = []
            for name, data in (("ours", ours), ("base", base), ("theirs", theirs)):
                path = Path(folder) / name
                path.write_bytes(data)
                names.append(str(path))
            code, out, _ = self.call("merge-file", "-p", f"--{favour}", *names)
            return out if code == 0 else None

    def diff_tree(self, old: str, new: str, *, renames: bool = False) -> list[tuple[str, str, str]]:
        """What differs between two trees: `(status letter, path, old path or "")`."""
        args = ["-M"] if renames else ["--no-renames"]
        fields = self.run("diff-tree", "-r", "-z", "--name-status", *args, old, new).decode(
            "utf-8", "surrogateescape"
        )
        items = iter(fields.split("\0"))
        result = []
        for status in items:
            if status[:1] in ("R", "C"):
                source = next(items)
                result.append((status[0], next(items), source))
            elif status:
                result.append((status[0], next(items), ""))
        return result
