"""A table without the tenant column.

What it does
------------
Finds models without the policy's tenant column: an error where the policy lists the table as a tenant's, a warning where a foreign key ties
it to a tenant's table. Columns of mixins, declared attributes and `Table` objects count.

Why is this bad?
----------------
Row level security and a plain filter both need the column. Without it every query has to join up to the owner, and the one that forgets to
shows rows of all tenants.

Example
-------
    class Order(Base):
        __tablename__ = "orders"
        id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))

Use instead
-----------
    class Order(Base):
        __tablename__ = "orders"
        id: Mapped[int] = mapped_column(primary_key=True)
        bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"), index=True)
        user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))

Not reported
------------
Tables that the policy declares shared; the tenants' own table, which the tenant column points at. Where a base class is not part of the
project, the finding is an `info`: the column may stand there.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid

HEAD = "from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\nclass Base(DeclarativeBase): ...\n"
USERS = 'class User(Base):\n    __tablename__ = "users"\n    id: Mapped[int] = mapped_column(primary_key=True)\n    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"))\n'
ORDER = 'class Order(Base):\n    __tablename__ = "orders"\n    id: Mapped[int] = mapped_column(primary_key=True)\n    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))\n'
OWNER = 'class Bot(Base):\n    __tablename__ = "bots"\n    id: Mapped[int] = mapped_column(primary_key=True)\n    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))\n'


class MissingTenantColumn(Rule):
    """See the module."""

    code = "TM1"
    name = "missing-tenant-column"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports tables that should have the tenant column and have none."""
        tables = index.schema()
        own = [item for item in tables if item.path == module.path]
        if not own:
            return
        owned = {item.table for item in tables if item.tenant}
        roots = {item.columns[policy.column].foreign for item in tables if policy.column in item.columns} - {
            ""
        }
        for table in own:
            if table.shared or table.table in roots or policy.column in table.columns:
                continue
            ties = sorted(
                {item.foreign for item in table.columns.values()} | {key.target for key in table.keys}
            )
            near = [name for name in ties if name in owned and name != table.table]
            if not table.listed and not near:
                continue
            severity = Severity.ERROR if table.listed else Severity.WARNING
            why = (
                "the policy lists it as a tenant's" if table.listed else f"a foreign key ties it to {near[0]}"
            )
            reason = [why]
            if not table.known:
                severity = Severity.INFO
                reason.append("a base class is not part of the project, and may hold the column")
            yield self.found(
                table.path,
                table.span,
                f"the table {table.table} has no column {policy.column}, and {why}",
                severity=severity,
                reason=reason,
            )

    INVALID = (
        Invalid(HEAD + USERS + ORDER, (Expected(8, "the table orders has no column bot_id, and a foreign key ties it to users", Severity.WARNING),)),
        Invalid(HEAD + ORDER, (Expected(4, "the policy lists it"),), policy={"tables": TablePolicy(tenant=("orders",))}),
        Invalid(HEAD + USERS + 'orders = Table("orders", MetaData(), Column("id", Integer), Column("user_id", ForeignKey("users.id")))\n', (Expected(8, "orders", Severity.WARNING),)),
        Invalid('from vendor import Base, Owned\nfrom sqlalchemy import Column, Integer\nclass Order(Owned, Base):\n    __tablename__ = "orders"\n    id = Column(Integer)\n',
                (Expected(3, "orders", Severity.INFO),), policy={"tables": TablePolicy(tenant=("orders",))}),
        Invalid('from sqlmodel import Field, SQLModel\nclass User(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n    bot_id: int\nclass Order(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n    user_id: int = Field(foreign_key="user.id")\n',
                (Expected(5, "the table order ", Severity.WARNING),)),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + USERS),
        Valid(HEAD + USERS + ORDER, policy={"tables": TablePolicy(shared=("orders",))}),
        Valid(HEAD + USERS + OWNER),
        Valid(HEAD + "class Owned:\n    bot_id: Mapped[int] = mapped_column()\n" + USERS + ORDER.replace("(Base)", "(Owned, Base)")),
        Valid(HEAD + "from sqlalchemy.orm import declared_attr\nclass Owned:\n    @declared_attr\n    def bot_id(cls): return mapped_column(ForeignKey('bots.id'))\n" + USERS + ORDER.replace("(Base)", "(Owned, Base)")),
        Valid(HEAD + ORDER),
    )  # fmt: skip
