"""From a repository to a proposal: reads upstream's files at its commit, never the ones on disk, and imports nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from merge_tool.index.project import ProjectIndex
from merge_tool.model.policy import Policy
from merge_tool.propose.imports import Imports
from merge_tool.propose.layers import layers_of
from merge_tool.propose.stories import Proposal, propose
from merge_tool.propose.upstream import Changes
from merge_tool.vcs.repo import Repository

MAX_BYTES = 4_000_000  # of one Python file; larger ones are data, and are placed by their path


def python_texts(repo: Repository, commit: str) -> dict[str, bytes]:
    """The Python files of a commit by path; symlinks, submodules and very large files are left out."""
    entries = {
        path: entry
        for path, entry in repo.ls_tree(repo.tree_of(commit)).items()
        if entry.is_file and path.endswith(".py")
    }
    blobs = repo.read_blobs(entry.oid for entry in entries.values())
    return {path: blobs[entry.oid] for path, entry in entries.items() if len(blobs[entry.oid]) <= MAX_BYTES}


def make_proposal(
    repo: Repository,
    upstream: str,
    changes: Changes,
    *,
    limit: int = 25,
    say: Callable[[str], None] = lambda _: None,
) -> Proposal:
    """Reads upstream's commit and groups what it changed.

    Args:
        limit: how many files a story has at most.
        say: is told what goes on.
    """
    say("reading upstream's files")
    texts = python_texts(repo, upstream)
    say(f"indexing {len(texts)} Python files")
    index = ProjectIndex.build(texts, Policy(column="", name="proposal"))
    imports = Imports(index)
    return propose(changes, layers_of(changes.upstream, index, imports), imports, limit=limit)


def test_folders(repo: Repository, commit: str) -> tuple[str, ...]:
    """The topmost folders called `tests` or `test` that hold pytest files."""
    found: set[str] = set()
    for path in repo.ls_tree(repo.tree_of(commit)):
        parts = PurePosixPath(path).parts
        if not (path.endswith(".py") and (parts[-1].startswith("test_") or parts[-1].endswith("_test.py"))):
            continue
        for end, part in enumerate(parts[:-1], 1):
            if part in ("tests", "test"):
                found.add("/".join(parts[:end]))
                break
    return tuple(sorted(found))
