"""Commit messages of the seed's form, and the trailers by which a run knows its own commits again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from merge_tool.model.outcome import CriterionResult, Outcome
from merge_tool.model.plan import Plan, Story
from merge_tool.model.text import one_line

RUN = "Merge-Tool-Run"
STORY = "Merge-Tool-Story"
_TRAILER = re.compile(rf"^({RUN}|{STORY}): (.+)$", re.MULTILINE)


def commit_message(
    plan: Plan,
    story: Story,
    unit: str,
    run_id: str,
    batch_of: str,
    outcomes: Sequence[Outcome],
    criteria: Sequence[CriterionResult],
) -> str:
    """The message of a story's commit.

    Args:
        unit: the story's id, or that of its part (`5.3#1`).
        batch_of: such as "batch 1 of 3"; empty for a story in one part.
        outcomes: what its actions came to, in order.
        criteria: its acceptance criteria as they stand.

    Returns:
        `[Story-X.Y] Title`, what was done, the criteria, its dependencies, and trailers.
    """
    subject = plan.git.commit_subject.replace("{id}", story.id).replace("{title}", one_line(story.title))
    if batch_of:
        subject += f" ({batch_of})"
    lines = [f"- {one_line(outcome.summary)}" for outcome in outcomes if outcome.summary]
    if criteria:
        counts = Counter(item.status.value for item in criteria)
        lines.append(
            "- Acceptance criteria: " + ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
        )
        lines += [f"  AC {item.id}: {item.status.value}" for item in criteria]
    parts = [subject, "\n".join(lines)]
    if story.depends_on:
        parts.append("Dependencies: " + ", ".join(f"Story-{name}" for name in story.depends_on))
    notes = [note for outcome in outcomes for note in outcome.commit_notes]
    if notes:
        parts.append("\n".join(notes))
    parts.append(f"{RUN}: {run_id}\n{STORY}: {unit}")
    return "\n\n".join(part for part in parts if part) + "\n"


def trailers(message: str) -> dict[str, str]:
    """The run and story of a commit's message; empty for a commit that is not ours."""
    return {name: value.strip() for name, value in _TRAILER.findall(message)}


def merge_message(plan: Plan, run_id: str, upstream: str, ledger: Sequence[str]) -> str:
    """The message of the commit that records upstream as a parent at the end of a run."""
    body = "\n".join(f"- {one_line(line)}" for line in ledger) or "- nothing was left out"
    return (
        f"Merge {plan.upstream.remote}/{plan.upstream.branch} at {upstream[:12]}: {one_line(plan.title)}\n\n"
        "All stories are done. This commit changes no file: it records upstream as a parent,\n"
        f"so that the next merge starts from there.\n\nNot taken as it was:\n{body}\n\n{RUN}: {run_id}\n"
    )
