"""What a merge brings, by category, for the changelog: from upstream's commits and from the run's own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from merge_tool.actions.base import Context

CATEGORIES = ("Added", "Changed", "Fixed", "Removed")

# The first word, or the type of a conventional commit, decides; languages as upstreams of this kind use them.
_WORDS = {
    "Fixed": r"fix|bugfix|hotfix|repair|correct|resolve|исправ|фикс|почин|رفع|اصلاح",
    "Removed": r"remove|delete|drop|удал|убра|حذف",
    "Added": r"feat|feature|add|new|introduce|implement|support|добав|нов|реализ|افزودن|اضافه",
}
_TYPE = re.compile(r"^(?P<type>[a-z]+)(?:\([^)]*\))?!?:\s*", re.IGNORECASE)
_STORY = re.compile(r"^\[Story-(?P<id>[\w.]+)\]\s*(?P<title>.+)$")
_VERSION = re.compile(r"^##\s+\[?v?(?P<major>\d+)\.(?P<minor>\d+)\.(?P<patch>\d+)\]?", re.MULTILINE)


@dataclass(frozen=True)
class Change:
    """One line of a changelog: its text, the commit, and who wrote it."""

    text: str
    commit: str
    author: str = ""


@dataclass(frozen=True)
class Changes:
    """A merge's changes.

    Attributes:
        upstream: upstream's commits by category; those of which nothing came in are in `left_out`.
        stories: the run's own commits up to now, one a story, in order.
        left_out: upstream's commits that the plan keeps out, with the reason as the text's end.
        version: the version that follows the newest of the file: a new minor one where something was added, else a new
            patch; "" where the file names none.
    """

    upstream: dict[str, tuple[Change, ...]]
    stories: tuple[Change, ...]
    left_out: tuple[Change, ...]
    version: str


def read_changes(ctx: Context, path: str = "CHANGELOG.md") -> Changes:
    """Reads them.

    Args:
        path: the changelog, for the version.
    """
    base, upstream = ctx.facts["merge_base"], ctx.facts["upstream_commit"]
    found: dict[str, list[Change]] = {name: [] for name in CATEGORIES}
    left_out: list[Change] = []
    reasons = {
        sha: item.reason for item in ctx.plan.excluded_commits if (sha := ctx.repo.try_resolve(item.commit))
    }
    for sha, author, subject in _commits(ctx, f"{base}..{upstream}") if base and upstream else ():
        reason = reasons.get(sha) or _all_excluded(ctx, sha)
        if reason:
            left_out.append(Change(f"{plain(subject)} ({reason})", sha, author))
        else:
            found[category(subject)].append(Change(plain(subject), sha, author))
    stories = [
        Change(f"{match['id']}: {match['title']}", sha)
        for sha, _, subject in _commits(ctx, f"{base}..{ctx.facts['tip']}")
        if base and (match := _STORY.match(subject))
    ]
    text = ctx.workspace.read(path).decode("utf-8", "replace") if ctx.workspace.entry(path) else ""
    return Changes(
        {name: tuple(items) for name, items in found.items()},
        tuple(stories),
        tuple(left_out),
        next_version(text, added=bool(found["Added"])),
    )


def category(subject: str) -> str:
    """Of the categories the one that a commit's subject speaks of; Changed where nothing says another."""
    words = plain(subject, keep_type=True).casefold()
    for name, pattern in _WORDS.items():
        if re.match(rf"(?:{pattern})", words):
            return name
    return "Changed"


def plain(subject: str, *, keep_type: bool = False) -> str:
    """A subject without emoji before it, and without the type of a conventional commit."""
    text = re.sub(r"^[^\w\[(]+", "", subject.strip())
    if not keep_type:
        text = _TYPE.sub("", text) or text
    return (
        text[:1].upper() + text[1:] if re.match(r"[^\W_]+(?=[\s,:;(]|$)", text) else text
    )  # a file's name stays as it is


def next_version(text: str, *, added: bool) -> str:
    """The version after the newest that a changelog's headings name; "" where they name none."""
    versions = [(int(m["major"]), int(m["minor"]), int(m["patch"])) for m in _VERSION.finditer(text)]
    if not versions:
        return ""
    major, minor, patch = max(versions)
    return f"{major}.{minor + 1}.0" if added else f"{major}.{minor}.{patch + 1}"


def _commits(ctx: Context, span: str) -> list[tuple[str, str, str]]:
    """Id, author and subject of the commits of a range that are no merges, oldest first."""
    log = ctx.repo.text("log", "--no-merges", "--reverse", "--format=%H%x00%an%x00%s", span)
    rows = []
    for line in log.splitlines():
        sha, author, subject = line.split("\x00", 2)
        rows.append((sha, author, subject))
    return rows


def _all_excluded(ctx: Context, sha: str) -> str:
    """Why nothing of a commit came in, where all files that it changes are excluded; else ""."""
    parents = ctx.repo.parents(sha)
    if not parents:
        return ""
    paths = [path for _, path, _ in ctx.repo.diff_tree(ctx.repo.tree_of(parents[0]), ctx.repo.tree_of(sha))]
    reasons = [ctx.excluded(path) for path in paths]
    return reasons[0] if reasons and all(reasons) else ""
