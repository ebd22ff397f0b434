"""A suppression that suppresses nothing.

What it does
------------
Reports `# tenant: ignore[CODE] reason` and `# GLOBAL_QUERY: reason` at statements in which the rules named find nothing, and codes that no rule has.

Why is this bad?
----------------
It says that something is dangerous here which is not, and it will hide the next real finding on that line.

Example
-------
    # GLOBAL_QUERY: counts all bots
    total = 1 + 1

Use instead
-----------
    total = 1 + 1

Not reported
------------
A suppression for a rule that did not run (`--select`, `--ignore`).
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid

REDIS = "import redis\nclient = redis.Redis()\n"


class UnusedSuppression(Rule):
    """See the module."""

    code = "T01"
    name = "unused-suppression"
    severity = Severity.WARNING
    meta = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Nothing: the machinery knows best which suppressions it used."""
        return ()

    INVALID = (
        Invalid("# GLOBAL_QUERY: counts all bots\ntotal = 1 + 1\n", (Expected(1, "suppresses nothing"),)),
        Invalid(
            "x = 1  # tenant: ignore[TK1] shared on purpose\n",
            (Expected(1, "ignore[TK1] suppresses nothing"),),
        ),
        Invalid("x = 1  # tenant: ignore[ZZ9] shared on purpose\n", (Expected(1, "there is no rule ZZ9"),)),
    )
    VALID = (
        Valid(REDIS + 'client.get("a")  # tenant: ignore[TK1] one for all bots\n'),
        Valid('text = "# GLOBAL_QUERY: this is no comment"\n'),
    )
