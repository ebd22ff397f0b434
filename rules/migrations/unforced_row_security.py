"""Row level security that its owner walks past.

What it does
------------
Finds ENABLE ROW LEVEL SECURITY on a table for which no revision says FORCE.

Why is this bad?
----------------
The owner of a table is not held by its policies unless they are forced (https://www.postgresql.org/docs/current/ddl-rowsecurity.html). The role that ran the revisions is the owner, and mostly the application's own.

Example
-------
    op.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")

Use instead
-----------
    op.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE orders FORCE ROW LEVEL SECURITY")

Not reported
------------
Tables forced by another revision. Where a name in a FORCE or ENABLE cannot be told, the finding is an `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid, row_security, told

REVISION = (
    'from alembic import op\nimport sqlalchemy as sa\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n'
)


class UnforcedRowSecurity(Rule):
    """See the module."""

    code = "TM7"
    name = "unforced-row-security"
    severity = Severity.WARNING
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports tables that are enabled and not forced."""
        if module.path not in index.migrations().paths:
            return
        changes = [
            (step, table, action)
            for step in index.migrations().upgrades
            for table, action in row_security(step.sql or "")
        ]
        forced = {table for _, table, action in changes if action == "force"}
        hidden = any(not told(table) for table in forced)
        for step, table, action in changes:
            if step.path != module.path or action != "enable" or (told(table) and table in forced):
                continue
            if not told(table) and hidden:
                continue
            severity = Severity.INFO if hidden or not told(table) else None
            reason = ["a name cannot be told here"] if severity else []
            shown = table if told(table) else "a table chosen at run time"
            yield self.found(
                step.path,
                step.span,
                f"ENABLE ROW LEVEL SECURITY on {shown} without FORCE: its owner sees all rows",
                severity=severity,
                reason=reason,
            )

    INVALID = (
        Invalid(REVISION + "    op.execute('ALTER TABLE orders ENABLE ROW LEVEL SECURITY')\n", (Expected(6, "on orders without FORCE"),)),
        Invalid(REVISION + '    for t in ("a", "b"):\n        op.execute(f"ALTER TABLE {t} ENABLE ROW LEVEL SECURITY")\n    op.execute("ALTER TABLE a FORCE ROW LEVEL SECURITY")\n', (Expected(7, "on b "),)),
        Invalid(REVISION + '    op.execute(f"ALTER TABLE {op.get_context().opts} ENABLE ROW LEVEL SECURITY")\n', (Expected(6, "chosen at run time", Severity.INFO),)),
    )  # fmt: skip
    VALID = (
        Valid(REVISION + '    for t in ("a", "b"):\n        op.execute(f"ALTER TABLE {t} ENABLE ROW LEVEL SECURITY")\n        op.execute(f"ALTER TABLE public.{t} FORCE ROW LEVEL SECURITY")\n'),
        Valid(REVISION + "    op.execute('ALTER TABLE a ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY')\n"),
    )  # fmt: skip
