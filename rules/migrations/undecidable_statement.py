"""A revision's statement of which the linter cannot tell what it changes.

What it does
------------
Tells of text that a revision hands to the database and that comes in at run time: the whole of it, or the table or the expression of a
policy. Said once for each place.

Why is this bad?
----------------
It need not be. But such a statement may switch row level security off, drop a policy, or fill a tenant column with a guess, and nobody checks
it unless a person does. The other rules on revisions cannot see it either.

Example
-------
    op.execute(Path("policies.sql").read_text())

Use instead
-----------
    for table in ("orders", "users"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")

Not reported
------------
Text put together of constants, lists of constants and functions that return them: that is read. Statements on data, and those that change
what is not for tenants, where only a name or a value comes in. ENABLE on a table that cannot be told, where no FORCE is hidden: another rule
tells of that. Statements that SQLAlchemy builds (`table.update()`).
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit import HOLE, Chain, Expected, Invalid, ModuleFacts, Project, Rule, Step, Valid, told

REVISION = (
    'from alembic import op\nimport sqlalchemy as sa\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n'
)


def _why(step: Step, chain: Chain) -> str:
    """Why a step cannot be told, or "" where it can."""
    if step.kind == "execute" and step.sql is None:
        return "its text comes in at run time"
    if step.kind == "create_all":
        return "it creates whatever the models hold when it runs"
    policy = step.policy
    if policy is not None:
        if not told(step.table):
            return "the table of the policy is put in at run time"
        if any(HOLE in (part or "") for part in (policy.using, policy.check)):
            return f"the expression of the policy {policy.name if told(policy.name) else ''} on {step.table} is put in at run time".replace("  ", " ")  # fmt: skip
    if step.kind == "row_security" and not told(step.table):
        forced = any(item.kind == "row_security" and item.name == "force" for item in chain.untold)
        return "" if step.name == "enable" and not forced else "its table is put in at run time"
    return ""


class UndecidableStatement(Rule):
    """See the module."""

    code = "TM17"
    name = "undecidable-statement"
    severity = Severity.INFO
    on_migrations = True

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Tells of statements that cannot be decided."""
        if module.path not in index.migrations().paths:
            return
        chain = index.chain()
        told_of: set[Span] = set()
        for item in chain.undone:
            for step in item.up if item.revision.path == module.path else ():
                span = step.span if step.path == module.path else item.revision.span
                why = _why(step, chain) if span not in told_of else ""
                if why:
                    told_of.add(span)
                    yield self.found(
                        module.path, span, f"cannot tell what this statement does to tenants' tables: {why}"
                    )

    INVALID = (
        Invalid(REVISION + "    op.execute(load())\n", (Expected(6, "its text comes in at run time"),)),
        Invalid(REVISION + "    op.execute(sa.text(open('x.sql').read()))\n", (Expected(6),)),
        Invalid(REVISION + "    for line in load():\n        op.execute(line)\n", (Expected(7),)),
        Invalid(REVISION + "    for t in load():\n        op.execute(f'CREATE POLICY p ON {t} USING (bot_id = f())')\n        op.execute(f'DROP POLICY q ON {t}')\n", (Expected(7, "the table of the policy"), Expected(8))),
        Invalid(REVISION + "    op.execute(f'CREATE POLICY p ON t USING ({load()})')\n", (Expected(6, "the expression of the policy p on t"),)),
        Invalid(REVISION + "    for t in load():\n        op.execute(f'ALTER TABLE {t} DISABLE ROW LEVEL SECURITY')\n", (Expected(7, "its table"),)),
        Invalid(REVISION + "    op.execute('''DO $$ DECLARE r record; BEGIN FOR r IN SELECT tablename FROM pg_tables LOOP\n EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', r.tablename); END LOOP; END $$''')\n", (Expected(6, "its table"),)),
        Invalid("from app.models import Base\n" + REVISION + "    Base.metadata.create_all(op.get_bind())\n", (Expected(7, "whatever the models hold"),)),
    )  # fmt: skip
    VALID = (
        Valid(REVISION + "    for t in ('a', 'b'):\n        op.execute(f'CREATE POLICY p_{t} ON {t} USING (bot_id = f())')\n"),
        Valid(REVISION + "    op.execute(f'CREATE INDEX i ON {load()} (x)')\n"),
        Valid(REVISION + "    op.execute(f'UPDATE t SET bot_id = {load()}')\n"),
        Valid(REVISION + "    op.execute(sa.table('t').update().values(a=1))\n"),
        Valid(REVISION + "    op.execute(f'ALTER TABLE {load()} ENABLE ROW LEVEL SECURITY')\n"),
        Valid(REVISION + "    op.execute('SELECT 1')\ndef downgrade():\n    op.execute(load())\n"),
        Valid("from alembic import op\ndef run():\n    op.execute(load())\n"),
    )  # fmt: skip
