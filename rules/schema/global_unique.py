"""A UNIQUE over all tenants.

What it does
------------
Finds `unique=True`, `UniqueConstraint` and unique `Index` on a tenant's table whose columns do not hold the tenant.

Why is this bad?
----------------
Two tenants cannot use the same promo code or name, and the error that the second one gets tells that the first one has it. An upsert on such
a key overwrites another tenant's row.

Example
-------
    class PromoCode(Base):
        __tablename__ = "promo_codes"
        bot_id = Column(Integer, nullable=False, index=True)
        code = Column(String, unique=True)

Use instead
-----------
    class PromoCode(Base):
        __tablename__ = "promo_codes"
        __table_args__ = (UniqueConstraint("bot_id", "code"),)
        bot_id = Column(Integer, nullable=False)
        code = Column(String)

Not reported
------------
Primary keys; a key with a foreign key to another tenant's table, declared or by its name, which lies within one tenant by that; what is unique by nature (`uuid`,
`token`, `hash`, `secret`, of type UUID, or drawn at random by its default); a partial index of the rows without a tenant. Ids that a payment system gave out (`payment_id`, `invoice_id`) are an `info`;
those of people (`telegram_id`) are errors: one person may be a customer of two tenants.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Expected,
    Invalid,
    ModuleFacts,
    Project,
    Rule,
    Valid,
    global_keys,
)

HEAD = "from sqlalchemy import Column, ForeignKey, Index, Integer, String, UniqueConstraint, func\nfrom sqlalchemy.dialects.postgresql import UUID\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\nclass Base(DeclarativeBase): ...\n"
CODE = 'class Code(Base):\n    __tablename__ = "codes"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer, nullable=False)\n'
USER = 'class User(Base):\n    __tablename__ = "users"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer, nullable=False)\n'


class GlobalUnique(Rule):
    """See the module."""

    code = "TM4"
    name = "global-unique"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports unique keys of tenant tables that span tenants."""
        for item in index.once("global_keys", lambda: tuple(global_keys(index.schema(), policy))):
            key = item.key
            if key.path != module.path:
                continue
            shown = (
                ", ".join(name or "an expression" for name in key.columns) or "columns that cannot be told"
            )
            message = f"UNIQUE ({shown}) of the table {item.table.table} holds over all tenants, not within {policy.column}"
            yield self.found(
                key.path,
                key.span,
                message,
                severity=Severity.INFO if item.doubt else None,
                reason=[item.doubt] if item.doubt else (),
            )

    INVALID = (
        Invalid(HEAD + CODE + '    code = Column(String, unique=True, default=lambda: "new")\n', (Expected(9, "UNIQUE (code)"),)),
        Invalid(HEAD + CODE + "    code = Column(String)\n    __table_args__ = (Index('u', 'code', unique=True, postgresql_where=text('bot_id IS NOT NULL')),)\n", (Expected(10, "UNIQUE (code)"),)),
        Invalid(HEAD + CODE + "    code = Column(String, unique=True)\n", (Expected(9, "UNIQUE (code) of the table codes holds over all tenants"),)),
        Invalid(HEAD + CODE + '    code: Mapped[str] = mapped_column(unique=True, index=True)\n', (Expected(9),)),
        Invalid(HEAD + CODE + '    code = Column(String)\n    kind = Column(String)\n    __table_args__ = (UniqueConstraint("code", "kind", name="uq"),)\n', (Expected(11, "UNIQUE (code, kind)"),)),
        Invalid(HEAD + CODE + '    code = Column(String)\n    __table_args__ = (Index("ix", "code", unique=True),)\n', (Expected(10),)),
        Invalid(HEAD + CODE + "    telegram_id = Column(Integer, unique=True)\n", (Expected(9, "telegram_id"),)),
        Invalid(HEAD + CODE + "    payment_id = Column(String, unique=True)\n", (Expected(9, "payment_id", Severity.INFO),)),
        Invalid(HEAD + CODE + '    email = Column(String)\n    __table_args__ = (Index("ix", func.lower(email), unique=True),)\n', (Expected(10, "an expression", Severity.INFO),)),
        Invalid('from sqlmodel import Field, SQLModel\nclass Code(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n    bot_id: int\n    code: str = Field(unique=True)\n', (Expected(5),)),
        Invalid(HEAD + CODE + "    stripe_customer_id = Column(String, unique=True)\n", (Expected(9, "stripe_customer_id", Severity.INFO),)),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + CODE + "    short = Column(String, unique=True, default=lambda: generate(size=12))\n"),
        Valid(HEAD + "import secrets\n" + CODE + "    short = Column(String, unique=True, default=secrets.token_hex)\n"),
        Valid(HEAD + CODE + "    code = Column(String)\n    __table_args__ = (Index('u', 'code', unique=True, postgresql_where=text('bot_id IS NULL')),)\n"),
        Valid(HEAD + 'class Run(Base):\n    __tablename__ = "runs"\n    run_id = Column(String, primary_key=True)\n    bot_id = Column(Integer)\n' + CODE + '    run_id = Column(String)\n    label = Column(String)\n    __table_args__ = (UniqueConstraint("run_id", "label"),)\n'),
        Valid(HEAD + CODE + "    encrypted_key = Column(String, unique=True)\n"),
        Valid(HEAD + CODE + '    code = Column(String)\n    __table_args__ = (UniqueConstraint("bot_id", "code"),)\n'),
        Valid(HEAD + CODE + '    code = Column(String)\n    __table_args__ = (Index("ix", "code", "bot_id", unique=True),)\n'),
        Valid(HEAD + CODE + "    token_hash = Column(String, unique=True)\n"),
        Valid(HEAD + CODE + "    public = Column(UUID(as_uuid=True), unique=True)\n"),
        Valid(HEAD + CODE + '    __table_args__ = (UniqueConstraint("id"),)\n'),
        Valid(HEAD + USER + CODE + '    user_id = Column(ForeignKey("users.id"), unique=True)\n'),
        Valid(HEAD + USER + CODE + '    user_id = Column(ForeignKey("users.id"))\n    day = Column(Integer)\n    __table_args__ = (UniqueConstraint("user_id", "day"),)\n'),
        Valid(HEAD + CODE.replace("    bot_id = Column(Integer, nullable=False)\n", "") + "    code = Column(String, unique=True)\n"),
        Valid(HEAD + CODE + "    code = Column(String, unique=True)\n", policy={"tables": TablePolicy(shared=("codes",))}),
        Valid(HEAD + CODE.replace("nullable=False", "unique=True")),
    )  # fmt: skip
