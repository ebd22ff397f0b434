"""A tenant column that may be NULL.

What it does
------------
Finds the tenant column of a tenant's table where it admits NULL: `nullable=True`, a `Column` that does not say, `Mapped[int | None]`. SQLModel takes
the `Column` of `sa_column=` as it is, whatever the annotation says.

Why is this bad?
----------------
A row without a tenant is seen by nobody, or by everybody where a query says `OR bot_id IS NULL`; and NULLs are distinct in a UNIQUE, so
that the constraint does not hold for them.

Example
-------
    class Order(Base):
        __tablename__ = "orders"
        bot_id = Column(Integer, ForeignKey("bots.id"))

Use instead
-----------
    class Order(Base):
        __tablename__ = "orders"
        bot_id = Column(Integer, ForeignKey("bots.id"), nullable=False)

Not reported
------------
Primary keys, which are never NULL; models of views; tables that the policy declares shared. Where an annotation is a name of the project's own, which may hide
`None`, the finding is an `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Valid

HEAD = "from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\nclass Base(DeclarativeBase): ...\n"
USER = 'class User(Base):\n    __tablename__ = "users"\n    id = Column(Integer, primary_key=True)\n'
SQLMODEL = "from sqlmodel import Field, SQLModel\nclass User(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n"


class NullableTenantColumn(Rule):
    """See the module."""

    code = "TM2"
    name = "nullable-tenant-column"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports tenant columns that admit NULL."""
        for table in index.schema():
            column = table.columns.get(policy.column)
            if column is None or not table.tenant or column.primary or column.nullable is False:
                continue
            if column.path != module.path or table.view:
                continue
            if any(policy.column in key.columns for key in table.keys if key.kind == "primary"):
                continue
            if column.nullable is None:
                yield self.found(
                    column.path,
                    column.span,
                    f"it cannot be told whether {policy.column} of {table.table} may be NULL",
                    severity=Severity.INFO,
                    reason=["neither `nullable` nor a plain annotation says so"],
                )
            else:
                yield self.found(
                    column.path, column.span, f"{policy.column} of the table {table.table} may be NULL"
                )

    INVALID = (
        Invalid(HEAD + USER + '    bot_id = Column(Integer, ForeignKey("bots.id"))\n', (Expected(7, "bot_id of the table users may be NULL"),)),
        Invalid(HEAD + USER + "    bot_id = Column(Integer, nullable=True)\n", (Expected(7),)),
        Invalid(HEAD + USER + "    bot_id: Mapped[int | None] = mapped_column()\n", (Expected(7),)),
        Invalid(HEAD + "from typing import Optional\n" + USER + "    bot_id: Mapped[Optional[int]]\n", (Expected(5),)),
        Invalid(HEAD + USER + "    bot_id = mapped_column(Integer)\n", (Expected(7),)),
        Invalid(SQLMODEL + "    bot_id: int | None = Field(default=None)\n", (Expected(5 - 1),)),
        Invalid(SQLMODEL + "    bot_id: int = Field(sa_column=Column(ForeignKey('bot.id')))\n", (Expected(4),)),
        Invalid(HEAD + 'users = Table("users", MetaData(), Column("bot_id", Integer))\n', (Expected(4),)),
        Invalid(HEAD + "from app.types import TenantId\n" + USER + "    bot_id: Mapped[TenantId] = mapped_column()\n", (Expected(8, "cannot be told", Severity.INFO),)),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + USER + "    bot_id = Column(Integer)\n    __table_args__ = {'info': {'is_view': True}}\n"),
        Valid(HEAD + USER + "    bot_id = Column(Integer, nullable=False)\n"),
        Valid(HEAD + USER + "    bot_id: Mapped[int] = mapped_column(ForeignKey('bots.id'))\n"),
        Valid(HEAD + USER + "    bot_id: Mapped[int]\n"),
        Valid(HEAD + USER + "    bot_id = Column(Integer, primary_key=True)\n"),
        Valid(HEAD + USER + "    bot_id: Mapped[int | None] = mapped_column(nullable=False)\n"),
        Valid(SQLMODEL + "    bot_id: int | None = Field(sa_column=Column(Integer, nullable=False))\n"),
        Valid(SQLMODEL + "    bot_id: int = Field(foreign_key='bot.id')\n"),
        Valid(HEAD + USER + "    bot_id = Column(Integer)\n", policy={"tables": TablePolicy(shared=("users",))}),
    )  # fmt: skip
