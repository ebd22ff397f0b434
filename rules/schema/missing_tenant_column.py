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
project, the finding is an `info`: the column may stand there; so it is in a project that has the column in ten tables or
more, and leaves it out of ten or more, at least a fifth, that hang on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, SchemaTable, Valid

HEAD = "from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\nclass Base(DeclarativeBase): ...\n"
USERS = 'class User(Base):\n    __tablename__ = "users"\n    id: Mapped[int] = mapped_column(primary_key=True)\n    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"))\n'
ORDER = 'class Order(Base):\n    __tablename__ = "orders"\n    id: Mapped[int] = mapped_column(primary_key=True)\n    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))\n'
OWNER = 'class Bot(Base):\n    __tablename__ = "bots"\n    id: Mapped[int] = mapped_column(primary_key=True)\n    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))\n'


_MANY = 10


def _child(number: int) -> str:
    return ORDER.replace("Order", f"C{number}").replace('"orders"', f'"c{number}"')


def _other(number: int) -> str:
    return USERS.replace("User", f"O{number}").replace('"users"', f'"o{number}"')


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
            if any(item.foreign in roots for item in table.columns.values()):
                continue  # it has its tenant under another name
            ties = sorted(
                {item.foreign for item in table.columns.values()} | {key.target for key in table.keys}
            )
            near = [name for name in ties if name in owned and name != table.table]
            if not table.listed and not near:
                continue
            severity = Severity.ERROR if table.listed else Severity.WARNING
            design = self._by_design(tables, owned, policy) if near else ""
            why = (
                "the policy lists it as a tenant's" if table.listed else f"a foreign key ties it to {near[0]}"
            )
            reason = [why]
            if design:
                severity = Severity.INFO
                reason.append(design)
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

    def _by_design(self, tables: Sequence[SchemaTable], owned: set[str], policy: Policy) -> str:
        """Why child tables of this project look as if they were meant to lack the column; "" where they do not.

        A project that is multi-tenant, and leaves the column out of very many tables that hang on a tenant's, joins up
        to their owner by design. A few that lack it were forgotten, and so is nothing told of a project where none has it.
        """
        have = sum(policy.column in item.columns for item in tables)
        lack = sum(
            policy.column not in item.columns
            and not item.shared
            and any(column.foreign in owned for column in item.columns.values())
            for item in tables
        )
        if have < _MANY or lack < _MANY or lack * 5 < have + lack:
            return ""
        return f"{lack} tables of this project hang on a tenant's by a foreign key without the column, and {have} have it: it is left out by design"

    INVALID = (
        Invalid(HEAD + USERS + ORDER, (Expected(8, "the table orders has no column bot_id, and a foreign key ties it to users", Severity.WARNING),)),
        Invalid(HEAD + ORDER, (Expected(4, "the policy lists it"),), policy={"tables": TablePolicy(tenant=("orders",))}),
        Invalid(HEAD + USERS + 'orders = Table("orders", MetaData(), Column("id", Integer), Column("user_id", ForeignKey("users.id")))\n', (Expected(8, "orders", Severity.WARNING),)),
        Invalid('from vendor import Base, Owned\nfrom sqlalchemy import Column, Integer\nclass Order(Owned, Base):\n    __tablename__ = "orders"\n    id = Column(Integer)\n',
                (Expected(3, "orders", Severity.INFO),), policy={"tables": TablePolicy(tenant=("orders",))}),
        Invalid('from sqlmodel import Field, SQLModel\nclass User(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n    bot_id: int\nclass Order(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n    user_id: int = Field(foreign_key="user.id")\n',
                (Expected(5, "the table order ", Severity.WARNING),)),
        # Ten of twenty: by design. Nine of nineteen: forgotten.
        Invalid(HEAD + USERS + "".join(_child(number) for number in range(10)) + "".join(_other(number) for number in range(9)), tuple(Expected(8 + 4 * number, f"the table c{number} has no column", Severity.INFO) for number in range(10))),
        Invalid(HEAD + USERS + "".join(_child(number) for number in range(9)) + "".join(_other(number) for number in range(9)), tuple(Expected(8 + 4 * number, "has no column", Severity.WARNING) for number in range(9))),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + USERS),
        Valid(HEAD + USERS + ORDER, policy={"tables": TablePolicy(shared=("orders",))}),
        Valid(HEAD + USERS + OWNER),
        Valid(HEAD + "class Owned:\n    bot_id: Mapped[int] = mapped_column()\n" + USERS + ORDER.replace("(Base)", "(Owned, Base)")),
        Valid(HEAD + "from sqlalchemy.orm import declared_attr\nclass Owned:\n    @declared_attr\n    def bot_id(cls): return mapped_column(ForeignKey('bots.id'))\n" + USERS + ORDER.replace("(Base)", "(Owned, Base)")),
        Valid(HEAD + ORDER),
    )  # fmt: skip
