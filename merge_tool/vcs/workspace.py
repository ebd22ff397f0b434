"""The files that one step works on: a tree of git's plus changes held in memory until `flush`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from merge_tool.errors import VcsError
from merge_tool.plan.patterns import PathMatcher
from merge_tool.vcs.names import check_path
from merge_tool.vcs.repo import Entry, Repository

MAX_TEXT_BYTES = 10 * 1024 * 1024


class Workspace:
    """A tree with changes on top. Nothing reaches the repository's tree objects before `flush`.

    Attributes:
        base: the tree that it started from.
    """

    def __init__(self, repo: Repository, tree: str) -> None:
        self._repo = repo
        self._load(tree)

    def _load(self, tree: str) -> None:
        self.base = tree
        self._entries = self._repo.ls_tree(tree)
        self._changes: dict[str, Entry | None] = {}

    def __iter__(self) -> Iterator[str]:
        """Every path, in order."""
        return iter(sorted(self._entries))

    def entry(self, path: str) -> Entry | None:
        """The file's entry, or None where there is no such file."""
        return self._entries.get(path)

    def matching(self, patterns: Iterable[str]) -> list[str]:
        """The paths that match any of the git-style patterns, in order."""
        matcher = PathMatcher(tuple(patterns))
        return [path for path in self if matcher.matches(path)]

    def read(self, path: str) -> bytes:
        """The bytes of a regular file.

        Raises:
            VcsError: it is not there, is a symlink or submodule, or is larger than 10 MiB.
        """
        return self.read_many([path])[path]

    def read_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The bytes of several regular files, read in one go; see `read`."""
        oids = {}
        for path in paths:
            entry = self._entries.get(path)
            if entry is None:
                raise VcsError(f"there is no file {path} on this branch")
            if not entry.is_file:
                raise VcsError(
                    f"{path} is a symlink or a submodule, not a file",
                    hint="leave it out of the story's paths",
                )
            oids[path] = entry.oid
        blobs = self._repo.read_blobs(oids.values())
        for path, oid in oids.items():
            if len(blobs[oid]) > MAX_TEXT_BYTES:
                raise VcsError(
                    f"{path} is larger than {MAX_TEXT_BYTES // 2**20} MiB",
                    hint="leave it out of the story's paths",
                )
        return {path: blobs[oid] for path, oid in oids.items()}

    def python_files(self) -> dict[str, bytes]:
        """Every regular Python file with its bytes; those too large to be source are left out."""
        wanted = {
            path: entry.oid for path, entry in self._entries.items() if path.endswith(".py") and entry.is_file
        }
        blobs = self._repo.read_blobs(wanted.values())
        return {path: blobs[oid] for path, oid in sorted(wanted.items()) if len(blobs[oid]) <= MAX_TEXT_BYTES}

    def write(self, path: str, data: bytes) -> bool:
        """Sets a file's bytes and keeps its mode; returns whether that changed anything.

        Raises:
            VcsError: the path leaves the repository, or a symlink or a submodule stands there or on the way.
        """
        check_path(path)
        old = self._entries.get(path)
        if old is not None and not old.is_file:
            raise VcsError(f"{path} is a symlink or a submodule; it is not overwritten")
        parts = path.split("/")
        for end in range(1, len(parts)):
            if (above := "/".join(parts[:end])) in self._entries:
                raise VcsError(f"{path} cannot be written: {above} is a file, symlink or submodule")
        entry = Entry(old.mode if old else "100644", self._repo.write_blob(data))
        return self.put(path, entry)

    def put(self, path: str, entry: Entry | None) -> bool:
        """Sets (or with None removes) a file's entry; returns whether that changed anything."""
        if self._entries.get(path) == entry:
            return False
        self._changes[path] = entry
        if entry is None:
            del self._entries[path]
        else:
            self._entries[path] = entry
        return True

    def flush(self) -> str:
        """Writes the tree and returns its hash; the workspace then stands on it.

        Raises:
            VcsError: a file would stand where another one needs a folder; git would drop one of them in silence.
        """
        for path in self._entries if any(self._changes.values()) else ():
            parts = path.split("/")
            for end in range(1, len(parts)):
                if (above := "/".join(parts[:end])) in self._entries:
                    raise VcsError(
                        f"{path} and the file {above} cannot stand beside each other",
                        hint="remove or rename one of them",
                    )
        tree = self._repo.write_tree(self.base, self._changes)
        self.base, self._changes = tree, {}
        return tree


def parses(path: str, data: bytes) -> str:
    """Why a Python file does not parse, as `line N: reason`, or "" where it does or is no Python file."""
    if not path.endswith((".py", ".pyi")):
        return ""
    try:
        ast.parse(data)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
    return ""
