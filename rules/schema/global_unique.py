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

import re
from collections.abc import Iterable

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Expected,
    Invalid,
    ModuleFacts,
    Project,
    Rule,
    SchemaKey,
    SchemaTable,
    Valid,
    words,
)

HEAD = "from sqlalchemy import Column, ForeignKey, Index, Integer, String, UniqueConstraint, func\nfrom sqlalchemy.dialects.postgresql import UUID\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\nclass Base(DeclarativeBase): ...\n"
CODE = 'class Code(Base):\n    __tablename__ = "codes"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer, nullable=False)\n'
USER = 'class User(Base):\n    __tablename__ = "users"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer, nullable=False)\n'

_BY_NATURE = frozenset(
    (
        "uuid",
        "guid",
        "token",
        "hash",
        "secret",
        "sha256",
        "sha1",
        "md5",
        "digest",
        "nonce",
        "jti",
        "fingerprint",
        "encrypted",
        "ciphertext",
    )
)
_GIVEN_OUT = frozenset(
    (
        "payment",
        "invoice",
        "order",
        "bill",
        "transaction",
        "charge",
        "checkout",
        "correlation",
        "link",
        "request",
        "event",
        "message",
        "session",
        "subscription",
    )
)


class GlobalUnique(Rule):
    """See the module."""

    code = "TM4"
    name = "global-unique"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports unique keys of tenant tables that span tenants."""
        tables = index.schema()
        owned = {item.table for item in tables if item.tenant}
        own_keys = {item.primary[0]: item.table for item in tables if item.tenant and len(item.primary) == 1}
        own_keys.pop("id", None)
        for table in tables:
            if not table.tenant or policy.column not in table.columns:
                continue
            keys = [key for key in table.keys if key.unique and key.kind in ("unique", "index")]
            keys += [
                SchemaKey("unique", (item.name,), item.path, item.span, unique=True)
                for item in table.columns.values()
                if item.unique and not item.primary
            ]
            for key in keys:
                if key.path == module.path and policy.column not in key.columns:
                    yield from self._judge(table, key, owned, own_keys, policy)

    def _judge(
        self, table: SchemaTable, key: SchemaKey, owned: set[str], own_keys: dict[str, str], policy: Policy
    ) -> Iterable[Diagnostic]:
        columns = [table.columns.get(name) for name in key.columns]
        if re.search(rf"\b{re.escape(policy.column)}\b\W*\s+IS\s+NULL", key.where, re.I):
            return  # of the rows that belong to no tenant
        if set(key.columns) == set(table.primary):
            return
        for name, column in zip(key.columns, columns, strict=True):
            if _BY_NATURE & set(words(name)) or (column is not None and column.kind.lower() == "uuid"):
                return
            if column is not None and (column.generated or column.foreign in owned):
                return
            if name != policy.column and own_keys.get(name, table.table) != table.table:
                return  # called as the primary key of another tenant's table, a foreign key in all but its declaration
        shown = ", ".join(name or "an expression" for name in key.columns) or "columns that cannot be told"
        message = (
            f"UNIQUE ({shown}) of the table {table.table} holds over all tenants, not within {policy.column}"
        )
        reason: list[str] = []
        if not key.columns or "" in key.columns:
            reason = ["one of its parts is an expression, which may hold the tenant"]
        elif any(
            {"stripe", "paypal", "braintree", "adyen", "paddle"} & set(words(name)) for name in key.columns
        ) or any("id" in words(name) and _GIVEN_OUT & set(words(name)) for name in key.columns):
            reason = ["a payment system gives these ids out, each but once"]
        yield self.found(
            key.path, key.span, message, severity=Severity.INFO if reason else None, reason=reason
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
