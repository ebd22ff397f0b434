"""A plan as JSON, to be kept with a run and read again without the file that it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
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
    Location,
    Phase,
    Plan,
    Risk,
    Story,
    Strategy,
    Upstream,
)

FORMAT = 1


def plan_to_data(plan: Plan) -> dict[str, Any]:
    """The plan as plain dicts, lists and scalars, in the plan's order; `plan_from_json` reads it back."""
    return {"format": FORMAT, **_plain(plan)}


def plan_to_json(plan: Plan) -> str:
    """The plan as one line of JSON. The same plan gives the same text."""
    return json.dumps(plan_to_data(plan), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def plan_from_json(text: str, action_types: Mapping[str, type], *, name: str = "the stored plan") -> Plan:
    """The plan that `plan_to_json` wrote.

    Args:
        text: what `plan_to_json` gave.
        action_types: for each action kind its dataclass, as for `load_plan`.
        name: how errors name it.

    Raises:
        PlanError: it is no such text, or an action of it is not known here.
    """
    try:
        data = json.loads(text)
        if data.pop("format") != FORMAT:
            raise PlanError(
                "was written by another version of merge-tool", where=name, hint="load the plan's file again"
            )
        return _plan(data, action_types, name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlanError(
            f"cannot be read: {error!r}", where=name, hint="load the plan's file again"
        ) from error


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _plan(data: dict[str, Any], action_types: Mapping[str, type], name: str) -> Plan:
    return Plan(
        **{
            **data,
            "upstream": Upstream(**data["upstream"]),
            "git": GitWorkflow(**data["git"]),
            "phases": tuple(
                Phase(
                    **{
                        **phase,
                        "stories": tuple(_story(story, action_types, name) for story in phase["stories"]),
                        "at": Location(**phase["at"]),
                    }
                )
                for phase in data["phases"]
            ),
            "excluded_commits": tuple(ExcludedCommit(**_placed(item)) for item in data["excluded_commits"]),
            "excluded_paths": tuple(ExcludedPath(**_placed(item)) for item in data["excluded_paths"]),
        }
    )


def _placed(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "at": Location(**item["at"])}


def _check(data: dict[str, Any]) -> Check:
    return Check(CheckKind(data["kind"]), _frozen(data["options"]))


def _story(data: dict[str, Any], action_types: Mapping[str, type], name: str) -> Story:
    batches = data["batches"]
    return Story(
        **{
            **_placed(data),
            "files": tuple(data["files"]),
            "depends_on": tuple(data["depends_on"]),
            "risk": Risk(data["risk"]),
            "actions": tuple(_action(item, action_types, name) for item in data["actions"]),
            "criteria": tuple(
                Criterion(
                    **{
                        **_placed(item),
                        "check": _check(item["check"]),
                        "with_database": item.get("with_database") and _check(item["with_database"]),
                    }
                )
                for item in data["criteria"]
            ),
            "strategies": tuple(Strategy(**item) for item in data.get("strategies", ())),
            "batches": batches
            and Batches(batches["count"], tuple(batches["patterns"]), tuple(batches["checkpoints"])),
        }
    )


def _frozen(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a check as the loader makes them: lists are tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}


def _action(data: dict[str, Any], action_types: Mapping[str, type], name: str) -> ActionSpec:
    from merge_tool.plan.problems import instance

    kind = data["kind"]
    if kind not in action_types:
        raise PlanError(
            f"the action {kind!r} is not known", where=name, hint="use the merge-tool that wrote it"
        )
    return ActionSpec(kind, instance(action_types[kind], data["action"]), Location(**data["at"]))
