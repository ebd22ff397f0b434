"""A tenant's table without row level security.

What it does
------------
In a project whose revisions use row level security, finds the tenants' tables for which none of them enables it.

Why is this bad?
----------------
The rest of the code relies on the database to hide other tenants' rows. On a table that was forgotten nothing does: policies hold only where
row level security is enabled (https://www.postgresql.org/docs/current/sql-createpolicy.html, "Description").

Example
-------
    op.create_table("orders", sa.Column("bot_id", sa.Integer(), nullable=False))

Use instead
-----------
    op.create_table("orders", sa.Column("bot_id", sa.Integer(), nullable=False))
    op.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE orders FORCE ROW LEVEL SECURITY")

Not reported
------------
Projects without row level security; shared tables. Where a table's name or a whole statement of a revision cannot be told, the finding is an `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid

MODELS = 'from sqlalchemy import Column, Integer\nfrom sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): ...\nclass User(Base):\n    __tablename__ = "users"\n    bot_id = Column(Integer)\nclass Order(Base):\n    __tablename__ = "orders"\n    bot_id = Column(Integer)\n'
REVISION = 'from alembic import op\nrevision = "a1"\ndown_revision = None\nTABLES = ("users",)\ndef enable(table):\n    return [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"]\ndef upgrade():\n    for table in (*TABLES, "orders"):\n        for statement in enable(table):\n            op.execute(statement)\n'
USERS = REVISION.replace('(*TABLES, "orders")', "TABLES")
HIDDEN = REVISION.replace('(*TABLES, "orders")', "load()")


class MissingRowSecurity(Rule):
    """See the module."""

    code = "TM6"
    name = "missing-row-security"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports tenant tables that stay open."""
        own = [item for item in index.schema() if item.path == module.path and item.tenant]
        if not own:
            return
        if not index.migrations().revisions:
            return
        chain = index.chain()
        enabled = {item.name for item in chain.tables.values() if item.enabled is not None}
        steps = [step for item in chain.undone for step in item.up]
        used = any(step.kind == "row_security" and step.name == "enable" for step in steps)
        hidden = any(step.kind == "execute" for step in chain.hidden) or any(
            step.kind == "row_security" and step.name == "enable" for step in chain.untold
        )
        for item in own if used else ():
            if item.table not in enabled:
                yield self.found(
                    item.path,
                    item.span,
                    f"no revision enables row level security on the table {item.table}",
                    severity=Severity.INFO if hidden else None,
                    reason=["some statements of the revisions cannot be told"] if hidden else [],
                )

    INVALID = (
        Invalid(MODELS, (Expected(7, "on the table orders"),), {"alembic/versions/a1.py": USERS}),
        Invalid(MODELS, (Expected(4, "users", Severity.INFO), Expected(7, "orders", Severity.INFO)), {"alembic/versions/a1.py": HIDDEN}),
        Invalid(MODELS, (Expected(4, "users"),), {"alembic/versions/a1.py": REVISION + '    op.execute("ALTER TABLE users DISABLE ROW LEVEL SECURITY")\n'}),
        Invalid(MODELS, (Expected(7, "orders"),), {"alembic/versions/a1.py": USERS + "    op.execute('COMMENT ON TABLE orders IS $$ALTER TABLE orders ENABLE ROW LEVEL SECURITY$$')\n    op.execute('-- ALTER TABLE orders ENABLE ROW LEVEL SECURITY')\n"}),
    )  # fmt: skip
    VALID = (
        Valid(MODELS, {"alembic/versions/a1.py": REVISION}),
        Valid(MODELS),
        Valid(MODELS, {"alembic/versions/a1.py": USERS + "    op.execute('ALTER TABLE IF EXISTS ONLY public.\"orders\" enable row level security; COMMENT ON TABLE users IS $$ALTER TABLE users DISABLE ROW LEVEL SECURITY$$')\n"}),
        Valid(MODELS, {"alembic/versions/a1.py": USERS.replace("users", "people") + '    op.rename_table("people", "users")\n    op.execute("""DO $$ DECLARE t text; BEGIN\n      FOREACH t IN ARRAY ARRAY[\'orders\'] LOOP EXECUTE format(\'ALTER TABLE %I ENABLE ROW LEVEL SECURITY\', t); END LOOP; END $$""")\n'}),
        Valid(MODELS, {"alembic/versions/a1.py": USERS}, {"tables": TablePolicy(shared=("orders",))}),
    )  # fmt: skip
