"""Which files there are to check: those that git tracks, or all Python files under a folder outside git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from merge_tool.errors import UserError

LEFT_OUT = frozenset(
    (
        "__pycache__",
        "node_modules",
        ".git",
        ".hg",
        ".tox",
        ".nox",
        ".venv",
        "venv",
        "site-packages",
        ".mypy_cache",
    )
)


def project_files(root: Path) -> list[str]:
    """The Python files of a project, relative to its root with forward slashes, in order.

    In a git work tree: the tracked files, whatever ignore rules say. Elsewhere: every `.py` file below, virtual
    environments and caches left out.

    Raises:
        UserError: `root` is no folder.
    """
    if not root.is_dir():
        raise UserError(f"{root} is not a folder", hint="give the project's root with --repo")
    tracked = _tracked(root)
    if tracked is None:
        return sorted(_under(root, root))
    return sorted(
        path
        for path in tracked
        if path.endswith(".py") and (root / path).is_file() and not (root / path).is_symlink()
    )


def new_files(root: Path, files: Sequence[str]) -> list[str]:
    """The Python files that git neither tracks nor ignores, in order; none outside git, where every file counts already."""
    listed = _listed(root, "--others", "--exclude-standard") or []
    known = set(files)
    return sorted(
        path
        for path in listed
        if path.endswith(".py") and path not in known and not LEFT_OUT.intersection(PurePosixPath(path).parts)
        and (root / path).is_file() and not (root / path).is_symlink()
    )  # fmt: skip


def chosen_files(root: Path, files: Sequence[str], paths: Sequence[Path], cwd: Path) -> list[str]:
    """The files that the paths of a command line mean.

    Args:
        root: the project's root.
        files: the project's files.
        paths: files or folders, relative to the working directory or, where that has none such, to the root.
        cwd: the working directory.

    Returns:
        paths relative to the root; a file that is named is taken even where git does not track it.

    Raises:
        UserError: a path does not exist, lies outside the project, or holds no Python file.
    """
    base = root.resolve()
    found: set[str] = set()
    for path in paths:
        place = next((item for item in (cwd / path, root / path) if item.exists()), None)
        if place is None:
            raise UserError(f"there is no {path}", hint="paths are looked for here and under --repo")
        full = Path(os.path.abspath(place))  # noqa: PTH100 - symbolic links inside the project keep their own name
        inside = _relative(full, Path(os.path.abspath(root))) or _relative(place.resolve(), base)  # noqa: PTH100
        if inside is None:
            raise UserError(f"{path} lies outside {root}", hint="give its project's root with --repo")
        if place.is_file():
            found.add(inside)
            continue
        below = {name for name in files if inside == "." or PurePosixPath(name).is_relative_to(inside)}
        if not below:
            below = set(_under(place, root))
        if not below:
            raise UserError(
                f"no Python file under {path}",
                hint="zero files checked is an error, so that no typing mistake passes for a clean run",
            )
        found |= below
    return sorted(found)


def _relative(path: Path, root: Path) -> str | None:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None


def _tracked(root: Path) -> list[str] | None:
    return _listed(root, "--cached", "--deduplicate")


def _listed(root: Path, *which: str) -> list[str] | None:
    try:
        run = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", *which],
            capture_output=True,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except FileNotFoundError:
        return None
    if run.returncode != 0:
        return None
    return [os.fsdecode(item) for item in run.stdout.split(b"\0") if item]


def _under(folder: Path, root: Path) -> Iterable[str]:
    for path in folder.rglob("*.py"):
        inside = path.relative_to(root)
        if path.is_file() and not LEFT_OUT.intersection(inside.parts):
            yield inside.as_posix()
