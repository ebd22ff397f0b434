"""The run's own worktree: where people see the branch, resolve conflicts, and where tests run.

It is a view: the recorded trees are the truth. It lies in `.merge-tool/worktree` of the repository, named in
`.git/info/exclude`, so that neither git nor a plain `git clean` of the user's own files meets it.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from merge_tool.errors import VcsError
from merge_tool.vcs.repo import LITERAL, Repository

FOLDER = ".merge-tool"
# What interpreters, tests and editors leave; it is nobody's edit, even where .gitignore does not name it.
JUNK = ("__pycache__/**", "*.pyc", ".pytest_cache/**", ".*.sw?", "*~", ".DS_Store")


class Worktree:
    """The worktree at `path`. Its marker file says that a checkout was under way when the tool was killed."""

    def __init__(self, repo: Repository, path: Path) -> None:
        self._repo = repo
        self.path = path
        self._marker = repo.common_dir / "merge-tool" / "checkout-under-way"
        self._shown = repo.common_dir / "merge-tool" / "checked-out-tree"

    @classmethod
    def of(cls, repo: Repository) -> Worktree:
        """The worktree of this repository, made or not."""
        return cls(repo, main_root(repo) / FOLDER / "worktree")

    @property
    def exists(self) -> bool:
        """Whether it is there and git knows it."""
        return (self.path / ".git").is_file() and self._repo.call("rev-parse", "--git-dir", cwd=self.path)[
            0
        ] == 0

    def make(self, commit: str, branch: str) -> None:
        """Makes it with `branch` checked out at `commit`; mends one that was left half made.

        Raises:
            VcsError: the branch is checked out elsewhere, or the folder holds something that is not ours.
        """
        exclude(self._repo)
        if not self.exists:
            self._repo.run("worktree", "prune")
            if self.path.exists() and any(self.path.iterdir()):
                if (self.path / ".git").exists() is False and not self._marker.exists():
                    raise VcsError(
                        f"{self.path} holds files that are not a worktree",
                        hint="move them away and run again",
                    )
                if self._marker.exists():
                    shutil.rmtree(self.path)  # our own making of it was cut off
                else:  # git has forgotten it, by a prune or a repair: its files may be a person's
                    self.path.rename(self.path.with_name(f"worktree-kept-{time.time_ns()}"))
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._mark()
            self._repo.run(
                "worktree", "add", "--force", "--force", "--no-checkout", "--detach", str(self.path), commit
            )
            self._repo.run("worktree", "lock", "--reason", "merge-tool run", str(self.path), ok=(0, 128))
        self._repo.run("symbolic-ref", "HEAD", f"refs/heads/{branch}", cwd=self.path)

    def _mark(self) -> None:
        self._marker.parent.mkdir(parents=True, exist_ok=True)
        self._marker.touch()

    @property
    def interrupted(self) -> bool:
        """Whether a checkout was cut off, so that what differs from the index may be ours."""
        return self._marker.exists()

    def index_is_empty(self) -> bool:
        """Whether nothing was ever checked out: then no file there is an edit."""
        return not self._repo.run("ls-files", "-z", "--cached", cwd=self.path)

    def checkout(self, tree: str) -> None:
        """Makes files and index those of `tree`. Call `changed` first: edits of a person would be overwritten."""
        self._mark()
        (self._index_lock()).unlink(
            missing_ok=True
        )  # left by a killed git; this worktree is ours and the run lock is held
        self._repo.run("read-tree", "--reset", "-u", tree, cwd=self.path)
        self._shown.write_text(tree, encoding="ascii")
        self._marker.unlink(missing_ok=True)

    @property
    def shown_tree(self) -> str:
        """The tree that was checked out last; "" before the first time."""
        return self._shown.read_text(encoding="ascii") if self._shown.exists() else ""

    def edited(self) -> bool:
        """Whether a person changed something that no commit of the branch holds: in files, or staged in the index."""
        if self.changed():
            return True
        staged = self._repo.text("write-tree", cwd=self.path)
        # Where somebody removed the branch there is no HEAD.
        head = self._repo.run(
            "rev-parse", "--verify", "--quiet", "HEAD^{tree}", cwd=self.path, ok=(0, 1, 128)
        )
        return staged not in (self.shown_tree, head.decode().strip())

    def unlock(self) -> None:
        """Removes the lock of the index that a killed git left. Call it only while the run's lock is held."""
        if self.exists:
            self._index_lock().unlink(missing_ok=True)

    def _index_lock(self) -> Path:
        git_dir = self._repo.text("rev-parse", "--absolute-git-dir", cwd=self.path)
        return Path(git_dir) / "index.lock"

    def changed(self) -> list[str]:
        """Paths that a person changed since the last checkout: tracked files, and new ones that are not ignored."""
        tracked = self._repo.run("diff-files", "-z", "--name-only", cwd=self.path).split(b"\0")
        if any(tracked):  # stat data may be stale: ask again after a refresh
            self._repo.run("update-index", "-q", "--refresh", cwd=self.path, ok=(0, 1))
            tracked = self._repo.run("diff-files", "-z", "--name-only", cwd=self.path).split(b"\0")
        junk = [f":(exclude,glob)**/{name}" for name in JUNK]
        listing = ["ls-files", "-z", "--others", "--exclude-standard", "--", ".", *junk]
        new = self._repo.run(*listing, cwd=self.path).split(b"\0")
        return sorted({os.fsdecode(path) for path in (*tracked, *new) if path})

    def snapshot(self, extra: tuple[str, ...] = ()) -> str:
        """The tree of what stands there now: tracked files as they are, new files that are not ignored, and `extra`."""
        self._index_lock().unlink(missing_ok=True)
        self._repo.run(
            "add", "--all", "--", ".", *(f":(exclude,glob)**/{name}" for name in JUNK), cwd=self.path
        )
        if present := [path for path in extra if (self.path / path).exists()]:
            self._repo.run("add", "--force", "--", *present, env=LITERAL, cwd=self.path)
        return self._repo.text("write-tree", cwd=self.path)

    def remove(self) -> None:
        """Removes it and what git knows of it."""
        for pointer in (self._repo.common_dir / "worktrees").glob("*/gitdir"):
            if pointer.read_text(encoding="utf-8", errors="surrogateescape").strip() == str(
                self.path / ".git"
            ):
                (pointer.parent / "locked").unlink(
                    missing_ok=True
                )  # `worktree unlock` refuses where the folder is gone
        if (
            self._repo.call("worktree", "remove", "--force", "--force", str(self.path))[0] != 0
            and self.path.exists()
        ):
            shutil.rmtree(self.path)
        self._repo.run("worktree", "prune")
        self._shown.unlink(missing_ok=True)
        self._marker.unlink(missing_ok=True)


def main_root(repo: Repository) -> Path:
    """The top of the repository's main work tree, whichever worktree `repo` was opened from."""
    return repo.common_dir.parent if repo.common_dir.name == ".git" else repo.root


def exclude(repo: Repository) -> None:
    """Names our folder in `.git/info/exclude`, once."""
    path = repo.common_dir / "info" / "exclude"
    line = f"/{FOLDER}/"
    text = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    if line in text.splitlines():
        return
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(
            ("" if text.endswith("\n") or not text else "\n")
            + f"# merge-tool's worktree and reports\n{line}\n"
        )
