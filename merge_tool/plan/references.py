"""Whether the commits that a plan names are there. Where commits come from is the caller's: plans know no git."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from merge_tool.errors import PlanError
from merge_tool.model.plan import Location, Plan
from merge_tool.plan.names import same_commit


def named_commits(plan: Plan) -> Iterator[tuple[str, Location, str]]:
    """Every commit that the plan excludes or picks, where it stands, and what names it."""
    for item in plan.excluded_commits:
        yield item.commit, item.at, "the exclusions"
    for story in plan.stories():
        for spec in story.actions:
            for commit in getattr(spec.action, "commits", ()) if spec.kind == "cherry_pick" else ():
                yield commit, spec.at, f"story {story.id}"


def check_commits(plan: Plan, resolve: Callable[[str], str | None]) -> list[PlanError]:
    """What is wrong with the commits that the plan names.

    Args:
        plan: a loaded plan.
        resolve: gives the full hash of the commit that a name means, or None where there is none.

    Returns:
        A problem for each commit that is not there, and for each pick that an exclusion names in other words.
    """
    hint = f"check its spelling, or fetch it: git fetch {plan.upstream.remote} {plan.upstream.branch}"
    problems = []
    excluded: dict[str, str] = {}
    for commit, at, who in named_commits(plan):
        full = resolve(commit)
        if full is None:
            problems.append(
                PlanError(f"{who} names the commit {commit}, which is not here", hint=hint, where=str(at))
            )
        elif who == "the exclusions":
            excluded[full] = commit
        elif full in excluded and not same_commit(commit, excluded[full]):
            message = f"{who} picks {commit}, which the plan excludes as {excluded[full]}"
            problems.append(
                PlanError(message, hint="remove it from the story, or from exclusions", where=str(at))
            )
    return problems
