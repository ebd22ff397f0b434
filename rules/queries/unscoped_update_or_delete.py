"""UPDATE or DELETE of a tenant's table without the tenant.

What it does
------------
Finds `update(…)` and `delete(…)`, Core and ORM, `table.update()`, and the legacy `query(…).update()` and `.delete()`, on a tenant's
table where nothing holds the changed rows to one tenant.

Why is this bad?
----------------
One tenant's request changes or removes rows of all others, and there is no taking it back.

Example
-------
    async def close(db, ticket_id):
        await db.execute(update(Ticket).where(Ticket.id == ticket_id).values(status="closed"))

Use instead
-----------
    async def close(db, ticket_id, bot_id):
        await db.execute(update(Ticket).where(Ticket.id == ticket_id, Ticket.bot_id == bot_id).values(status="closed"))

Not reported
------------
A condition that comes later, from a helper or a list; a condition on a foreign key to rows that are held to one tenant; a
session of the policy's `session_factories`, which row level security holds; a statement with `# GLOBAL_QUERY: reason`. A change on
one branch only, or one skipped when the tenant is None, is reported. What cannot be decided is told as `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Scoped, Valid

MODELS = {
    "app/models.py": """\
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase): pass

class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
    email = Column(String)

class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
    user_id = Column(ForeignKey("users.id"))

class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)

links = Table("links", MetaData(), Column("id", Integer), Column("bot_id", Integer))
"""
}
LISTENER = """\
from sqlalchemy import event
from sqlalchemy.orm import Session, with_loader_criteria
from app.models import Base
from app.tenancy import require_current_tenant

@event.listens_for(Session, "do_orm_execute")
def add(state):
    bot_id = require_current_tenant()
    state.statement = state.statement.options(with_loader_criteria(Base, lambda cls: cls.bot_id == bot_id, include_aliases=True))
"""
HEAD = "from sqlalchemy import delete, select, update\nfrom app.models import Country, Order, User, links\n"


class UnscopedUpdateOrDelete(Rule):
    """See the module."""

    code = "TQ3"
    name = "unscoped-update-or-delete"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports changes whose own table is not held; what is undecided as `info`."""
        for verdict in index.query_verdicts(module.path):
            if verdict.kind not in ("update", "delete") or verdict.role != "main":
                continue
            verb = verdict.kind.upper()
            if verdict.scoped is Scoped.NO:
                message = (
                    f"{verb} of {verdict.entity} is not held to one tenant: no condition on {policy.column}"
                )
                yield self.found(verdict.path, verdict.span, message, reason=verdict.reasons)
            elif verdict.scoped is Scoped.PARTIAL:
                message = f"{verb} of {verdict.entity} is held to one tenant on one branch only"
                yield self.found(verdict.path, verdict.span, message, reason=verdict.reasons)
            elif verdict.scoped is Scoped.UNDECIDED:
                why = verdict.reasons[-1] if verdict.reasons else "built dynamically"
                message = f"cannot tell whether this {verb} of {verdict.entity} is held to one tenant: {why}"
                yield self.found(
                    verdict.path, verdict.span, message, severity=Severity.INFO, reason=verdict.reasons
                )

    INVALID = (
        # What runs on a connection passes the session's listeners by.
        Invalid(HEAD + "async def f(conn):\n    await conn.execute(delete(User))\n", (Expected(4, "DELETE of User"),), {**MODELS, "app/guard.py": LISTENER}),
        Invalid(HEAD + "async def f(db):\n    await db.execute(delete(User))\n", (Expected(4, "DELETE of User"),), {**MODELS, "app/guard.py": LISTENER.replace("    bot_id", "    if not state.is_select:\\n        return\\n    bot_id")}),
        Invalid(HEAD + "async def f(db, i):\n    await db.execute(update(User).where(User.id == i).values(email=''))\n",
                (Expected(4, "UPDATE of User is not held to one tenant: no condition on bot_id"),), MODELS),
        Invalid(HEAD + "async def f(db, i):\n    await db.execute(delete(User).where(User.id == i))\n", (Expected(4, "DELETE of User"),), MODELS),
        Invalid(HEAD + "async def f(db):\n    await db.execute(delete(Order))\n", (Expected(4, "DELETE of Order"),), MODELS),
        Invalid(HEAD + "def old(session, i):\n    session.query(User).filter(User.id == i).update({'email': ''})\n", (Expected(4, "UPDATE of User"),), MODELS),
        Invalid(HEAD + "def old(session, i):\n    session.query(User).filter_by(id=i).delete()\n", (Expected(4, "DELETE of User"),), MODELS),
        Invalid(HEAD + "def old(session, i):\n    q = session.query(Order).filter(Order.id == i)\n    n = q.count()\n    q.delete(synchronize_session=False)\n    return n\n",
                (Expected(4, "DELETE of Order"),), MODELS),
        Invalid(HEAD + "async def core(conn, i):\n    await conn.execute(links.update().where(links.c.id == i).values(id=3))\n", (Expected(4, "UPDATE of links"),), MODELS),
        Invalid(HEAD + "async def core(conn):\n    await conn.execute(links.delete())\n", (Expected(4, "DELETE of links"),), MODELS),
        Invalid(HEAD + "async def core(conn, i):\n    await conn.execute(User.__table__.delete().where(User.__table__.c.id == i))\n", (Expected(4, "DELETE of User"),), MODELS),
        Invalid("from sqlalchemy import delete as sql_delete, update as sql_update\nfrom app.models import User\nasync def f(db, i):\n    await db.execute(sql_delete(User).where(User.id == i))\n    await db.execute(sql_update(User).values(email=i))\n",
                (Expected(4, "DELETE of User"), Expected(5, "UPDATE of User")), MODELS),
        Invalid(HEAD + "async def f(db, bot_id, i):\n    q = update(User).values(email='')\n    if i:\n        q = q.where(User.bot_id == bot_id)\n    await db.execute(q)\n",
                (Expected(4, "on one branch only"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    await db.execute(update(User).values(bot_id=bot_id))\n", (Expected(4, "UPDATE of User"),), MODELS),
        Invalid(HEAD + "async def f(db, conditions):\n    await db.execute(delete(User).where(*conditions))\n", (Expected(4, "built elsewhere", Severity.INFO),), MODELS),
        Invalid(HEAD + "async def f(db, ids):\n    mine = select(User.id).where(User.id.in_(ids))\n    await db.execute(delete(Order).where(Order.user_id.in_(mine)))\n",
                (Expected(5, "DELETE of Order"),), MODELS),
        # The class of a loaded row is its table; where the row's type is not told, neither is the table.
        Invalid(HEAD + "async def f(db, order: Order):\n    await db.execute(delete(order.__class__).where(order.__class__.user_id == 3))\n    await db.execute(delete(type(order)))\n",
                (Expected(4, "DELETE of Order"), Expected(5, "DELETE of Order")), MODELS),
        Invalid(HEAD + "async def f(db, load):\n    row = await load(db)\n    await db.execute(update(row.__class__).where(row.__class__.id == row.id).values(email=''))\n",
                (Expected(5, "cannot be told from the text", Severity.INFO),), MODELS),
        # The row was loaded before, so what it comes to was settled there.
        Invalid(HEAD + "async def f(db, order: Order):\n    await db.execute(update(Order).where(Order.id == order.id).values(user_id=3))\n",
                (Expected(4, "it names the row that order holds", Severity.INFO),), MODELS),
    )  # fmt: skip
    VALID = (
        # A listener of the session adds the tenant to each statement.
        Valid(HEAD + "async def f(db):\n    await db.execute(delete(User))\n", {**MODELS, "app/guard.py": LISTENER}),
        Valid(HEAD + "async def f(db, order: Order, bot_id):\n    await db.execute(delete(type(order)).where(type(order).bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, row: Country):\n    await db.execute(delete(row.__class__))\n", MODELS),
        Valid(HEAD + "async def f(db, i, bot_id):\n    await db.execute(update(User).where(User.id == i, User.bot_id == bot_id).values(email=''))\n", MODELS),
        Valid(HEAD + "async def f(db, i, bot_id):\n    q = delete(User).where(User.id == i)\n    q = q.where(User.bot_id == bot_id)\n    await db.execute(q)\n", MODELS),
        Valid(HEAD + "def old(session, i, bot_id):\n    session.query(User).filter_by(id=i, bot_id=bot_id).delete()\n    session.query(User).filter(User.bot_id == bot_id).update({'email': ''})\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    mine = select(User.id).where(User.bot_id == bot_id)\n    await db.execute(delete(Order).where(Order.user_id.in_(mine)))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    await db.execute(delete(Order).where(Order.user_id == User.id, User.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, i):\n    await db.execute(update(Country).where(Country.id == i).values(id=3))\n", MODELS),
        Valid(HEAD + "async def core(conn, i, bot_id):\n    await conn.execute(links.update().where(links.c.bot_id == bot_id).values(id=3))\n", MODELS),
        Valid(HEAD + "from app.tenancy import get_tenant_session\nasync def f(bot_id):\n    async with get_tenant_session(bot_id) as db:\n        await db.execute(delete(Order))\n", MODELS),
        Valid(HEAD + "async def f(db):\n    # GLOBAL_QUERY: the nightly clean-up is for all bots\n    await db.execute(delete(Order))\n", MODELS),
        Valid(HEAD + "def f(cache, data, session, user):\n    data.update({'a': 1})\n    cache.delete('k')\n    session.delete(user)\n    links.update({1: 2})\n", MODELS),
    )  # fmt: skip
