"""A tenant's table without an index that leads with the tenant.

What it does
------------
Looks for an index whose first column is the tenant: `index=True`, an `Index`, a unique constraint or a primary key that begins with it.

Why is this bad?
----------------
Every query of a tenant's table filters by the tenant, and so does every policy of row level security. Without the index each of them reads
the rows of all tenants, and deleting one tenant scans every table.

Example
-------
    class Order(Base):
        __tablename__ = "orders"
        bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"))

Use instead
-----------
    class Order(Base):
        __tablename__ = "orders"
        __table_args__ = (Index("idx_orders_bot_id", "bot_id"),)
        bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"))

Not reported
------------
Tables whose index is made by a revision alone; tables that the policy declares shared. An index that has the tenant in second place does not
serve, and is reported.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid

HEAD = "from sqlalchemy import Column, Index, Integer, MetaData, PrimaryKeyConstraint, Table, UniqueConstraint\nfrom sqlalchemy.orm import DeclarativeBase, declared_attr\nclass Base(DeclarativeBase): ...\n"
USER = 'class User(Base):\n    __tablename__ = "users"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer, nullable=False)\n    code = Column(Integer)\n'
REVISION = 'from alembic import op\nrevision = "a1"\ndown_revision = None\ndef upgrade():\n    for table in ("users", "orders"):\n        op.create_index(f"idx_{table}_bot_id", table, ["bot_id"])\n'


class UnindexedTenantColumn(Rule):
    """See the module."""

    code = "TM3"
    name = "unindexed-tenant-column"
    severity = Severity.WARNING

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports tenant tables that no index serves by tenant."""
        own = [item for item in index.schema() if item.path == module.path and item.tenant]
        own = [item for item in own if policy.column in item.columns and not item.leads(policy.column)]
        if not own:
            return
        made = set()
        if index.migrations().revisions:
            made = {item.name for item in index.chain().tables.values() if item.leads(policy.column)}
        for table in own:
            if table.table not in made:
                yield self.found(
                    table.path,
                    table.span,
                    f"no index of the table {table.table} leads with {policy.column}; add idx_{table.table}_{policy.column}",
                )

    INVALID = (
        Invalid(HEAD + USER, (Expected(4, "no index of the table users leads with bot_id; add idx_users_bot_id"),)),
        Invalid(HEAD + USER + '    __table_args__ = (Index("ix", "code", "bot_id"),)\n', (Expected(4),)),
        Invalid(HEAD + USER + '    Index("ix", code)\n', (Expected(4),)),
        Invalid(HEAD + 'users = Table("users", MetaData(), Column("bot_id", Integer))\n', (Expected(4),)),
        Invalid(HEAD + USER, (Expected(4),), {"alembic/versions/a1.py": REVISION + '    op.drop_index("idx_users_bot_id", table_name="users")\n'}),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + USER.replace("nullable=False", "index=True")),
        Valid(HEAD + USER + '    __table_args__ = (Index("ix", "bot_id", "code"), {"schema": "x"})\n'),
        Valid(HEAD + USER + '    __table_args__ = (UniqueConstraint("bot_id", "code"),)\n'),
        Valid(HEAD + USER + '    __table_args__ = (PrimaryKeyConstraint("bot_id", "id"),)\n'),
        Valid(HEAD + USER + '    @declared_attr.directive\n    def __table_args__(cls): return (Index("ix", cls.bot_id),)\n'),
        Valid(HEAD + USER + 'Index("ix", User.bot_id, User.code)\n'),
        Valid(HEAD + USER + '    Index("ix", bot_id)\n'),
        Valid(HEAD + USER.replace("nullable=False", "primary_key=True").replace("    id = Column(Integer, primary_key=True)\n", "")),
        Valid(HEAD + 'users = Table("users", MetaData(), Column("bot_id", Integer), Index("ix", "bot_id"))\n'),
        Valid(HEAD + USER, {"alembic/versions/a1.py": REVISION}),
        Valid(HEAD + USER, {"alembic/versions/a1.py": REVISION.replace('op.create_index(f"idx_{table}_bot_id", table, ["bot_id"])', 'op.execute(f"CREATE INDEX idx_{table} ON public.{table} (bot_id)")')}),
        Valid(HEAD + USER, policy={"tables": TablePolicy(shared=("users",))}),
    )  # fmt: skip
