"""A suppression without a reason.

What it does
------------
Reports `# tenant: ignore[CODE]` and `# GLOBAL_QUERY` that give no reason, and ignores that name no code. They suppress nothing.

Why is this bad?
----------------
A reviewer cannot tell a decision from a finding that somebody wanted out of the way.

Example
-------
    client.get("rates")  # tenant: ignore[TK1]

Use instead
-----------
    client.get("rates")  # tenant: ignore[TK1] exchange rates are the same for all bots

Not reported
------------
Any text behind the code counts as a reason.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid

REDIS = "import redis\nclient = redis.Redis()\n"


class SuppressionWithoutReason(Rule):
    """See the module."""

    code = "T02"
    name = "suppression-without-reason"
    severity = Severity.ERROR
    meta = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Nothing: the machinery reads the suppressions."""
        return ()

    INVALID = (
        Invalid(REDIS + 'client.get("rates")  # tenant: ignore[TK1]\n', (Expected(3, "gives no reason"),)),
        Invalid("x = 1  # GLOBAL_QUERY\n", (Expected(1, "gives no reason"),)),
        Invalid("x = 1  # tenant: ignore because I say so\n", (Expected(1, "names the rules"),)),
    )
    VALID = (Valid(REDIS + 'client.get("rates")  # tenant: ignore[TK1] the same for all bots\n'),)
