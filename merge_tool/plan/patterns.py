"""File patterns with git's own meaning, and how the files of a batched story are chosen and split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

    from merge_tool.model.plan import Plan, Story

_SPECIAL = frozenset("*?[!#\\")


def is_literal(pattern: str) -> bool:
    """Whether `pattern` names one file: no wildcard, no negation, no closing slash."""
    return not _SPECIAL.intersection(pattern) and not pattern.endswith("/")


@lru_cache(maxsize=512)
def _compile(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    # imported late: `merge-tool --version` must not pay for it
    from pathspec import GitIgnoreSpec

    # A pattern with a slash at its start or middle is anchored at the root; one without, such as `*.py`,
    # matches at any depth. A plan means `main.py` as the file at the root, so plain names are anchored. A plan has no
    # comments in its lists, so `#` is an ordinary character.
    return GitIgnoreSpec.from_lines(
        f"/{item}" if is_literal(item) and "/" not in item else f"\\{item}" if item.startswith("#") else item
        for item in patterns
    )


class PathMatcher:
    """Matches `/`-separated paths against patterns as `.gitignore` writes them, the last that matches deciding.

    `*` stays within a folder, `**` crosses folders, a folder's name takes all that is in it, `!` takes back. A
    pattern without a wildcard also matches the path that is spelled just like it, and a plain name without a slash
    (`main.py`) means the file or folder at the root only; `*.py` matches at any depth.

    Args:
        patterns: the patterns; none match nothing.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        self._literal = frozenset(self.patterns)
        self._negated = any(pattern.startswith("!") for pattern in self.patterns)
        self._spec = _compile(self.patterns)

    def matches(self, path: str) -> bool:
        """Whether the file at `path` is meant."""
        if not self._negated and path in self._literal:
            return True
        return self._spec.match_file(path)

    def filter(self, paths: Iterable[str]) -> list[str]:
        """Those of `paths` that match, in their order."""
        return [path for path in paths if self.matches(path)]


def split_batches(files: Iterable[str], count: int) -> tuple[tuple[str, ...], ...]:
    """Splits files in path order into `count` parts whose sizes differ by one at most, the smaller ones first.

    Args:
        files: paths, in any order; a path that stands twice counts once.
        count: the number of parts, 1 or more. With fewer files than parts some parts are empty.

    Raises:
        ValueError: `count` is less than 1.
    """
    if count < 1:
        raise ValueError("count must be 1 or more")
    ordered = sorted(set(files))
    edges = [index * len(ordered) // count for index in range(count + 1)]
    return tuple(tuple(ordered[start:end]) for start, end in pairwise(edges))


def story_files(plan: Plan, story: Story, files: Iterable[str]) -> tuple[str, ...]:
    """Those of `files` that belong to `story`, in path order.

    For a batched story: the files of its batch patterns that no other story names. Only a full path names a file;
    another story's `app/handlers/subscription/*.py` does not take files out of a batch. For any other story: the
    files that match its `files`.
    """
    if story.batches is None:
        return tuple(PathMatcher(story.files).filter(sorted(set(files))))
    named = {
        item for other in plan.stories() if other.id != story.id for item in other.files if is_literal(item)
    }
    matcher = PathMatcher(story.batches.patterns)
    return tuple(path for path in sorted(set(files)) if path not in named and matcher.matches(path))


def batch_files(plan: Plan, story: Story, files: Sequence[str], batch: int) -> tuple[str, ...]:
    """The files of one part of a batched story.

    Args:
        plan: the plan that the story is of.
        story: a story with batches.
        files: every file to choose from, such as upstream's tracked files.
        batch: the part, counted from 1.

    Raises:
        ValueError: the story has no such part.
    """
    if story.batches is None or not 1 <= batch <= story.batches.count:
        raise ValueError(f"story {story.id} has no part {batch}")
    return split_batches(story_files(plan, story, files), story.batches.count)[batch - 1]
