"""A gate: a person signs before the plan goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from merge_tool.actions.base import Context
from merge_tool.model.outcome import Outcome, OutcomeStatus


@dataclass(frozen=True)
class Gate:
    """Waits until a person has signed `name` with `merge-tool approve`; `checklist` says what to look at."""

    kind: ClassVar[str] = "gate"
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "name": "code review",
        "checklist": ["tenant context in every handler"],
    }

    name: str
    checklist: tuple[str, ...] = ()

    def run(self, ctx: Context) -> Outcome:
        """Passes where the gate is signed; see the class."""
        if signature := ctx.approvals.get(self.name):
            return Outcome(OutcomeStatus.DONE, f"{self.name}: signed by {signature}")
        return Outcome(
            OutcomeStatus.GATE,
            f"{self.name}: waits for `merge-tool approve {ctx.story.id}`",
            details=self.checklist,
        )


ACTION = Gate
