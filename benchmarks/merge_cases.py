"""Real merges with conflicted Python files, out of any clone: three stages and what people made of them.

Nothing is written to the clone: git's own merges are repeated with a folder of objects of their own.
"""

from __future__ import annotations

import csv
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One conflicted file of one real merge; blob ids, "" where a stage is absent."""

    repo: str
    merge: str
    path: str
    base: str
    ours: str
    theirs: str
    resolution: str


class Clone:
    """A clone, read only.

    Args:
        path: a work tree or a git directory.
    """

    def __init__(self, path: Path, objects: Path) -> None:
        self.path = path
        found = self._run("rev-parse", "--git-path", "objects").decode().strip()
        self._env = {
            **os.environ,
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str((path / found).resolve()),
        }

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Clone]:
        """The clone, with a folder for new objects that is removed at the end."""
        with tempfile.TemporaryDirectory(prefix="merge-replay-") as folder:
            yield cls(path, Path(folder))

    def _run(self, *args: str, data: bytes | None = None) -> bytes:
        env = getattr(self, "_env", None)
        done = subprocess.run(
            ["git", *args], cwd=self.path, input=data, capture_output=True, check=False, env=env
        )
        if done.returncode not in (0, 1) and b"unrelated histories" not in done.stderr:
            raise SystemExit(
                f"git {args[0]} in {self.path}: {done.stderr.decode(errors='replace').strip()[:300]}"
            )
        return done.stdout

    def merges(self, limit: int) -> list[tuple[str, str, str]]:
        """Merge commits of two parents with those, newest first; `limit` 0: all.

        A host's "Merge pull request" button refuses conflicts, so those are left out.
        """
        log = self._run("log", "--all", "--merges", "--format=%H%x00%P%x00%s%x01").decode("utf-8", "replace")
        found = []
        for record in log.split("\x01"):
            parts = record.strip("\n").split("\0")
            if len(parts) == 3 and not parts[2].startswith("Merge pull request #"):
                parents = parts[1].split()
                if len(parents) == 2:
                    found.append((parts[0], *parents))
        return found[:limit] if limit else found

    def conflicts(self, merges: list[tuple[str, str, str]]) -> Iterator[tuple[str, str, Mapping[int, str]]]:
        """`(merge, path, blob by stage)` of every conflicted Python file, git's merge repeated."""
        for merge, ours, theirs in merges:
            out = self._run(
                "-c", "merge.renames=true", "merge-tree", "--write-tree", "-z", "--no-messages", ours, theirs
            )
            stages: dict[str, dict[int, str]] = {}
            for record in out.decode("utf-8", "surrogateescape").split("\0")[1:]:
                meta, _, path = record.partition("\t")
                if path.endswith(".py"):
                    _, oid, stage = meta.split()
                    stages.setdefault(path, {})[int(stage)] = oid
            for path, found in stages.items():
                yield merge, path, found

    def ids(self, names: list[str]) -> list[str]:
        """The blob ids of `commit:path` names, "" where there is none."""
        out = self._run("cat-file", "--batch-check", data="".join(f"{name}\n" for name in names).encode())
        return [
            line.split()[0] if line.endswith(tuple("0123456789")) and " blob " in line else ""
            for line in out.decode("utf-8", "replace").splitlines()
        ]

    def blobs(self, oids: set[str]) -> dict[str, bytes]:
        """The bytes of blobs; those that the clone lacks are absent."""
        out = self._run("cat-file", "--batch", data="".join(f"{oid}\n" for oid in sorted(oids)).encode())
        found: dict[str, bytes] = {}
        position = 0
        while position < len(out):
            end = out.index(b"\n", position)
            head = out[position:end].decode().split()
            position = end + 1
            if len(head) == 3:
                size = int(head[2])
                found[head[0]] = out[position : position + size]
                position += size + 1
        return found

    def find(self, limit: int) -> list[Case]:
        """Every conflicted Python file of the clone's merges that people kept: all three stages and a result."""
        raw = [item for item in self.conflicts(self.merges(limit)) if {2, 3} <= item[2].keys()]
        results = self.ids([f"{merge}:{path}" for merge, path, _ in raw])
        name = self.path.name if self.path.name not in ("repo", "clone") else self.path.parent.name
        return [
            Case(name, merge, path, stages.get(1, ""), stages[2], stages[3], result)
            for (merge, path, stages), result in zip(raw, results, strict=True)
            if result
        ]


def read_tsv(path: Path) -> list[Case]:
    """The cases of a table with (at least) the columns of `Case`."""
    names = [field.name for field in fields(Case)]
    with path.open(newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        return [Case(*(row[name] for name in names)) for row in rows if row["ours"] and row["theirs"]]


def write_tsv(path: Path, cases: list[Case]) -> None:
    """Writes the cases as a table, so that a replay need not search again."""
    with path.open("w", newline="") as stream:
        out = csv.writer(stream, delimiter="\t", lineterminator="\n")
        out.writerow([field.name for field in fields(Case)])
        out.writerows(astuple(case) for case in cases)
