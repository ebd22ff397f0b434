"""A tenant's row loaded by its primary key alone.

What it does
------------
Finds `session.get(User, key)`, `session.get_one(…)`, `query(User).get(key)`, `User.query.get(key)` and `get_or_404` on a tenant's table
where neither the function nor whoever gets the row from it compares the row's tenant.

Why is this bad?
----------------
Keys are counted up, so a caller tries the next number and reads another tenant's row. This is the most frequent of all published leaks.

Example
-------
    async def read(db, order_id, bot_id):
        return await db.get(Order, order_id)

Use instead
-----------
    async def read(db, order_id, bot_id):
        order = await db.get(Order, order_id)
        if order is None or order.bot_id != bot_id:
            return None
        return order

Not reported
------------
A row whose tenant is compared after it is loaded: in the function, in a function that it hands the row to, or in every caller that
gets it; a composite key that holds the tenant; a key that is a foreign key of another loaded row (`db.get(User, order.user_id)`, where
`order` is known to be a model's); a session that row level security holds. Where it cannot be told what the table is, or what row the key
comes from, that is told as `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Scoped, Valid

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

class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)
"""
}
HEAD = "from fastapi import HTTPException\nfrom app.models import Country, Order, User\n"
REPO = (
    HEAD
    + "class Repo:\n    model = None\n    def __init__(self, session):\n        self.session = session\n    async def get(self, key):\n        return await self.session.get(self.model, key)\n"
)


class LookupByPrimaryKey(Rule):
    """See the module."""

    code = "TQ2"
    name = "lookup-by-primary-key"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports lookups that nobody checks; what is undecided as `info`."""
        for verdict in index.query_verdicts(module.path):
            if verdict.kind != "get" or verdict.scoped is Scoped.YES:
                continue
            if verdict.scoped is Scoped.UNDECIDED:
                why = verdict.reasons[-1] if verdict.reasons else "built dynamically"
                message = f"cannot tell whether this row of {verdict.entity} is the tenant's: {why}"
                severity = Severity.INFO
            else:
                message = f"a row of {verdict.entity} is loaded by its primary key, and nothing compares its {policy.column}"
                severity = Severity.ERROR
            yield self.found(verdict.path, verdict.span, message, severity=severity, reason=verdict.reasons)

    INVALID = (
        Invalid(HEAD + "async def f(db, i):\n    return await db.get(Order, i)\n",
                (Expected(4, "a row of Order is loaded by its primary key, and nothing compares its bot_id"),), MODELS),
        Invalid(HEAD + "async def f(db, i):\n    order = await db.get(Order, i, with_for_update=True)\n    if order is None:\n        raise HTTPException(404)\n    return order\n", (Expected(4, "a row of Order"),), MODELS),
        Invalid(HEAD + "async def f(session, i):\n    return await session.get_one(entity=Order, ident=i)\n", (Expected(4, "a row of Order"),), MODELS),
        Invalid(HEAD + "def f(session, i):\n    return session.query(Order).get(i)\n", (Expected(4, "a row of Order"),), MODELS),
        Invalid(HEAD + "def f(i):\n    return Order.query.get_or_404(i)\n", (Expected(4, "a row of Order"),), MODELS),
        # Another row's tenant is compared, not this one's.
        Invalid(HEAD + "async def f(db, i, user, bot_id):\n    order = await db.get(Order, i)\n    if user.bot_id != bot_id:\n        raise HTTPException(403)\n    return order\n",
                (Expected(4, "a row of Order"),), MODELS),
        Invalid(HEAD + "async def load(db, i):\n    return await db.get(Order, i)\n\nasync def good(db, i, bot_id):\n    order = await load(db, i)\n    if order.bot_id != bot_id:\n        raise HTTPException(404)\n    return order\n\nasync def bad(db, i):\n    return (await load(db, i)).id\n",
                (Expected(4, "a row of Order"),), MODELS),
        Invalid(HEAD + "async def f(db, payload):\n    return await db.get(User, payload.user_id)\n", (Expected(4, "a row of User"),), MODELS),
        Invalid(HEAD + "async def f(db, order):\n    return await db.get(User, order.user_id)\n", (Expected(4, "whose tenant is not known here", Severity.INFO),), MODELS),
        Invalid(REPO, (Expected(8, "what self.model is cannot be told", Severity.INFO),), MODELS),
        Invalid(REPO + "\nclass Orders(Repo):\n    model = Order\n", (Expected(8, "a row of Order"),), MODELS),
        Invalid(HEAD + "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Repo(Generic[T]):\n    def __init__(self, model, session):\n        self.model, self.session = model, session\n    async def get(self, key):\n        return await self.session.get(self.model, key)\nclass Orders(Repo[Order]):\n    def __init__(self, session):\n        super().__init__(Order, session)\n",
                (Expected(9, "a row of Order"),), MODELS),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "async def f(db, i, bot_id):\n    order = await db.get(Order, i)\n    if order is None or order.bot_id != bot_id:\n        raise HTTPException(404)\n    return order\n", MODELS),
        Valid(HEAD + "async def f(db, i, bot_id):\n    order = await db.get(Order, i)\n    if not order:\n        return None\n    return order if order.bot_id == bot_id else None\n", MODELS),
        Valid(HEAD + "async def f(db, i, bot_id):\n    if (order := await db.get(Order, i)) and order.bot_id == bot_id:\n        return order\n", MODELS),
        Valid(HEAD + "def same(order, bot_id):\n    if order.bot_id != bot_id:\n        raise HTTPException(403)\n\nasync def f(db, i, bot_id):\n    order = await db.get(Order, i)\n    same(order, bot_id)\n    return order\n", MODELS),
        Valid(HEAD + "async def load(db, i):\n    return await db.get(Order, i)\n\nasync def good(db, i, bot_id):\n    order = await load(db, i)\n    if order.bot_id != bot_id:\n        raise HTTPException(404)\n    return order\n", MODELS),
        Valid(HEAD + "async def f(db, i, bot_id):\n    return await db.get(Order, (bot_id, i))\n", MODELS),
        Valid(HEAD + "async def f(db, i, bot_id):\n    return await db.get(Order, {'bot_id': bot_id, 'id': i})\n", MODELS),
        Valid(HEAD + "async def f(db, order: Order):\n    return await db.get(User, order.user_id)\n", MODELS),
        Valid(HEAD + "async def f(db, i):\n    return await db.get(Country, i)\n", MODELS),
        Valid(HEAD + "from app.tenancy import get_tenant_session\nasync def f(i, bot_id):\n    async with get_tenant_session(bot_id) as db:\n        return await db.get(Order, i)\n", MODELS),
        Valid(HEAD + "async def f(cache, session, url):\n    names = {}\n    names.get('a', 1)\n    cache.get('key')\n    await session.get(url, timeout=3)\n    return await session.get('https://example.org', 3)\n", MODELS),
        Valid(REPO + "\nclass Countries(Repo):\n    model = Country\n", MODELS),
        Valid(HEAD + "async def f(db, i, bot_id):\n    order = await db.get(Order, i)\n    assert order.bot_id == bot_id\n    return order\n", MODELS),
    )  # fmt: skip
