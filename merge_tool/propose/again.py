"""The next plan after a finished one: the stories whose files upstream changed again, with their codemods and criteria."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

from merge_tool.model.plan import Plan, Story
from merge_tool.plan.coverage import Coverage, FileCoverage, Standing
from merge_tool.plan.patterns import is_literal
from merge_tool.propose.stories import hours_of
from merge_tool.propose.upstream import Changes

# What is done again when a story's files change again. Picks, documents, gates and migrations were done once.
_AGAIN = ("codemod", "validate", "test")


@dataclass(frozen=True, slots=True)
class Repeated:
    """A story of the plan before, on the files that changed since.

    Attributes:
        actions: its codemods, checks and tests, each as one line of YAML.
        criteria: its criteria, each as one line of YAML, with ids that begin with `{id}`.
        count: in how many batches it is done.
    """

    title: str
    files: tuple[str, ...]
    both: tuple[str, ...]
    actions: tuple[str, ...]
    criteria: tuple[str, ...]
    count: int
    hours: float
    risk: str


@dataclass(frozen=True, slots=True)
class Again:
    """The phases of the plan before that have something to do again, and the files that no story of it takes."""

    phases: tuple[tuple[str, tuple[Repeated, ...]], ...]
    new: frozenset[str]


def repeat(plan: Plan, covered: Coverage, changes: Changes, *, limit: int = 25) -> Again:
    """Sorts what upstream changed by the stories that took the same files before.

    A file that several stories take goes to the first that names it by its full path, else to the first that takes it
    alone, without batches, else to the first.

    Args:
        plan: the plan before.
        covered: its coverage of the changed files.
        limit: how many files a part of a story has at most.
    """
    chosen: dict[str, list[str]] = {}
    new = set()
    for item in covered.files:
        if item.standing is Standing.ASSIGNED:
            chosen.setdefault(_home(plan, item), []).append(item.path)
        elif item.standing is Standing.UNASSIGNED and item.path not in changes.dropped:
            new.add(item.path)
    phases = []
    for phase in plan.phases:
        found = [
            _repeated(story, chosen[story.id], changes, limit)
            for story in phase.stories
            if story.id in chosen
        ]
        if found:
            phases.append((phase.title, tuple(found)))
    return Again(tuple(phases), frozenset(new))


def _home(plan: Plan, item: FileCoverage) -> str:
    stories = [story for story_id in item.stories if (story := plan.story(story_id)) is not None]
    for story in stories:
        if any(is_literal(pattern) and pattern == item.path for pattern in story.files):
            return story.id
    return next((story.id for story in stories if story.batches is None), stories[0].id)


def _repeated(story: Story, paths: list[str], changes: Changes, limit: int) -> Repeated:
    files = tuple(sorted(path for path in paths if path not in changes.dropped))
    both = tuple(path for path in files if path in changes.fork)
    python = any(path.endswith(".py") and changes.upstream[path] != "D" for path in files)
    actions = []
    for spec in story.actions:
        if spec.kind == "test" and not spec.action.nodes:
            continue
        if spec.kind == "codemod" and not python and not spec.action.paths:
            continue
        if spec.kind in _AGAIN:
            actions.append(f"{spec.kind}: {_flow(_given(spec.action))}")
    criteria = tuple(
        _flow(
            {
                "id": "{id}." + str(number),
                "given": item.given,
                "when": item.when,
                "then": item.then,
                "check": {item.check.kind.value: _given(item.check.options)},
                **(
                    {"with_database": {item.with_database.kind.value: _given(item.with_database.options)}}
                    if item.with_database
                    else {}
                ),
            }
        )
        for number, item in enumerate(story.criteria, 1)
    )
    return Repeated(
        story.title, files, both, tuple(actions), criteria, math.ceil(len(files) / limit),
        hours_of(len(files), len(both)), story.risk.value,
    )  # fmt: skip


def _given(value: Any) -> Any:
    """What was set on an action or a check, as plain data; what has its default is left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: _given(getattr(value, item.name)) for item in fields(value) if _is_set(value, item)
        }
    if isinstance(value, Mapping):
        return {key: _given(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_given(item) for item in value]
    return value


def _is_set(value: Any, item: Any) -> bool:
    if item.default is not MISSING:
        return bool(getattr(value, item.name) != item.default)
    if item.default_factory is not MISSING:
        return bool(getattr(value, item.name) != item.default_factory())
    return True


def _flow(data: Any) -> str:
    """JSON, which YAML reads as a flow mapping."""
    text = json.dumps(data, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(data)
