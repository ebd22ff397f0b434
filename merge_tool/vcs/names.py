"""Checks on what users and plans hand to git: refs, commits and paths. Nothing unchecked reaches a command line."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from merge_tool.errors import VcsError

_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/$|^/|\.$|\.lock(/|$)|(^|/)\.")
_BAD_REV = re.compile(r"[\x00-\x20\x7f?*\[\\:]|\.\.")


def check_ref(name: str) -> str:
    """Returns `name` where it is a well-formed branch, tag or ref name (rules of git-check-ref-format).

    Raises:
        VcsError: it begins with a dash, or git would refuse it.
    """
    if not name or name.startswith("-") or name == "@" or _BAD_REF.search(name):
        raise VcsError(
            f"{name!r} is not a name that git allows for a branch",
            hint="use letters, digits, '-', '_' and '/'",
        )
    return name


def check_rev(rev: str) -> str:
    """Returns `rev` where it may name a commit: a hash, a ref, or either with `~n` or `^`.

    Raises:
        VcsError: it begins with a dash or holds characters that no revision has.
    """
    if not rev or rev.startswith("-") or _BAD_REV.search(rev):
        raise VcsError(f"{rev!r} does not name a commit", hint="give a commit hash, a branch or a tag")
    return rev


def check_path(path: str) -> str:
    """Returns `path` where it stays inside the repository: relative, `/`-separated, no `..`, not in `.git`.

    Raises:
        VcsError: it leaves the repository or cannot be a tracked path.
    """
    pure = PurePosixPath(path)
    bad = (
        not path
        or pure.is_absolute()
        or path.startswith("-")
        or "\\" in path
        or any(unicodedata.category(char) == "Cc" for char in path)
        or any(part == ".." or part.lower() == ".git" for part in pure.parts)
        or re.match(r"^[A-Za-z]:", path) is not None
    )
    if bad:
        raise VcsError(
            f"the path {path!r} is not inside the repository",
            hint="give a path relative to the repository's root",
        )
    return path
