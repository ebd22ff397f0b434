"""A bulk write or upsert that reaches another tenant's rows.

What it does
------------
Finds `on_conflict_do_update` and `on_conflict_do_nothing` whose conflict target lacks the tenant, `bulk_update_mappings`, which finds its rows by
primary key alone, and `bulk_insert_mappings` without the tenant.

Why is this bad?
----------------
A conflict on `(email)` happens across tenants: the update then overwrites another tenant's row with this one's data, and `do_nothing` silently
drops the row. Bulk updates pass every filter by.

Example
-------
    async def put(db, bot_id, code):
        row = insert(Order).values(bot_id=bot_id, code=code)
        await db.execute(row.on_conflict_do_update(index_elements=["code"], set_={"code": code}))

Use instead
-----------
    async def put(db, bot_id, code):
        row = insert(Order).values(bot_id=bot_id, code=code)
        await db.execute(row.on_conflict_do_update(index_elements=["bot_id", "code"], set_={"code": code}))

Not reported
------------
A conflict target with the tenant, or with a foreign key to a tenant's table; an update with `where=` on the tenant; a target
that is left out; a constraint whose name tells of the tenant. `do_nothing` is a `warning`: it loses a row, but shows none. A target
built elsewhere, another constraint's name, and bulk updates of rows that were loaded before are told as `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, QueryVerdict, Rule, Scoped, Valid

MODELS = {
    "app/models.py": """\
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase): pass

class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)

class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
    user_id = Column(ForeignKey("users.id"))
    code = Column(String)

class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)
"""
}
HEAD = "from sqlalchemy.dialects.postgresql import insert\nfrom app.models import Country, Order, User\n"
ROW = "insert(Order).values(bot_id=bot_id, code='a')"


class UpsertAcrossTenants(Rule):
    """See the module."""

    code = "TQ8"
    name = "upsert-across-tenants"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports conflict targets and bulk writes without the tenant; what is undecided as `info`."""
        for verdict in index.query_verdicts(module.path):
            message = self._message(verdict, policy)
            if not message:
                continue
            severity = Severity.WARNING if verdict.kind == "insert_or_ignore" else Severity.ERROR
            if verdict.scoped is Scoped.UNDECIDED:
                severity = Severity.INFO
            yield self.found(verdict.path, verdict.span, message, severity=severity, reason=verdict.reasons)

    def _message(self, verdict: QueryVerdict, policy: Policy) -> str:
        unsure = verdict.scoped is Scoped.UNDECIDED
        if verdict.kind in ("upsert", "insert_or_ignore"):
            why = verdict.reasons[-1] if verdict.reasons else "the conflict target is built elsewhere"
            if unsure:
                return f"cannot tell whether this upsert of {verdict.entity} stays in one tenant: {why}"
            effect = (
                "overwrites another tenant's row"
                if verdict.kind == "upsert"
                else "drops the row without a word"
            )
            return f"{why}, without {policy.column}: a conflict with another tenant {effect}"
        if verdict.kind == "bulk_insert":
            if unsure:
                return f"cannot tell whether these new rows of {verdict.entity} get their {policy.column}: their fields are built elsewhere"
            return f"new rows of {verdict.entity} get no {policy.column}"
        if verdict.kind == "bulk_update":
            if unsure:
                return f"rows of {verdict.entity} are updated by primary key alone: that they are the tenant's was settled where their keys come from"
            return f"rows of {verdict.entity} are updated by primary key alone, without {policy.column}"
        return ""

    INVALID = (
        Invalid(HEAD + f"async def f(db, bot_id):\n    await db.execute({ROW}.on_conflict_do_update(index_elements=['code'], set_={{'code': 'b'}}))\n",
                (Expected(4, "the conflict target is code, without bot_id: a conflict with another tenant overwrites"),), MODELS),
        Invalid(HEAD + f"async def f(db, bot_id):\n    q = {ROW}\n    q = q.on_conflict_do_update(index_elements=[Order.code], set_={{'code': q.excluded.code}})\n    await db.execute(q)\n",
                (Expected(5, "the conflict target is code"),), MODELS),
        Invalid(HEAD + f"async def f(db, bot_id):\n    await db.execute({ROW}.on_conflict_do_nothing(index_elements=['code']))\n", (Expected(4, "drops the row", Severity.WARNING),), MODELS),
        Invalid(HEAD + f"async def f(db, bot_id):\n    await db.execute({ROW}.on_conflict_do_update(constraint='uq_orders_code', set_={{'code': 'b'}}))\n",
                (Expected(4, "the conflict target is uq_orders_code", Severity.INFO),), MODELS),
        Invalid(HEAD + f"async def f(db, bot_id, keys):\n    await db.execute({ROW}.on_conflict_do_update(index_elements=keys, set_={{'code': 'b'}}))\n", (Expected(4, "cannot tell", Severity.INFO),), MODELS),
        Invalid(HEAD + "def f(session, i):\n    session.bulk_update_mappings(Order, [{'id': i, 'code': 'a'}])\n", (Expected(4, "updated by primary key alone, without bot_id"),), MODELS),
        Invalid(HEAD + "def f(session, rows):\n    session.bulk_update_mappings(Order, [{'id': row.id, 'code': 'a'} for row in rows])\n", (Expected(4, "settled where", Severity.INFO),), MODELS),
        Invalid(HEAD + "def f(session):\n    session.bulk_insert_mappings(Order, [{'code': 'a'}])\n", (Expected(4, "new rows of Order get no bot_id"),), MODELS),
        Invalid(HEAD + "def f(session, rows):\n    session.bulk_insert_mappings(Order, rows)\n", (Expected(4, "cannot tell", Severity.INFO),), MODELS),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + f"async def f(db, bot_id):\n    await db.execute({ROW}.on_conflict_do_update(index_elements=['bot_id', 'code'], set_={{'code': 'b'}}))\n", MODELS),
        Valid(HEAD + f"async def f(db, bot_id):\n    await db.execute({ROW}.on_conflict_do_update(index_elements=[Order.bot_id, Order.code], set_={{'code': 'b'}}))\n", MODELS),
        Valid(HEAD + f"async def f(db, bot_id):\n    await db.execute({ROW}.on_conflict_do_update(index_elements=['user_id', 'code'], set_={{'code': 'b'}}))\n", MODELS),
        Valid(HEAD + f"async def f(db, bot_id):\n    await db.execute({ROW}.on_conflict_do_update(index_elements=['code'], set_={{'code': 'b'}}, where=Order.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + f"async def f(db, bot_id):\n    await db.execute({ROW}.on_conflict_do_update(constraint='uq_orders_bot_id_code', set_={{'code': 'b'}}))\n", MODELS),
        Valid(HEAD + f"async def f(db, bot_id):\n    await db.execute({ROW}.on_conflict_do_nothing())\n", MODELS),
        Valid(HEAD + "async def f(db):\n    await db.execute(insert(Country).values(id=3).on_conflict_do_nothing(index_elements=['id']))\n", MODELS),
        Valid(HEAD + "def f(session, bot_id):\n    session.bulk_insert_mappings(Order, [{'code': 'a', 'bot_id': bot_id}])\n", MODELS),
        Valid(HEAD + "def f(session, rows):\n    session.bulk_update_mappings(Country, rows)\n", MODELS),
    )  # fmt: skip
