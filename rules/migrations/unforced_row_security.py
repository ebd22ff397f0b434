"""Row level security that its owner walks past.

What it does
------------
Finds ENABLE ROW LEVEL SECURITY on a table for which no revision says FORCE.

Why is this bad?
----------------
The owner of a table is not held by its policies unless they are forced (https://www.postgresql.org/docs/current/ddl-rowsecurity.html, "Row Security Policies"). The role that ran the revisions is the owner, and mostly the application's own.

Example
-------
    op.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")

Use instead
-----------
    op.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE orders FORCE ROW LEVEL SECURITY")

Not reported
------------
Tables forced by another revision; those that a later one drops, or disables again. Where a name in a FORCE or ENABLE cannot be told, the finding is an `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid

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
        chain = index.chain()
        untold = [step for step in chain.untold if step.kind == "row_security"]
        hidden = any(step.name == "force" for step in untold)
        open_tables = [
            (item.enabled, item.name)
            for item in chain.tables.values()
            if item.enabled is not None and item.forced is None
        ]
        if not hidden:
            open_tables += [(step, "") for step in untold if step.name == "enable"]
        for step, table in open_tables:
            if step.path != module.path:
                continue
            yield self.found(
                step.path,
                step.span,
                f"ENABLE ROW LEVEL SECURITY on {table or 'a table chosen at run time'} without FORCE: its owner sees all rows",
                severity=Severity.INFO if hidden or not table else None,
                reason=["a name cannot be told here"] if hidden or not table else [],
            )

    INVALID = (
        Invalid(REVISION + "    op.execute('ALTER TABLE orders ENABLE ROW LEVEL SECURITY')\n", (Expected(6, "on orders without FORCE"),)),
        Invalid(REVISION + '    for t in ("a", "b"):\n        op.execute(f"ALTER TABLE {t} ENABLE ROW LEVEL SECURITY")\n    op.execute("ALTER TABLE a FORCE ROW LEVEL SECURITY")\n', (Expected(7, "on b "),)),
        Invalid(REVISION + '    op.execute(f"ALTER TABLE {op.get_context().opts} ENABLE ROW LEVEL SECURITY")\n', (Expected(6, "chosen at run time", Severity.INFO),)),
        Invalid(REVISION + "    op.execute('ALTER TABLE a FORCE ROW LEVEL SECURITY; alter table a enable row level security; ALTER TABLE a NO FORCE ROW LEVEL SECURITY')\n", (Expected(6, "on a "),)),
        Invalid(REVISION + '    op.execute("""DO $$ BEGIN\n EXECUTE \'ALTER TABLE \' || quote_ident(\'a\') || \' ENABLE ROW LEVEL SECURITY\'; END $$""")\n', (Expected(6, "on a "),)),
    )  # fmt: skip
    VALID = (
        Valid(REVISION + "    op.execute('ALTER TABLE a ENABLE ROW LEVEL SECURITY')\n    op.drop_table('a')\n"),
        Valid(REVISION + "    op.execute('ALTER TABLE a ENABLE ROW LEVEL SECURITY')\n    op.execute('ALTER TABLE a DISABLE ROW LEVEL SECURITY')\n"),
        Valid(REVISION + "    op.execute('ALTER TABLE a ENABLE ROW LEVEL SECURITY')\n    op.rename_table('a', 'b')\n    op.execute('ALTER TABLE b FORCE ROW LEVEL SECURITY')\n"),
        Valid(REVISION + '    for t in ("a", "b"):\n        op.execute(f"ALTER TABLE {t} ENABLE ROW LEVEL SECURITY")\n        op.execute(f"ALTER TABLE public.{t} FORCE ROW LEVEL SECURITY")\n'),
        Valid(REVISION + "    op.execute('ALTER TABLE a ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY')\n"),
    )  # fmt: skip
