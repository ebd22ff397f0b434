"""The signatures that a run has."""

from __future__ import annotations

from merge_tool.engine.session import Session


def gate_key(name: str, batch: int) -> str:
    """Under which name a gate's signature is kept: each part of a batched story is signed by itself."""
    return f"{name}#{batch}" if batch else name


def signatures(session: Session, story_id: str, batch: int) -> dict[str, str]:
    """The signatures that count for one part of a story (0: a whole one): gate or criterion -> "name <email>, time: note"."""
    found = {}
    own = gate_key("", batch)
    for item in session.store.approvals(session.run.id):
        if item.story_id == story_id:
            name = item.gate.removesuffix(own) if own else item.gate
            note = f": {item.note}" if item.note else ""
            found[name] = f"{item.name} <{item.email}>, {item.at:%Y-%m-%d %H:%M} UTC{note}"
    return found
