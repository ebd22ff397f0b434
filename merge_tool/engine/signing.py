"""Signatures: a person signs the gate at which a story stands, or a criterion that only a person can judge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from merge_tool.actions.gate import Gate
from merge_tool.engine.runner import FINISHED, Runner
from merge_tool.engine.session import Session
from merge_tool.engine.signatures import gate_key
from merge_tool.errors import StateError, UserError
from merge_tool.model.outcome import CriterionResult, CriterionStatus
from merge_tool.model.plan import CheckKind, Story
from merge_tool.model.state import Approval, StoryStatus
from merge_tool.plan.order import Unit, split_reference, story_units


@dataclass(frozen=True)
class Signable:
    """What stands to be signed of one story.

    Attributes:
        gates: the gates at which its parts stand now, with the part's number (0 for a whole story).
        criteria: the ids of criteria that wait for a signature.
        why: why there is nothing, where there is nothing.
    """

    gates: tuple[tuple[str, int], ...] = ()
    criteria: tuple[str, ...] = ()
    why: str = ""


def signable(session: Session, story: Story, batch: int = 0) -> Signable:
    """What of a story can be signed now. A gate can be signed when the story stands at it, not before; a criterion when
    the story is done, or stands at the last thing before its criteria are judged.

    Args:
        batch: only this part of a batched story; 0: all its parts.
    """
    runner = Runner(session)
    states = runner.states()
    parts = [unit for unit in story_units(story) if batch in (0, unit.batch)]
    gates: list[tuple[str, int]] = []
    last = True
    for unit in parts:
        if states[unit] is StoryStatus.GATE:
            index, gate = _stands_at(runner, story, unit)
            gates.append((gate.name, unit.batch))
            later = [kind for kind, _ in runner.steps_of(story, unit)[index + 1 :]]
            last = last and all(kind == "criteria" for kind in later)
    over = all(states[unit] in FINISHED or states[unit] is StoryStatus.GATE for unit in story_units(story))
    judged = [item.id for item in story.criteria if item.check.kind is CheckKind.GATE]
    if any(states[unit] is StoryStatus.SKIPPED for unit in parts):
        judged = []
    if gates or (judged and over):
        return Signable(tuple(gates), tuple(judged) if over and last else ())
    if not judged and not any(spec.kind == "gate" for spec in story.actions):
        return Signable(why=f"{story.id} has no gate to sign")
    standing = ", ".join(f"{unit} is {states[unit].value}" for unit in parts)
    return Signable(why=f"{story.id} does not stand at its gate: {standing}")


def _stands_at(runner: Runner, story: Story, unit: Unit) -> tuple[int, Gate]:
    step = next(item for item in runner.recorded_steps(unit) if item.status != "done")
    action = runner.steps_of(story, unit)[step.index][1]
    if not isinstance(action, Gate):
        raise StateError(f"{unit} stands at a step that is no gate", hint="merge-tool continue")
    return step.index, action


def approve(session: Session, target: str, name: str, email: str, note: str) -> list[str]:
    """Signs what waits in `target`: a story's gate and gate criteria, one part's (`X.Y#1`), or one criterion.

    Args:
        name, email: who signs.
        note: what was looked at.

    Returns:
        The names of what was signed.

    Raises:
        UserError: the plan has nothing of that name, or it has no gate.
        StateError: it does not stand at its gate yet: what nobody could look at cannot be signed.
    """
    story, batch, criterion = _find(session, target)
    what = signable(session, story, batch)
    if criterion:
        what = Signable(
            (), (criterion,) if criterion in what.criteria else (), what.why or f"{story.id} is not done yet"
        )
    if not what.gates and not what.criteria:
        plain = f"{story.id} has no gate to sign"
        if what.why == plain:
            known = [
                item.id for item in session.plan.stories() if any(a.kind == "gate" for a in item.actions)
            ]
            raise UserError(plain, hint=f"stories with a gate: {', '.join(known) or 'none'}")
        raise StateError(
            what.why, hint="a gate is signed when the story has come to it: see `merge-tool status`"
        )
    now = datetime.now(UTC)
    for gate, part in what.gates:
        session.store.approve(
            session.run.id, Approval(story.id, gate_key(gate, part), name, email, note, now)
        )
    for judged in what.criteria:
        session.store.approve(session.run.id, Approval(story.id, judged, name, email, note, now))
        evidence = f"{name} <{email}>, {now:%Y-%m-%d %H:%M} UTC" + (f": {note}" if note else "")
        session.store.record_criterion(
            session.run.id, story.id, CriterionResult(judged, CriterionStatus.SIGNED, evidence)
        )
    return [gate_key(*item) for item in what.gates] + list(what.criteria)


def _find(session: Session, target: str) -> tuple[Story, int, str]:
    """The story, the part (0: all) and the criterion ("": none) that a word of the command line means."""
    # A story and a criterion may have one name (8.2.1, say): a criterion that is not signed gives way to the story.
    named = session.plan.story(target) is not None
    for story in session.plan.stories():
        for item in story.criteria:
            if item.id != target:
                continue
            if item.check.kind is CheckKind.GATE:
                return story, 0, target
            if not named:
                raise UserError(
                    f"criterion {target} is not signed: it is checked by {item.check.kind.value}",
                    hint=f"merge-tool story {story.id} checks it again",
                )
    try:
        story_id, batch = split_reference(target)
    except ValueError as error:
        raise UserError(f"{target!r} is no story and no criterion: {error}") from error
    found = session.plan.story(story_id)
    if found is None or (batch and Unit(story_id, batch) not in story_units(found)):
        raise UserError(f"the plan has no story {target}", hint="see `merge-tool plan`")
    return found, batch, ""
