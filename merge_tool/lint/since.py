"""What a change brought in: the findings of now that the merge base did not have."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.errors import UserError
from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic

if TYPE_CHECKING:
    from merge_tool.lint.cache import Cache

_HINT = "give a commit hash, a branch or a tag"


@dataclass(frozen=True, slots=True)
class Base:
    """The tree that a change starts from.

    Attributes:
        commit: the merge base of the reference and HEAD.
        texts: its Python files, by path relative to the project's root.
        changed: the files that differ from it in the work tree, untracked ones included.
        renamed: for files that were renamed since, the old path to the new one.
    """

    commit: str
    texts: dict[str, bytes]
    changed: frozenset[str]
    renamed: dict[str, str]


def new_findings(
    before: Iterable[Diagnostic], after: Iterable[Diagnostic], renamed: dict[str, str] | None = None
) -> list[Diagnostic]:
    """The findings of `after` that `before` does not have; lines may have moved, so rule, file and message count.

    Args:
        renamed: old path -> new path of files that were renamed between the two.
    """
    names = renamed or {}
    known = Counter((item.code, names.get(item.path, item.path), item.message) for item in before)
    fresh = []
    for item in after:
        key = (item.code, item.path, item.message)
        if known[key] > 0:
            known[key] -= 1
        else:
            fresh.append(item)
    return fresh


def before(
    base: Base,
    policy: Policy,
    report_on: Collection[str] | None,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    rule_folders: Sequence[Path] = (),
    cache: Cache | None = None,
) -> tuple[Diagnostic, ...]:
    """The findings of the tree that a change starts from.

    Args:
        base: that tree.
        report_on: the files of now that are reported on; None: what the policy has checked.
        policy, select, ignore, rule_folders, cache: as for `merge_tool.lint.run.lint_paths`.
    """
    from merge_tool.lint.run import checked, lint_paths

    old_name = {new: old for old, new in base.renamed.items()}
    there = (
        None if report_on is None else {old_name.get(path, path) for path in report_on} & base.texts.keys()
    )
    if not (checked(sorted(base.texts), policy) if there is None else there):
        return ()
    root = Path("/")
    texts = {root / path: text for path, text in base.texts.items()}
    return lint_paths(
        root, sorted(base.texts), policy, report_on=there, select=select, ignore=ignore, read=texts.__getitem__,
        rule_folders=rule_folders, cache=cache,
    ).findings  # fmt: skip


def read_base(root: Path, ref: str) -> Base:
    """Reads the merge base of `ref` and HEAD from git's objects; the work tree is not touched.

    Raises:
        UserError: git does not know `ref`, `root` is in no git repository, or the histories have no common commit here.
    """
    if ref.startswith("-"):
        raise UserError(f"{ref!r} does not name a commit", hint=_HINT)
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode != 0:
        words = found.stderr.decode("utf-8", "replace").strip().splitlines()
        why = words[0] if words else "there is no such commit here"
        raise UserError(f"git cannot compare with {ref!r}: {why}", hint=_HINT)
    commit = _git(root, "merge-base", ref, "HEAD").stdout.decode().strip()
    if not commit:
        shallow = _git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
        hint = (
            "this clone is shallow: git fetch --unshallow (in CI: fetch-depth: 0)"
            if shallow
            else "compare with a branch of the same history"
        )
        raise UserError(f"{ref!r} and HEAD have no common commit here", hint=hint)
    changed, renamed = _changes(root, commit)
    return Base(commit, _texts(root, commit), frozenset(changed), renamed)


def _git(root: Path, *args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["git", "-C", str(root), *args],
        input=stdin,
        capture_output=True,
        check=False,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
    )


def _changes(root: Path, commit: str) -> tuple[set[str], dict[str, str]]:
    names: set[str] = set()
    renamed: dict[str, str] = {}
    parts = _git(
        root, "diff", "--name-status", "--relative", "-z", "--find-renames", commit, "--"
    ).stdout.split(b"\0")
    rest = iter([os.fsdecode(item) for item in parts if item])
    for status in rest:
        path = next(rest, "")
        if status[:1] in "RC":
            target = next(rest, "")
            if status[:1] == "R":
                renamed[path] = target
                names.add(path)
            path = target
        names.add(path)
    untracked = _git(root, "ls-files", "-z", "--others", "--exclude-standard").stdout.split(b"\0")
    return names | {os.fsdecode(item) for item in untracked if item}, renamed


def _texts(root: Path, commit: str) -> dict[str, bytes]:
    prefix = _git(root, "rev-parse", "--show-prefix").stdout.rstrip(b"\n")
    listed = _git(root, "ls-tree", "-r", "-z", "--full-tree", commit).stdout.split(b"\0")
    blobs: list[tuple[str, bytes]] = []
    for entry in listed:
        head, _, name = entry.partition(b"\t")
        fields = head.split()
        regular = len(fields) == 3 and fields[0].startswith(b"100")  # no links, no submodules
        if regular and name.endswith(b".py") and name.startswith(prefix):
            blobs.append((os.fsdecode(name[len(prefix) :]), fields[2]))
    data = _git(root, "cat-file", "--batch", stdin=b"".join(blob + b"\n" for _, blob in blobs)).stdout
    texts: dict[str, bytes] = {}
    place = 0
    for path, _ in blobs:
        end = data.index(b"\n", place)
        size = int(data[place:end].split()[2])
        texts[path] = data[end + 1 : end + 1 + size]
        place = end + 2 + size
    return texts
