"""A joined table, subquery or EXISTS without the tenant beside a table that has it.

What it does
------------
Finds tenants' tables that come into a statement by a join, an alias, a comma join in the condition, a subquery, a CTE or an EXISTS, and that
nothing holds to one tenant, although the statement's main table is held.

Why is this bad?
----------------
The statement has its `WHERE tenant = …`, so it looks right; but the other table brings in the rows of all tenants: as columns, as counts, or
as the reason why a row is there.

Example
-------
    async def f(db, bot_id):
        return await db.execute(select(User, Coupon).join(Coupon, Coupon.email == User.email).where(User.bot_id == bot_id))

Use instead
-----------
    async def f(db, bot_id):
        same = and_(Coupon.email == User.email, Coupon.bot_id == User.bot_id)
        return await db.execute(select(User, Coupon).join(Coupon, same).where(User.bot_id == bot_id))

Not reported
------------
`Coupon.bot_id == User.bot_id` or `Coupon.bot_id == bot_id` in ON or WHERE; a join along a foreign key or a relationship to a table that is
held; an EXISTS or subquery tied so to the statement around it; a subquery whose rows are filtered outside. The main table is TQ1's,
and where it is open itself only TQ1 reports. `IN (SELECT …)` over a foreign key of a table that is held itself is told as `info`: other
tenants' rows are read there, and then kept out.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, QueryVerdict, Rule, Scoped, Valid

MODELS = {
    "app/models.py": """\
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import DeclarativeBase, relationship

class Base(DeclarativeBase): pass

class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
    email = Column(String)
    orders = relationship("Order")

class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
    user_id = Column(ForeignKey("users.id"))
    country_id = Column(ForeignKey("countries.id"))
    code = Column(String)

class Coupon(Base):
    __tablename__ = "coupons"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
    email = Column(String)
    code = Column(String)

class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)
"""
}
FLOWS = {
    "app/flows.py": """\
from sqlalchemy import Column, Integer, String
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase): pass

class Flow(Base):
    __tablename__ = "flows"
    flow_id = Column(String, primary_key=True)
    bot_id = Column(Integer)
    title = Column(String)
    version = Column(Integer)

class Run(Base):
    __tablename__ = "runs"
    run_id = Column(String, primary_key=True)
    bot_id = Column(Integer)
    flow_id = Column(String)
    parent_flow_id = Column(String)
"""
}
HEAD = (
    "from sqlalchemy import and_, exists, func, select\nfrom sqlalchemy.orm import aliased\n"
    "from app.models import Country, Coupon, Order, User\n"
)


class UnscopedJoinedTable(Rule):
    """See the module."""

    code = "TQ5"
    name = "unscoped-joined-table"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports tables beside the main one that are not held; what is undecided as `info`."""
        for verdict in index.query_verdicts(module.path):
            if verdict.role not in ("joined", "nested") or verdict.scoped >= Scoped.OPTIONAL:
                continue
            message, severity = self._message(verdict, policy)
            yield self.found(verdict.path, verdict.span, message, severity=severity, reason=verdict.reasons)

    def _message(self, verdict: QueryVerdict, policy: Policy) -> tuple[str, Severity]:
        place = "joined" if verdict.role == "joined" else "read in a subquery"
        if verdict.scoped is Scoped.UNDECIDED:
            why = verdict.reasons[-1] if verdict.reasons else "built dynamically"
            return (
                f"cannot tell whether {verdict.entity}, {place}, is held to one tenant: {why}",
                Severity.INFO,
            )
        if verdict.scoped is Scoped.PARTIAL:
            return f"{verdict.entity} is {place}, and held to one tenant on one branch only", Severity.ERROR
        return (
            f"{verdict.entity} is {place} without a condition on {policy.column}, and nothing ties it to a table that has one",
            Severity.ERROR,
        )

    INVALID = (
        # The key that ties it is not the joined table's primary key, or not called after it.
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(Order).join(Coupon, Coupon.id == Order.user_id).where(Order.bot_id == bot_id))\n", (Expected(5, "Coupon is joined"),), MODELS),
        # Joined by something else than a key, the subquery's rows may be another tenant's.
        Invalid(HEAD + "async def f(db, bot_id):\n    counts = select(Order.code, func.count(Order.id).label('n')).group_by(Order.code).subquery()\n    return await db.execute(select(User, counts.c.n).outerjoin(counts, counts.c.code == User.code).where(User.bot_id == bot_id))\n",
                (Expected(5, "Order is read in a subquery without a condition"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).join(Coupon, Coupon.email == User.email).where(User.bot_id == bot_id))\n",
                (Expected(5, "Coupon is joined without a condition on bot_id"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).outerjoin(Coupon, Coupon.email == User.email).where(User.bot_id == bot_id))\n", (Expected(5, "Coupon is joined"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).where(User.bot_id == bot_id, Coupon.email == User.email))\n", (Expected(5, "Coupon is joined"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    Other = aliased(User)\n    return await db.execute(select(User).join(Other, Other.email == User.email).where(User.bot_id == bot_id))\n", (Expected(6, "User is joined"),), MODELS),
        # The country has no tenant, so it ties nothing.
        Invalid(HEAD + "async def f(db):\n    return await db.execute(select(Country).join(Order, Order.country_id == Country.id))\n", (Expected(5, "Order is joined"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).where(User.bot_id == bot_id, exists().where(Coupon.email == User.email)))\n",
                (Expected(5, "Coupon is read in a subquery"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    n = select(func.count(Coupon.id)).where(Coupon.email == User.email).scalar_subquery()\n    return await db.execute(select(User, n).where(User.bot_id == bot_id))\n",
                (Expected(5, "Coupon is read in a subquery"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    best = select(Coupon.email, func.max(Coupon.id).label('id')).group_by(Coupon.email).subquery()\n    return await db.execute(select(User, best.c.id).join(best, best.c.email == User.email).where(User.bot_id == bot_id))\n",
                (Expected(5, "Coupon is read in a subquery"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    codes = select(Coupon.code).cte('codes')\n    return await db.execute(select(Order).where(Order.bot_id == bot_id, Order.code.in_(select(codes.c.code))))\n",
                (Expected(5, "Coupon is read in a subquery"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(Order).where(Order.bot_id == bot_id, Order.code.in_(select(Coupon.code))))\n", (Expected(5, "Coupon is read in a subquery"),), MODELS),
        Invalid(HEAD + "def f(session, bot_id):\n    return session.query(User).join(Coupon, Coupon.email == User.email).filter(User.bot_id == bot_id).all()\n", (Expected(5, "Coupon is joined"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(Order).where(Order.bot_id == bot_id, Order.user_id.in_(select(User.id).where(User.email == 'x'))))\n",
                (Expected(5, "kept out by Order", Severity.INFO),), MODELS),
    )  # fmt: skip
    VALID = (
        # Primary keys that are called after their table tie rows without a declared foreign key.
        Valid("from sqlalchemy import select\nfrom app.flows import Flow, Run\nasync def f(db, bot_id):\n    return await db.execute(select(Run, Flow.title).join(Flow, Flow.flow_id == Run.flow_id).where(Run.bot_id == bot_id))\nasync def g(db, bot_id):\n    return await db.execute(select(Run).outerjoin(Flow, Flow.flow_id == Run.parent_flow_id).where(Run.bot_id == bot_id))\n", FLOWS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).join(Coupon, and_(Coupon.email == User.email, Coupon.bot_id == User.bot_id)).where(User.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).join(Coupon, Coupon.email == User.email).where(User.bot_id == bot_id, Coupon.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).outerjoin(Coupon, and_(Coupon.email == User.email, Coupon.bot_id == bot_id)).where(User.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).join(Order, Order.user_id == User.id).where(User.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).outerjoin(Order).where(User.bot_id == bot_id))\n", MODELS),
        # Rows of all tenants are counted, then the join by the key drops all but one tenant's.
        Valid(HEAD + "async def f(db, bot_id):\n    counts = select(Order.user_id, func.count(Order.id).label('n')).group_by(Order.user_id).subquery()\n    return await db.execute(select(User, counts.c.n).outerjoin(counts, counts.c.user_id == User.id).where(User.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "from sqlalchemy import cast, Integer\nasync def f(db, bot_id):\n    return await db.execute(select(User).join(Order, cast(Order.user_id, Integer) == User.id.cast(Integer)).where(User.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).join(User.orders).where(User.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).where(User.bot_id == bot_id, User.id == Order.user_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).where(User.bot_id == bot_id, exists().where(Order.user_id == User.id)))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    n = select(func.count(Order.id)).where(Order.user_id == User.id).scalar_subquery()\n    return await db.execute(select(User, n).where(User.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    n = select(func.count(Coupon.id)).where(Coupon.email == User.email, Coupon.bot_id == User.bot_id).scalar_subquery()\n    return await db.execute(select(User, n).where(User.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    last = select(Order.user_id, func.max(Order.id).label('id')).group_by(Order.user_id).subquery()\n    return await db.execute(select(User, last.c.id).join(last, last.c.user_id == User.id).where(User.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).join(Country, Country.id == User.id).where(User.bot_id == bot_id))\n", MODELS),
        # The main table is open: TQ1 says so, once.
        Valid(HEAD + "async def f(db):\n    return await db.execute(select(User).join(Coupon, Coupon.email == User.email))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    mine = select(Coupon.code).where(Coupon.bot_id == bot_id)\n    return await db.execute(select(Order).where(Order.bot_id == bot_id, Order.code.in_(mine)))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    a, b = aliased(User), aliased(Order)\n    return await db.execute(select(a).join(b, b.user_id == a.id).where(a.bot_id == bot_id))\n", MODELS),
    )  # fmt: skip
