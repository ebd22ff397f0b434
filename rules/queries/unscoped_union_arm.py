"""One arm of a UNION reads a tenant's table without the tenant.

What it does
------------
Looks at every arm of `union(…)`, `union_all(…)`, `intersect(…)`, `except_(…)` and `query.union(…)`, and finds those that are not held to
one tenant.

Why is this bad?
----------------
The other arms are filtered, so the statement looks right and its tests pass; the rows of all tenants come in through the arm that is not.

Example
-------
    async def feed(db, bot_id):
        paid = select(Order.id).where(Order.bot_id == bot_id)
        free = select(Gift.id)
        return await db.execute(union_all(paid, free))

Use instead
-----------
    async def feed(db, bot_id):
        paid = select(Order.id).where(Order.bot_id == bot_id)
        free = select(Gift.id).where(Gift.bot_id == bot_id)
        return await db.execute(union_all(paid, free))

Not reported
------------
A UNION whose rows are filtered by the tenant column outside, where it is used as a subquery; what other rules on queries take as held:
filters that come later, helpers, joins along foreign keys, sessions that row level security holds.
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
HEAD = "from sqlalchemy import func, select, union, union_all\nfrom app.models import Country, Order, User\n"


class UnscopedUnionArm(Rule):
    """See the module."""

    code = "TQ6"
    name = "unscoped-union-arm"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports arms that are not held; what is undecided as `info`."""
        for verdict in index.query_verdicts(module.path):
            if verdict.role != "arm" or verdict.scoped >= Scoped.OPTIONAL:
                continue
            if verdict.scoped is Scoped.UNDECIDED:
                why = verdict.reasons[-1] if verdict.reasons else "built dynamically"
                message = f"cannot tell whether this arm of a UNION, of {verdict.entity}, is held to one tenant: {why}"
                severity = Severity.INFO
            elif verdict.scoped is Scoped.PARTIAL:
                message = f"this arm of a UNION holds {verdict.entity} to one tenant on one branch only"
                severity = Severity.ERROR
            else:
                message = f"this arm of a UNION reads {verdict.entity} without a condition on {policy.column}"
                severity = Severity.ERROR
            yield self.found(verdict.path, verdict.span, message, severity=severity, reason=verdict.reasons)

    INVALID = (
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(union_all(select(User.id).where(User.bot_id == bot_id), select(Order.id)))\n",
                (Expected(4, "this arm of a UNION reads Order without a condition on bot_id"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    a = select(User.id).where(User.bot_id == bot_id)\n    b = select(Order.id)\n    both = union(a, b).subquery()\n    return await db.execute(select(func.count()).select_from(both))\n",
                (Expected(5, "reads Order"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    a = select(User.id)\n    return await db.execute(a.union(select(Order.id).where(Order.bot_id == bot_id)))\n", (Expected(4, "reads User"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    a = select(User.id).where(User.bot_id == bot_id)\n    return await db.execute(a.union_all(select(Order.id)))\n", (Expected(5, "reads Order"),), MODELS),
        Invalid(HEAD + "def f(session, bot_id):\n    a = session.query(User.id).filter_by(bot_id=bot_id)\n    b = session.query(Order.id)\n    return a.union(b).all()\n", (Expected(5, "reads Order"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id, x):\n    a = select(User.id).where(User.bot_id == bot_id)\n    b = select(Order.id)\n    if x:\n        b = b.where(Order.bot_id == bot_id)\n    return await db.execute(union_all(a, b))\n",
                (Expected(5, "on one branch only"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    parts = [select(User.id).where(User.bot_id == bot_id), select(Order.id)]\n    return await db.execute(union_all(*parts))\n",
                (Expected(4, "reads Order"),), MODELS),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(union_all(select(User.id).where(User.bot_id == bot_id), select(Order.id).where(Order.bot_id == bot_id)))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(union_all(select(User.id).where(User.bot_id == bot_id), select(Country.id)))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    both = union_all(select(User.id, User.bot_id), select(Order.id, Order.bot_id)).subquery()\n    return await db.execute(select(both.c.id).where(both.c.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(Order.id).join(User).where(User.bot_id == bot_id).union(select(User.id).where(User.bot_id == bot_id)))\n", MODELS),
        # Not a UNION: TQ1's.
        Valid(HEAD + "async def f(db):\n    return await db.execute(select(Order.id))\n", MODELS),
    )  # fmt: skip
