"""What `merge-tool plan` shows: phases, stories, order, estimates, criteria, and which story takes which file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from merge_tool.model.plan import Phase, Plan, Story
from merge_tool.model.text import counted, one_line
from merge_tool.plan.order import dependencies, split_reference, story_units, units

if TYPE_CHECKING:
    from merge_tool.plan.coverage import Coverage


def plan_data(plan: Plan, covered: Coverage | None = None) -> dict[str, Any]:
    """The plan as `plan --json` prints it."""
    total, stated = estimate(plan), plan.stated_total_hours
    data: dict[str, Any] = {
        "title": plan.title,
        "source": plan.source,
        "policy": plan.policy,
        "order": [str(unit) for unit in units(plan)],
        "estimate_hours": total,
        "stated_total_hours": stated,
        "phases": [
            {
                "number": phase.number,
                "title": phase.title,
                "days": phase.days,
                "stories": [_story(item) for item in phase.stories],
            }
            for phase in plan.phases
        ],
        "exclusions": {
            "commits": [{"commit": item.commit, "reason": item.reason} for item in plan.excluded_commits],
            "paths": [{"pattern": item.pattern, "reason": item.reason} for item in plan.excluded_paths],
        },
    }
    if covered is not None:
        data["coverage"] = coverage_data(covered)
    return data


def _story(story: Story) -> dict[str, Any]:
    batches = story.batches
    return {
        "id": story.id,
        "title": story.title,
        "task": story.task,
        "depends_on": list(story.depends_on),
        "estimate_hours": story.estimate_hours,
        "risk": story.risk.value,
        "notes": story.notes,
        "files": list(story.files),
        "actions": [spec.kind for spec in story.actions],
        "batches": batches
        and {
            "count": batches.count,
            "patterns": list(batches.patterns),
            "checkpoints": list(batches.checkpoints),
        },
        "criteria": [
            {
                "id": item.id,
                "given": item.given,
                "when": item.when,
                "then": item.then,
                "check": item.check.kind.value,
            }
            for item in story.criteria
        ],
    }


def coverage_data(covered: Coverage) -> dict[str, Any]:
    """Where every changed file stands."""
    files = [
        {
            "path": item.path,
            "status": item.status,
            "standing": item.standing.value,
            "stories": list(item.stories),
            "reason": item.reason,
        }
        for item in covered.files
    ]
    counts: dict[str, int] = {}
    for item in covered.files:
        counts[item.standing.value] = counts.get(item.standing.value, 0) + 1
    return {"counts": counts, "files": files}


def estimate(plan: Plan) -> float:
    """The sum of the stories' estimates, in hours."""
    return round(sum(story.estimate_hours for story in plan.stories()), 2)


def _hours(hours: float) -> str:
    return f"{hours:g} h"


def counts_line(plan: Plan) -> str:
    """How many phases, stories and criteria there are."""
    stories = list(plan.stories())
    criteria = sum(len(story.criteria) for story in stories)
    return f"{counted(len(plan.phases), 'phase')}, {counted(len(stories), 'story', 'stories')}, {counted(criteria, 'acceptance criterion', 'acceptance criteria')}"


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan for people, line by line. Of a story's dependencies those are left out that another of them implies."""
    shown = needed(plan)
    yield f"{one_line(plan.title)}: {counts_line(plan)}"
    for phase in plan.phases:
        yield ""
        yield _phase_line(phase)
        id_width = max(len(story.id) for story in phase.stories)
        title_width = max(len(one_line(story.title)) for story in phase.stories)
        for story in phase.stories:
            after = ", ".join(shown[story.id]) or "-"
            extra = [counted(story.batches.count, "batch", "batches")] if story.batches else []
            extra += [counted(len(story.criteria), "criterion", "criteria")] if story.criteria else []
            tail = f"; {', '.join(extra)}" if extra else ""
            title = f"{one_line(story.title):<{title_width}}"
            yield f"  {story.id:<{id_width}}  {title}  {_hours(story.estimate_hours):>5}  {story.risk.value:<6}  after {after}{tail}"
    yield ""
    yield f"Order: {' '.join(str(unit) for unit in units(plan))}"
    yield estimate_line(plan)
    if plan.excluded_commits or plan.excluded_paths:
        commits, paths = len(plan.excluded_commits), len(plan.excluded_paths)
        yield f"Excluded: {counted(commits, 'commit')}, {counted(paths, 'path pattern')}"
        yield from (f"  {one_line(item.commit)}  {one_line(item.reason)}" for item in plan.excluded_commits)


def _phase_line(phase: Phase) -> str:
    hours = sum(story.estimate_hours for story in phase.stories)
    days = f", {one_line(phase.days)} {'day' if phase.days == '1' else 'days'}" if phase.days else ""
    return f"Phase {phase.number}: {one_line(phase.title)} ({_hours(hours)}{days})"


def estimate_line(plan: Plan) -> str:
    """The stories' sum, and the sum that the plan's source states where it is another."""
    total, stated = estimate(plan), plan.stated_total_hours
    line = f"Estimate: {_hours(total)} over all stories"
    if stated is not None and abs(stated - total) >= 0.01:
        line += f"; the plan's source states {_hours(stated)}, {_hours(abs(stated - total))} {'more' if stated > total else 'less'}"
    return line


def needed(plan: Plan) -> Mapping[str, tuple[str, ...]]:
    """For each story its dependencies without those that another of them waits for anyway."""
    stories = list(plan.stories())
    graph = dependencies(stories)
    below: dict[object, frozenset[object]] = {}
    for unit in units(plan):
        below[unit] = frozenset(graph[unit]).union(*(below[item] for item in graph[unit]))
    by_id = {story.id: story for story in stories}
    result = {}
    for story in stories:
        targets = {}
        for reference in story.depends_on:
            story_id, batch = split_reference(reference)
            targets[reference] = [unit for unit in story_units(by_id[story_id]) if batch in (0, unit.batch)]
        result[story.id] = tuple(
            reference
            for reference, mine in targets.items()
            if not any(
                all(any(unit in below[item] for item in theirs) for unit in mine)
                for other, theirs in targets.items()
                if other != reference
            )
        )
    return result


def coverage_lines(covered: Coverage, base: str, upstream: str) -> Iterator[str]:
    """Where upstream's changed files stand, for people."""
    from merge_tool.plan.coverage import Standing

    groups = {standing: covered.of(standing) for standing in Standing}
    yield ""
    yield (
        f"Coverage of {counted(len(covered.files), 'file')} that upstream {upstream[:12]} changed since {base[:12]}: "
        + ", ".join(f"{len(items)} {standing.value}" for standing, items in groups.items())
    )
    for story_id, paths in covered.by_story().items():
        yield f"  story {story_id}: {counted(len(paths), 'file')}"
    reasons: dict[str, int] = {}
    for item in groups[Standing.EXCLUDED]:
        reasons[item.reason] = reasons.get(item.reason, 0) + 1
    yield from (
        f"  excluded: {counted(number, 'file')}: {one_line(reason)}" for reason, number in reasons.items()
    )
    yield from (f"  unassigned: {item.status} {one_line(item.path)}" for item in groups[Standing.UNASSIGNED])
    if groups[Standing.UNASSIGNED]:
        yield "Put these files into a story's copy or merge, or exclude them with a reason."
