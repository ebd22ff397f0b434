"""Reads a plan file into a `Plan`. Every problem of the file is told at once, each at its place and with its mend."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from merge_tool.errors import PlanError
from merge_tool.model.plan import (
    ActionSpec,
    Batches,
    Check,
    CheckKind,
    Criterion,
    ExcludedCommit,
    ExcludedPath,
    GitWorkflow,
    Phase,
    Plan,
    Story,
    Strategy,
    Upstream,
)
from merge_tool.plan.checks import Checks
from merge_tool.plan.problems import nearest, validated
from merge_tool.plan.shapes import CHECK_TYPES, PhaseShape, PlanShape, StoryShape
from merge_tool.plan.snapshot import plan_to_json
from merge_tool.plan.yaml_source import Key, YamlSource, parse_yaml, raise_problems, read_yaml

__all__ = ["load_plan", "parse_plan", "plan_to_json"]


# The keys of a criterion that hold a check, and the kinds that may stand under the second.
_CHECKS = ("check", "with_database")
_LIVE_CHECKS = ("schema", "query", "explain", "alembic")


def load_plan(
    path: Path,
    action_types: Mapping[str, type],
    *,
    shown: str = "",
    codemod_names: Collection[str] | None = None,
) -> Plan:
    """Reads and checks a plan.

    Args:
        path: the YAML file.
        action_types: for each action kind the frozen dataclass whose fields are its keys.
        shown: how errors name the file; the path itself by default.
        codemod_names: the codemods there are; None leaves the names in `codemod` actions unchecked.

    Raises:
        PlanError: the file cannot be read, or something in it is wrong; `problems` holds each thing.
    """
    return _Reader(read_yaml(path, shown=shown), action_types, codemod_names).plan()


def parse_plan(
    raw: bytes, name: str, action_types: Mapping[str, type], *, codemod_names: Collection[str] | None = None
) -> Plan:
    """The plan in `raw`, called `name` in errors; see `load_plan`."""
    return _Reader(parse_yaml(raw, name), action_types, codemod_names).plan()


class _Reader:
    """One reading of one file. Parts are validated one by one, so that a mistake in a story hides none in another."""

    def __init__(
        self, source: YamlSource, action_types: Mapping[str, type], codemod_names: Collection[str] | None
    ) -> None:
        self.source = source
        self.action_types = action_types
        self.problems: list[PlanError] = []
        self.checks = Checks(source, self.problems, codemod_names)

    def plan(self) -> Plan:
        data = self.source.data
        if not isinstance(data, dict):
            raise self.source.error((), "a plan is a mapping of keys to values", "begin with `version: 1`")
        self._version(data)
        top = validated(
            PlanShape, {**data, "version": 1, "phases": [_SOME_PHASE]}, self.source, (), self.problems
        )
        phases = self._phases(data)
        self.checks.whole(phases, data)
        if top is not None:
            self.checks.top(top, phases)
        self._raise()
        assert top is not None  # a problem otherwise
        commits, paths = top.exclusions.commits, top.exclusions.paths
        at = self.source.at
        return Plan(
            title=top.title,
            source=self.source.path,
            policy=top.policy,
            upstream=Upstream(**asdict(top.upstream)),
            git=GitWorkflow(**asdict(top.git)),
            phases=tuple(phases),
            excluded_commits=tuple(
                ExcludedCommit(item.commit, item.reason, at(("exclusions", "commits", index)))
                for index, item in enumerate(commits)
            ),
            excluded_paths=tuple(
                ExcludedPath(item.pattern, item.reason, at(("exclusions", "paths", index)))
                for index, item in enumerate(paths)
            ),
            stated_total_hours=top.estimates.stated_total_hours,
        )

    def _raise(self) -> None:
        def place(problem: PlanError) -> tuple[int, int]:
            line, _, column = problem.where.removeprefix(f"{self.source.path}:").partition(":")
            return (int(line), int(column)) if line.isdigit() and column.isdigit() else (0, 0)

        raise_problems(sorted(self.problems, key=place), self.source.path)

    def _version(self, data: dict[str, Any]) -> None:
        version = data.get("version")
        if "version" not in data:
            self.problems.append(
                self.source.key_error((), "'version' is missing", "add `version: 1` as the first line")
            )
        elif type(version) is not int or version != 1:
            told = f"version {self.source.raw.get(('version',), version)} is not supported"
            self.problems.append(self.source.error(("version",), told, "this merge-tool reads version 1"))

    def _phases(self, data: dict[str, Any]) -> list[Phase]:
        items = self._items(data, (), "phases", required=True)
        made = [self._phase(item, ("phases", index)) for index, item in enumerate(items)]
        return [phase for phase in made if phase is not None]

    def _items(self, data: dict[str, Any], key: Key, name: str, *, required: bool = False) -> list[Any]:
        """The list at `name`, or an empty one with the problem noted."""
        value = data.get(name, [])
        if name not in data:
            if required:
                self.problems.append(self.source.key_error(key, f"{name!r} is missing", "add it"))
            return []
        if not isinstance(value, list):
            self.problems.append(
                self.source.error((*key, name), f"{name!r} must be a list", "begin each entry with '- '")
            )
            return []
        if required and not value:
            self.problems.append(
                self.source.error((*key, name), f"{name!r} is empty", "add an entry, or remove what holds it")
            )
        return value

    def _phase(self, data: Any, key: Key) -> Phase | None:
        if not isinstance(data, dict):
            self.problems.append(self.source.error(key, "a phase is a mapping", "write `- number: 0`"))
            return None
        shape = validated(PhaseShape, {**data, "stories": [_SOME_STORY]}, self.source, key, self.problems)
        number = shape.number if shape else data.get("number")
        items = self._items(data, key, "stories", required=True)
        made = [self._story(item, (*key, "stories", index), number) for index, item in enumerate(items)]
        stories = tuple(story for story in made if story is not None)
        if shape is None:
            return None
        return Phase(shape.number, shape.title, str(shape.days), stories, self.source.at(key))

    def _story(self, data: Any, key: Key, phase: Any) -> Story | None:
        if not isinstance(data, dict):
            self.problems.append(self.source.error(key, "a story is a mapping", 'write `- id: "0.1"`'))
            return None
        whole = {**data, "actions": []}
        if isinstance(data.get("criteria"), list):
            whole["criteria"] = [
                {**item, **{name: {} for name in _CHECKS if name in item}} if isinstance(item, dict) else item
                for item in data["criteria"]
            ]
        shape = validated(StoryShape, whole, self.source, key, self.problems)
        actions = self._actions(data, key)
        checks = [
            tuple(
                self._check(item[name], (*key, "criteria", index, name))
                if isinstance(item, dict) and name in item
                else None
                for name in _CHECKS
            )
            for index, item in enumerate(data["criteria"] if isinstance(data.get("criteria"), list) else [])
        ]
        if shape is None:
            return None
        criteria = tuple(
            Criterion(
                item.id,
                item.given,
                item.when,
                item.then,
                check,
                self.source.at((*key, "criteria", index)),
                also,
            )
            for index, (item, (check, also)) in enumerate(zip(shape.criteria, checks, strict=True))
            if check is not None
        )
        batches = shape.batches
        story = Story(
            id=shape.id,
            phase=phase if type(phase) is int else -1,
            title=shape.title,
            task=shape.task,
            files=shape.files,
            actions=actions,
            depends_on=shape.depends_on,
            estimate_hours=float(shape.estimate_hours),
            criteria=criteria,
            notes=shape.notes,
            risk=shape.risk,
            batches=Batches(batches.count, batches.patterns, batches.checkpoints) if batches else None,
            at=self.source.at(key),
            strategies=tuple(Strategy(item.pattern, item.take, item.made_by) for item in shape.strategies),
        )
        self.checks.story(story, key)
        return story

    def _actions(self, data: dict[str, Any], key: Key) -> tuple[ActionSpec, ...]:
        made = []
        for index, item in enumerate(self._items(data, key, "actions")):
            here = (*key, "actions", index)
            found = self._one_of(item, here, self.action_types, "action")
            if found is None:
                continue
            kind, body, inside = found
            action: Any = validated(self.action_types[kind], body, self.source, inside, self.problems)
            if action is not None:
                self.checks.action(kind, action, inside)
                made.append(ActionSpec(kind, action, self.source.at(here)))
        return tuple(made)

    def _check(self, item: Any, key: Key) -> Check | None:
        found = self._one_of(item, key, CHECK_TYPES, "check")
        if found is None:
            return None
        kind, body, inside = found
        options: Any = validated(CHECK_TYPES[kind], body, self.source, inside, self.problems)
        if options is None:
            return None
        self.checks.check(kind, options, inside)
        if key[-1] == "with_database" and kind not in _LIVE_CHECKS:
            known = ", ".join(_LIVE_CHECKS)
            self.problems.append(
                self.source.error(
                    key, f"a {kind} check asks no database", f"make it the check; here stand {known}"
                )
            )
        return Check(CheckKind(kind), asdict(options))

    def _one_of(
        self, item: Any, key: Key, known: Mapping[str, type], what: str
    ) -> tuple[str, Any, Key] | None:
        """The kind of an action or check, its fields, and where they stand.

        Written as `merge: {paths: […]}`, as `{kind: merge, paths: […]}`, or, without fields, as the plain word `merge`.
        """
        if isinstance(item, dict) and "kind" in item:
            kind, body, at, inside = (
                item["kind"],
                {name: value for name, value in item.items() if name != "kind"},
                (*key, "kind"),
                key,
            )
        elif isinstance(item, dict) and len(item) == 1:
            kind, body = next(iter(item.items()))
            at = inside = (*key, kind)
        elif isinstance(item, str):
            kind, body, at, inside = item, {}, key, key
        else:
            told = (
                f"it has the keys {', '.join(map(repr, item))}"
                if isinstance(item, dict) and item
                else "it is none"
            )
            problem = f"the {what} must be a mapping with one key, its kind; {told}"
            hint = f"write {next(iter(known), 'kind')}: {{…}}; known are {', '.join(sorted(known))}"
            self.problems.append(self.source.error(key, problem, hint))
            return None
        if not isinstance(kind, str) or kind not in known:
            place = self.source.key_places.get(at) or self.source.at(at)
            self.problems.append(
                PlanError(f"unknown {what} {kind!r}", hint=nearest(str(kind), known), where=str(place))
            )
            return None
        return kind, {} if body is None else body, inside


# Phases and stories are validated one by one; these stand in for them while what is around them is.
_SOME_STORY: dict[str, Any] = {"id": "0.1", "title": "-"}
_SOME_PHASE: dict[str, Any] = {"number": 0, "title": "-", "stories": [_SOME_STORY]}
