"""A foreign key between two tenants' tables that does not hold the tenant.

What it does
------------
Finds foreign keys from one tenant's table to another whose columns leave the tenant out, in models.

Why is this bad?
----------------
The database then accepts a row of one tenant that points at another tenant's row: an order of tenant 1 for a user of tenant 2. Every join over
it crosses tenants. Row level security does not help: PostgreSQL's checks of referential integrity always bypass it
(PostgreSQL documentation, "Row Security Policies", section 5.9).

Example
-------
    class Order(Base):
        __tablename__ = "orders"
        id = Column(Integer, primary_key=True)
        bot_id = Column(Integer, nullable=False)
        user_id = Column(ForeignKey("users.id"))

Use instead
-----------
    class Order(Base):
        __tablename__ = "orders"
        __table_args__ = (ForeignKeyConstraint(["bot_id", "user_id"], ["users.bot_id", "users.id"]),)
        id = Column(Integer, primary_key=True)
        bot_id = Column(Integer, nullable=False)
        user_id = Column(Integer)

    class User(Base):
        __tablename__ = "users"
        __table_args__ = (UniqueConstraint("bot_id", "id"),)

Not reported
------------
Foreign keys to shared tables and to the table of the tenants; one whose column a composite foreign key covers too. Most projects check the owner in
their code, so it is an `info`; where at least half of a project's foreign keys hold the tenant, those
that do not are a `warning`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, SchemaTable, Valid

HEAD = "from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Integer, Table, UniqueConstraint\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\nclass Base(DeclarativeBase): ...\n"
USER = 'class User(Base):\n    __tablename__ = "users"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer, nullable=False)\n'
ORDER = 'class Order(Base):\n    __tablename__ = "orders"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer, nullable=False)\n'
COMPOSITE = (
    '    __table_args__ = (ForeignKeyConstraint(["bot_id", "user_id"], ["users.bot_id", "users.id"]),)\n'
)


class PlainForeignKey(Rule):
    """See the module."""

    code = "TM5"
    name = "plain-foreign-key"
    severity = Severity.WARNING

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports foreign keys between tenant tables that may cross tenants."""
        tables = index.schema()
        own = [item for item in tables if item.tenant and policy.column in item.columns]
        found = [
            (table, columns, target, span)
            for table in own
            for columns, target, path, span in _foreign_keys(table, policy.column)
            if path == module.path
        ]
        if not found:
            return
        named = {
            name: item for item in own for name in (item.table, item.name)
        }  # ForeignKey(User.id) names the class
        plain = sum(
            target in named for table in own for _, target, _, _ in _foreign_keys(table, policy.column)
        )
        holding = sum(
            key.kind == "foreign" and len(key.columns) > 1 and policy.column in key.columns
            for item in own
            for key in item.keys
        )
        house = holding >= plain
        for table, columns, target, span in found:
            if target not in named:
                continue
            message = (
                f"the foreign key of {table.table} ({', '.join(columns)}) to {named[target].table}"
                f" does not hold {policy.column}: a row may point at another tenant's"
            )
            reason = (
                []
                if house
                else ["few foreign keys of the project hold the tenant, so its code has to check it"]
            )
            severity = None if house else Severity.INFO
            yield self.found(module.path, span, message, severity=severity, reason=reason)

    INVALID = (
        Invalid(HEAD + USER + ORDER + '    user_id = Column(ForeignKey("users.id"))\n', (Expected(12, "the foreign key of orders (user_id) to users does not hold bot_id", Severity.INFO),)),
        Invalid(HEAD + USER + ORDER + '    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))\n', (Expected(12, "to users", Severity.INFO),)),
        Invalid(HEAD + USER + ORDER + '    parent_id = Column(ForeignKey("orders.id"))\n', (Expected(12, "to orders", Severity.INFO),)),
        Invalid(HEAD + USER + ORDER + '    user_id = Column(Integer)\n    code = Column(Integer)\n    __table_args__ = (ForeignKeyConstraint(["user_id", "code"], ["users.id", "users.code"]),)\n', (Expected(14, "(user_id, code)", Severity.INFO),)),
        # A project whose foreign keys hold the tenant: one that does not was forgotten.
        Invalid(HEAD + USER + ORDER + "    user_id = Column(Integer)\n" + COMPOSITE + '    parent_id = Column(ForeignKey("orders.id"))\n', (Expected(14, "to orders", Severity.WARNING),)),
        Invalid('from sqlmodel import Field, SQLModel\nclass User(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n    bot_id: int\nclass Order(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n    bot_id: int\n    user_id: int = Field(foreign_key="user.id")\n', (Expected(8, "to user", Severity.INFO),)),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + USER + ORDER + "    user_id = Column(Integer)\n" + COMPOSITE),
        Valid(HEAD + USER + ORDER + '    user_id = Column(ForeignKey("users.id"))\n' + COMPOSITE),
        Valid(HEAD + ORDER + '    bot = Column(ForeignKey("bots.id"))\nclass Bot(Base):\n    __tablename__ = "bots"\n    id = Column(Integer, primary_key=True)\n'),
        Valid(HEAD + ORDER.replace("Integer, nullable", 'ForeignKey("bots.id"), nullable') + 'class Bot(Base):\n    __tablename__ = "bots"\n    id = Column(Integer, primary_key=True)\n'),
        Valid(HEAD + USER + ORDER + '    user_id = Column(ForeignKey("users.id"))\n', policy={"tables": TablePolicy(shared=("users",))}),
        Valid(HEAD + ORDER + '    user_id = Column(ForeignKey("elsewhere.id"))\n'),
    )  # fmt: skip


def _foreign_keys(table: SchemaTable, column: str) -> Iterator[tuple[tuple[str, ...], str, str, Span]]:
    """The foreign keys of a table that leave the tenant out: columns, target, file and place."""
    covered: set[tuple[str, str]] = set()
    for key in table.keys:
        if key.kind == "foreign" and column in key.columns:
            covered |= {(name, key.target) for name in key.columns}
    for item in table.columns.values():
        if item.foreign and item.name != column and (item.name, item.foreign) not in covered:
            yield (item.name,), item.foreign, item.path, item.span
    for key in table.keys:
        if key.kind == "foreign" and column not in key.columns and key.columns:
            yield key.columns, key.target, key.path, key.span
