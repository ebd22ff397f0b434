"""Opens the state without GitPython, whose import costs a third of what `status` may take."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from merge_tool.errors import VcsError

if TYPE_CHECKING:
    from merge_tool.store.store import Store


def git_line(repo: Path, *args: str) -> str:
    """What one git command prints, or "" where it fails.

    Raises:
        VcsError: git is not installed, or `repo` is no folder.
    """
    if not repo.is_dir():
        what = "is not a folder" if repo.exists() else "does not exist"
        raise VcsError(f"{repo} {what}", hint="give the fork's repository with --repo DIR")
    try:
        done = subprocess.run(["git", *args], cwd=repo, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise VcsError("git is not installed", hint="install git 2.38 or later") from error
    return done.stdout.strip() if done.returncode == 0 else ""


def common_dir(repo: Path) -> Path:
    """The git directory that all worktrees of the repository share.

    Raises:
        VcsError: `repo` is not in a repository.
    """
    line = git_line(repo, "rev-parse", "--git-common-dir")
    if not line:
        raise VcsError(f"{repo} is not in a git repository", hint="give one with --repo DIR")
    return (repo / line).resolve()


@contextmanager
def light_store(repo: Path, state_url: str) -> Iterator[Store | None]:
    """The store of the repository, opened to read; None where nothing was begun."""
    from merge_tool.store.open import open_store

    if state_url:
        from merge_tool.commands.opening import project_name
        from merge_tool.vcs.repo import Repository

        store = open_store(state_url, project_name(Repository.open(repo), state_url), create=False)
    else:
        database = common_dir(repo) / "merge-tool" / "state.db"
        if not database.exists():
            yield None
            return
        store = open_store(f"sqlite:///{database}", "local", create=False)
    try:
        yield store
    finally:
        store.close()
