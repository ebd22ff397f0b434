"""Checks on the names that plans hand to git and the file system. Each gives what is wrong, or an empty string."""

from __future__ import annotations

import re
import unicodedata

_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/$|^/|\.$|\.lock(/|$)|(^|/)\.")
_BAD_REV = re.compile(r"[\x00-\x20\x7f?*\[\\:]|\.\.")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}?|\}")
_HEX = re.compile(r"[0-9a-fA-F]{4,64}")
_STORY_ID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){1,3}")
_DRIVE = re.compile(r"[A-Za-z]:")

PATH_HINT = (
    "write it relative to the repository's root, with '/' between folders, such as app/services/cart.py"
)
REF_HINT = "use letters, digits, '-', '_' and '/', and begin with a letter or digit"
COMMIT_HINT = "give a commit's hash (4 to 40 hexadecimal digits), a tag or a branch"
TEMPLATE_HINT = "the only placeholder is {date}"
ID_HINT = "an id is the phase's number and the story's, such as 5.3 or 5.3.1"


def path_problem(path: str) -> str:
    """Why `path` (a path or a pattern) cannot be inside a repository."""
    if not path or not path.strip():
        return "an empty path"
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in path):
        return f"the path {path!r} holds a control character"
    if path.startswith("-"):
        return f"the path {path!r} begins with a dash, which git would read as an option"
    if "\\" in path:
        return f"the path {path!r} holds a backslash"
    if path.startswith(("/", "~")) or _DRIVE.match(path):
        return f"the path {path!r} is not inside the repository: it is absolute"
    parts = path.removeprefix("!").split("/")
    if ".." in parts:
        return f"the path {path!r} is not inside the repository: it holds '..'"
    if any(part.rstrip(". ").lower() == ".git" for part in parts):
        return f"the path {path!r} is inside .git"
    if "." in parts or "" in parts[:-1] or parts == [""]:
        return f"the path {path!r} holds '.' or an empty part"
    return ""


def ref_problem(name: str) -> str:
    """Why git would not allow `name` for a branch or remote (the rules of git-check-ref-format)."""
    if not name:
        return "an empty name"
    if name.startswith("-"):
        return f"{name!r} begins with a dash, which git would read as an option"
    if name == "@" or name == "HEAD" or _BAD_REF.search(name):
        return f"{name!r} is not a name that git allows for a branch"
    return ""


def template_problem(name: str) -> str:
    """Why `name` is not a branch name in which `{date}` may stand."""
    for found in _PLACEHOLDER.findall(name):
        if found != "{date}":
            return f"{name!r}: {found} is not a placeholder"
    return ref_problem(name.replace("{date}", "20260103"))


def commit_problem(rev: str) -> str:
    """Why `rev` cannot name one commit."""
    if not rev:
        return "an empty commit"
    if rev.startswith("-"):
        return f"{rev!r} begins with a dash, which git would read as an option"
    if _BAD_REV.search(rev) or rev.endswith(("/", ".", ".lock")) or "@{" in rev or len(rev) > 255:
        return f"{rev!r} does not name a commit"
    return ""


def same_commit(one: str, two: str) -> bool:
    """Whether two revisions are the same as far as a plan can tell: equal, or one hash begins the other."""
    if one == two:
        return True
    if not (_HEX.fullmatch(one) and _HEX.fullmatch(two)):
        return False
    one, two = one.lower(), two.lower()
    return one.startswith(two) or two.startswith(one)


def story_id_problem(story_id: str) -> str:
    """Why `story_id` is not an id such as 5.3 or 5.3.1."""
    return "" if _STORY_ID.fullmatch(story_id) else f"{story_id!r} is not a story id"
