"""What `status` says: the run, its stories, what waits for a person, and the next command to type."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merge_tool.model.outcome import CriterionStatus
from merge_tool.model.plan import Batches
from merge_tool.model.state import CriterionRecord, FileRecord, Run, RunStatus, StoryState, StoryStatus
from merge_tool.model.text import one_line
from merge_tool.plan.order import Unit, dependencies

if TYPE_CHECKING:
    from merge_tool.store.store import Store

_FINISHED = (StoryStatus.DONE, StoryStatus.SKIPPED)


@dataclass(frozen=True)
class PlannedStory:
    """What `status` needs to know of a story of the stored plan."""

    id: str
    phase: int
    title: str
    depends_on: tuple[str, ...]
    batches: Batches | None
    phase_title: str = ""
    estimate_hours: float = 0.0


@dataclass(frozen=True)
class StatusData:
    """Where a run stands.

    Attributes:
        units: each unit with its state; `waiting` became `ready` where nothing holds it back.
        stop: what the stopped step says, one line each; empty where nothing is stopped.
        needs_person: sentences on what waits for a person.
        next: the command to type.
        holder: who works on it right now, or "".
    """

    run: Run
    stories: dict[str, PlannedStory]
    units: tuple[StoryState, ...]
    criteria: tuple[CriterionRecord, ...]
    files: tuple[FileRecord, ...]
    stop: tuple[str, ...]
    needs_person: tuple[str, ...]
    next: str
    worktree: str
    holder: str = ""


def planned_stories(run: Run) -> dict[str, PlannedStory]:
    """The stories of the plan as the run keeps it, by id, in the plan's order."""
    found = {}
    for phase in json.loads(run.plan_json)["phases"]:
        for item in phase["stories"]:
            raw = item.get("batches")
            batches = (
                Batches(raw["count"], tuple(raw["patterns"]), tuple(raw["checkpoints"])) if raw else None
            )
            found[item["id"]] = PlannedStory(
                item["id"],
                phase["number"],
                item["title"],
                tuple(item["depends_on"]),
                batches,
                phase.get("title", ""),
                float(item.get("estimate_hours", 0.0)),
            )
    return found


def status_data(store: Store, run: Run, common_dir: Path, *, stray: str = "") -> StatusData:
    """Reads where a run stands. Nothing is written.

    Args:
        stray: the merge branch's commit where it does not follow the run's record ("nowhere": it is gone), else "".
    """
    stories = planned_stories(run)
    recorded = store.stories(run.id)
    state = {Unit(item.story_id, item.batch): item for item in recorded}
    needs = dependencies(list(stories.values()))
    units = tuple(_with_ready(item, state, needs) for item in recorded)
    worktree = common_dir.parent / ".merge-tool" / "worktree"
    holder = store.holder()
    stop, person, command = _stop(store, run, units, str(worktree))
    criteria = tuple(store.criteria(run.id))
    failed = [item for item in criteria if item.status == CriterionStatus.FAILED]
    if run.status is not RunStatus.ABORTED:
        person = (*person, *(f"criterion {item.id} failed: {item.evidence}" for item in failed))
    if run.status is RunStatus.FINISHED:
        command = f"git merge --ff-only {run.merge_branch}  (or open the pull request: merge-tool report pr)"
    elif run.status is RunStatus.ABORTED:
        command = "merge-tool phase 0"
    elif holder is not None:
        stop, person, command = (), (), "wait, or stop that process"
    elif stray:
        said = f"{run.merge_branch} stands at {stray[:12]}, the record at {run.tip[:12]}: what is said here is the record's"
        stop, person = (said, *stop), (said, *person)
        command = "merge-tool continue   (it mends that, or says how)"
    elif not command:
        command = _next(units, stories, run)
        if failed and all(item.status in _FINISHED for item in units):
            story = failed[0].story_id
            command = f"merge-tool story {story}   (after a commit on {run.merge_branch} that mends it)"
    return StatusData(
        run,
        stories,
        units,
        criteria,
        tuple(store.files(run.id)),
        stop,
        person,
        command,
        str(worktree),
        str(holder or ""),
    )


def _with_ready(
    item: StoryState, state: dict[Unit, StoryState], needs: dict[Unit, frozenset[Unit]]
) -> StoryState:
    from dataclasses import replace

    unit = Unit(item.story_id, item.batch)
    if item.status is not StoryStatus.WAITING or any(
        state[need].status not in _FINISHED for need in needs.get(unit, ()) if need in state
    ):
        return item
    return replace(item, status=StoryStatus.READY)


def _stop(
    store: Store, run: Run, units: Sequence[StoryState], worktree: str
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """What a stopped unit says, what a person must do, and the command; empty where nothing is stopped."""
    for item in units:
        if (
            item.status not in (StoryStatus.STOPPED, StoryStatus.GATE, StoryStatus.RUNNING)
            or run.status is not RunStatus.ACTIVE
        ):
            continue
        unit = Unit(item.story_id, item.batch)
        if item.status is StoryStatus.RUNNING:
            return (
                (f"story {unit} was cut off",),
                (f"story {unit} was cut off: it goes on where it was",),
                "merge-tool continue",
            )
        step = next(
            (step for step in store.steps(run.id, item.story_id, item.batch) if step.status != "done"), None
        )
        if step is None:
            continue
        lines = [f"story {unit}, {step.kind}: {step.summary}"]
        outcome = step.outcome
        if item.status is StoryStatus.GATE:
            lines += [f"look at: {text}" for text in (outcome.details if outcome else ())]
            return (
                tuple(lines),
                (f"story {unit} waits for a signature",),
                f"merge-tool approve {item.story_id}",
            )
        if outcome and outcome.conflicts:
            names = ", ".join(conflict.path for conflict in outcome.conflicts[:5])
            lines.append(f"conflicts in {worktree}: {names}" + (" …" if len(outcome.conflicts) > 5 else ""))
            return (
                tuple(lines),
                (f"story {unit}: {len(outcome.conflicts)} conflicts",),
                "merge-tool conflicts",
            )
        lines += list(outcome.details[:10]) if outcome else []
        return (
            tuple(lines),
            (f"story {unit} is stopped: {step.summary}",),
            "merge-tool continue   (after mending; or merge-tool skip --reason …)",
        )
    return (), (), ""


def _next(units: Sequence[StoryState], stories: dict[str, PlannedStory], run: Run) -> str:
    for item in units:
        if item.status is StoryStatus.READY:
            return f"merge-tool phase {stories[item.story_id].phase}"
    return "merge-tool continue" if run.status is RunStatus.ACTIVE else ""


def status_json(data: StatusData) -> dict[str, Any]:
    """The document of `status --json`."""
    return {
        "run": {
            "id": data.run.id, "status": data.run.status.value, "plan": data.run.plan_source, "branch": data.run.merge_branch,
            "fork": data.run.fork_ref, "fork_commit": data.run.fork_commit, "upstream": data.run.upstream_ref,
            "upstream_commit": data.run.upstream_commit, "merge_base": data.run.merge_base, "tip": data.run.tip,
            "worktree": data.worktree, "held_by": data.holder,
        },
        "stories": [
            {
                "id": item.story_id, "batch": item.batch or None, "status": item.status.value, "commit": item.commit or None,
                "title": data.stories[item.story_id].title if item.story_id in data.stories else "", "message": item.message,
            }
            for item in data.units
        ],
        "criteria": [{"id": item.id, "status": item.status, "evidence": item.evidence} for item in data.criteria],
        "files": [{"path": item.path, "verdict": item.verdict, "by": item.by, "reason": item.reason, "story": item.story_id} for item in data.files],
        "stop": list(data.stop),
        "needs_person": list(data.needs_person),
        "next": data.next,
    }  # fmt: skip


def _progress(data: StatusData) -> str:
    """How many stories are done, and how much of the estimate that is."""
    left = {item.story_id for item in data.units if item.status not in _FINISHED}
    done = [story for story in data.stories.values() if story.id not in left]
    hours, total = (sum(item.estimate_hours for item in items) for items in (done, data.stories.values()))
    said = f"{len(done)} of {len(data.stories)} stories are done"
    return said + (f", {hours:g} of {total:g} h by the plan's estimate" if total else "")


def print_status(data: StatusData, *, as_json: bool) -> None:
    """Prints it, for people or programs."""
    if as_json:
        sys.stdout.write(json.dumps(status_json(data), ensure_ascii=False, indent=2) + "\n")
        return
    from merge_tool.report.console import console, flow, row, safe

    out = console()
    run = data.run
    out.print(safe(f"{run.merge_branch}  ({run.status.value})", "bold"))
    upstream = (
        f"{run.upstream_ref} {run.upstream_commit[:12]}"
        if run.upstream_commit
        else f"{run.upstream_ref} (not fetched yet)"
    )
    out.print(safe(f"{upstream} into {run.fork_ref} {run.fork_commit[:12]}; run {run.id}", "dim"))
    if data.holder:
        out.print(safe(f"held by {data.holder}", "yellow"))
    styles = {
        "done": "green",
        "stopped": "yellow",
        "gate": "yellow",
        "running": "cyan",
        "ready": "bold",
        "skipped": "dim",
        "waiting": "dim",
    }
    flow(out, safe(_progress(data)), 2)
    phase = None
    waiting: dict[int, int] = {}
    for item in data.units:
        story = data.stories.get(item.story_id)
        number = story.phase if story else -1
        if item.status is StoryStatus.WAITING:
            waiting[number] = waiting.get(number, 0) + 1
            continue
        if number != phase:
            title = f": {one_line(story.phase_title)}" if story and story.phase_title else ""
            row(out, safe(f"phase {number}{title}" if story else "no longer in the plan", "bold"))
            phase = number
        name = str(Unit(item.story_id, item.batch))
        row(
            out,
            safe("")
            + safe(f"  {item.status.value:<8}", styles[item.status.value])
            + safe(f"{name:<7} ")
            + safe(f"{item.commit[:12]:<12}  ", "dim")
            + safe(one_line(story.title) if story else ""),
        )
    if waiting:
        flow(
            out,
            safe(
                f"waiting: {sum(waiting.values())} stories in phases {', '.join(str(n) for n in sorted(waiting))}",
                "dim",
            ),
            2,
        )
    failed = [item for item in data.criteria if item.status == "failed"]
    counts: dict[str, int] = {}
    for criterion in data.criteria:
        counts[criterion.status] = counts.get(criterion.status, 0) + 1
    if counts:
        out.print(safe("criteria: " + ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))))
    for item_ in failed:
        flow(out, safe(f"  failed   AC {item_.id}: {item_.evidence}", "red"), 11)
    for line in data.stop:
        flow(out, safe(line, "yellow"), 2)
    out.print(safe(f"next: {data.next}", "bold"), soft_wrap=True)
