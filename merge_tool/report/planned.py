"""The plan as a run keeps it, cut down to what reports show. The plan file itself is not needed, nor what loads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from merge_tool.errors import StateError
from merge_tool.model.plan import Batches
from merge_tool.model.state import Run


@dataclass(frozen=True, slots=True)
class PlannedCriterion:
    """A criterion of a story; `check` names the kind of its proof."""

    id: str
    given: str
    when: str
    then: str
    check: str


@dataclass(frozen=True, slots=True)
class PlannedStory:
    """A story of the plan."""

    id: str
    phase: int
    title: str
    task: str
    risk: str
    estimate_hours: float
    depends_on: tuple[str, ...]
    batches: Batches | None
    criteria: tuple[PlannedCriterion, ...]
    gates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan. `excluded` holds what it leaves out, as (subject, reason)."""

    title: str
    phases: tuple[tuple[int, str], ...]
    stories: tuple[PlannedStory, ...]
    excluded: tuple[tuple[str, str], ...]


def planned(run: Run) -> Planned:
    """The plan of a run.

    Raises:
        StateError: what the run keeps is no plan.
    """
    try:
        data = json.loads(run.plan_json)
        phases = data.get("phases", [])
        stories = [_story(phase["number"], item) for phase in phases for item in phase.get("stories", [])]
        excluded = [(item["commit"], item.get("reason", "")) for item in data.get("excluded_commits", [])]
        excluded += [(item["pattern"], item.get("reason", "")) for item in data.get("excluded_paths", [])]
        return Planned(
            title=data.get("title", ""),
            phases=tuple((phase["number"], phase.get("title", "")) for phase in phases),
            stories=tuple(stories),
            excluded=tuple(excluded),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(
            f"the plan kept with the run {run.id} cannot be read: {error!r}",
            hint="take the plan file again: merge-tool continue --reload-plan",
        ) from error


def _story(phase: int, item: dict[str, Any]) -> PlannedStory:
    batches = item.get("batches")
    return PlannedStory(
        id=item["id"],
        phase=phase,
        title=item.get("title", ""),
        task=item.get("task", ""),
        risk=item.get("risk", ""),
        estimate_hours=float(item.get("estimate_hours", 0.0)),
        depends_on=tuple(item.get("depends_on", ())),
        batches=Batches(
            batches["count"], tuple(batches.get("patterns", ())), tuple(batches.get("checkpoints", ()))
        )
        if batches
        else None,
        criteria=tuple(
            PlannedCriterion(
                entry["id"],
                entry.get("given", ""),
                entry.get("when", ""),
                entry.get("then", ""),
                (entry.get("check") or {}).get("kind", ""),
            )
            for entry in item.get("criteria", [])
        ),
        gates=tuple(
            entry.get("action", {}).get("name", "")
            for entry in item.get("actions", [])
            if entry.get("kind") == "gate"
        ),
    )
