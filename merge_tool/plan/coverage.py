"""Which story takes which of upstream's changed files: every one is in a story, excluded with a reason, or unassigned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from merge_tool.model.plan import Plan, Story
from merge_tool.plan.patterns import PathMatcher, is_literal

# The actions that bring upstream's text in; what only checks or rewrites takes no file over.
_TAKING = ("copy", "merge")


class Standing(StrEnum):
    """Where a changed file stands in a plan."""

    ASSIGNED = "assigned"
    EXCLUDED = "excluded"
    UNASSIGNED = "unassigned"


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """One changed file of upstream.

    Attributes:
        status: git's letter: A, M, D, T or R.
        stories: the ids of the stories that take it, in the plan's order.
        reason: why it is excluded.
    """

    path: str
    status: str
    standing: Standing
    stories: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every changed file, in path order, and the plan's stories in theirs."""

    files: tuple[FileCoverage, ...]
    stories: tuple[str, ...] = ()

    def of(self, standing: Standing) -> tuple[FileCoverage, ...]:
        """The files that stand so."""
        return tuple(item for item in self.files if item.standing is standing)

    def by_story(self) -> dict[str, tuple[str, ...]]:
        """The paths that each story takes, for the stories that take any."""
        found: dict[str, list[str]] = {story_id: [] for story_id in self.stories}
        for item in self.files:
            for story_id in item.stories:
                found[story_id].append(item.path)
        return {story_id: tuple(paths) for story_id, paths in found.items() if paths}


def coverage(plan: Plan, changed: Iterable[tuple[str, str]]) -> Coverage:
    """Assigns each changed file.

    A story takes the files of its own `copy` and `merge` actions; an action without paths takes the story's files, in a
    batched story those that no other story names by their full path. A commit that a story picks is not looked into.

    Args:
        plan: a loaded plan.
        changed: git's status letter and the path of each file that upstream changed since the merge base.
    """
    excluded = [(PathMatcher((item.pattern,)), item.reason) for item in plan.excluded_paths]
    takers = [(story.id, _taken(plan, story)) for story in plan.stories()]
    files = []
    for status, path in sorted(changed, key=lambda item: item[1]):
        reason = next((reason for matcher, reason in excluded if matcher.matches(path)), "")
        if reason:
            files.append(FileCoverage(path, status, Standing.EXCLUDED, (), reason))
            continue
        stories = tuple(story_id for story_id, taker in takers if taker.takes(path))
        files.append(
            FileCoverage(path, status, Standing.ASSIGNED if stories else Standing.UNASSIGNED, stories)
        )
    return Coverage(tuple(files), tuple(story_id for story_id, _ in takers))


@dataclass(frozen=True)
class _Taker:
    """The patterns of one story; `own` are those of its actions without paths, less the files that others name."""

    given: PathMatcher
    own: PathMatcher
    others: frozenset[str]

    def takes(self, path: str) -> bool:
        return self.given.matches(path) or (path not in self.others and self.own.matches(path))


def _taken(plan: Plan, story: Story) -> _Taker:
    given: list[str] = []
    own: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    for spec in story.actions:
        if spec.kind not in _TAKING:
            continue
        paths = tuple(getattr(spec.action, "paths", ()))
        given += paths
        if not paths:
            own = story.batches.patterns if story.batches else story.files
    if story.batches and own:
        others = frozenset(
            item
            for other in plan.stories()
            if other.id != story.id
            for item in other.files
            if is_literal(item)
        )
    return _Taker(PathMatcher(given), PathMatcher(own), others)
