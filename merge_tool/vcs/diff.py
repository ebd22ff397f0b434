"""Which files differ between a fork and its upstream."""

from __future__ import annotations

from pathlib import Path

from merge_tool.vcs.repo import Repository


def changed_files(repo: Path, base: str, upstream: str) -> list[tuple[str, str]]:
    """The files that upstream changed since `base`, as `(status letter, path)`: A, M, D or T."""
    repository = Repository.open(repo)
    pairs = repository.diff_tree(repository.resolve(base), repository.resolve(upstream))
    return [(status, path) for status, path, _ in pairs]
