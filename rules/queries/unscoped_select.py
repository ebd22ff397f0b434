"""A select of a tenant's table that is not held to one tenant.

What it does
------------
Follows every `select(…)` and legacy `session.query(…)` of a table with the tenant column through assignments, branches,
lists of conditions and helper functions to where it is run, and reports those of which no condition compares the tenant.

Why is this bad?
----------------
Such a query reads the rows of every tenant. A lookup by primary key is no exception: whoever guesses or is given another
tenant's id gets its row. A filter on one branch only leaks on the other.

Example
-------
    async def get_user(db, user_id):
        return await db.scalar(select(User).where(User.id == user_id))

Use instead
-----------
    async def get_user(db, user_id, bot_id):
        return await db.scalar(select(User).where(User.id == user_id, User.bot_id == bot_id))

Not reported
------------
A filter that comes later, from a helper, a list of conditions or `tenant.in_(…)`; a join along a foreign key to a table that is
held to one tenant; a session of the policy's `session_factories`, which row level security holds; a table without the tenant
column that the policy does not list; a statement with `# GLOBAL_QUERY: reason`. What cannot be decided is told as `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy, TablePolicy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Scoped, Valid

MODELS = {
    "app/models.py": """\
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import DeclarativeBase, relationship

class Base(DeclarativeBase): pass

class TenantMixin:
    bot_id = Column(Integer, nullable=False)

class User(TenantMixin, Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    email = Column(String)
    orders = relationship("Order")

class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
    user_id = Column(ForeignKey("users.id"))
    country_id = Column(ForeignKey("countries.id"))

class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)
"""
}
REPOSITORY = {
    **MODELS,
    "app/repository.py": """\
from typing import Self
from sqlalchemy import select

class RepositoryBase[M]:
    model: type[M]

    def __init__(self, session): self.session = session

    @classmethod
    def from_session(cls, session) -> Self:
        return cls(session)

    def get_base_statement(self):
        return select(self.model)

class SoftDeletion[M]:
    def get_base_statement(self, *, deleted=False):
        statement = super().get_base_statement()
        if not deleted:
            statement = statement.where(self.model.deleted_at.is_(None))
        return statement
""",
}
SCOPED_REPOSITORY = (
    "from app.models import User\nfrom app.repository import RepositoryBase, SoftDeletion\n"
    "class Users(SoftDeletion[User], RepositoryBase[User]):\n    model = User\n"
)
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
LINKS = {
    "app/links.py": """\
from sqlalchemy import Column, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase): pass

class Person(Base):
    __tablename__ = "persons"
    id = Column(Integer, primary_key=True)

class Link(Base):
    __tablename__ = "links"
    id = Column(Integer, primary_key=True)
    user_id = Column(ForeignKey("persons.id"))
    bot_id = Column(Integer)
    role = Column(String)
    __table_args__ = (UniqueConstraint("user_id", "bot_id"),)

class Item(Base):
    __tablename__ = "items"
    id = Column(Integer, primary_key=True)
    link_id = Column(ForeignKey("links.id"))
"""
}
ITEMS = {"tables": TablePolicy(tenant=("items",))}
QUERY_LISTENER = """\
from sqlalchemy import event
from sqlalchemy.orm import Query
from app.tenancy import require_current_tenant

@event.listens_for(Query, "before_compile", retval=True)
def add(query):
    bot_id = require_current_tenant()
    return query.enable_assertions(False).filter_by(bot_id=bot_id)
"""
HEAD = "from sqlalchemy import and_, exists, func, or_, select\nfrom app.models import Country, Order, User\n"

SITES = {
    "app/sites.py": """\
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase): pass

class Tenant(Base):
    __tablename__ = "tenants"
    id = Column(Integer, primary_key=True)
    slug = Column(String)
    status = Column(String)

class Account(Base):
    __tablename__ = "accounts"
    id = Column(Integer, primary_key=True)
    bot_id = Column(ForeignKey("tenants.id"))
    email = Column(String, unique=True)
    phone = Column(String)

class Page(Base):
    __tablename__ = "pages"
    id = Column(Integer, primary_key=True)
    bot_id = Column(ForeignKey("tenants.id"))
    account_id = Column(ForeignKey("accounts.id"))
    invite_token = Column(String)
    token_type = Column(String)

class Part(Base):
    __tablename__ = "parts"
    id = Column(Integer, primary_key=True)
    account_id = Column(ForeignKey("accounts.id"))
"""
}
TENANTS = "from sqlalchemy import select\nfrom app.sites import *\n"


class UnscopedSelect(Rule):
    """See the module."""

    code = "TQ1"
    name = "unscoped-select"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports statements that are not held, or on one branch only; what is undecided as `info`."""
        for verdict in index.query_verdicts(module.path):
            if verdict.kind not in ("select", "query", "exists") or verdict.role != "main":
                continue
            what = "query" if verdict.kind == "query" else verdict.kind
            if verdict.scoped is Scoped.NO:
                message = (
                    f"{what} of {verdict.entity} is not held to one tenant: no condition on {policy.column}"
                )
                yield self.found(verdict.path, verdict.span, message, reason=verdict.reasons)
            elif verdict.scoped is Scoped.PARTIAL:
                message = f"{what} of {verdict.entity} is held to one tenant on one branch only"
                yield self.found(verdict.path, verdict.span, message, reason=verdict.reasons)
            elif verdict.scoped is Scoped.UNDECIDED:
                why = verdict.reasons[-1] if verdict.reasons else "built dynamically"
                message = f"cannot tell whether this {what} of {verdict.entity} is held to one tenant: {why}"
                yield self.found(
                    verdict.path, verdict.span, message, severity=Severity.INFO, reason=verdict.reasons
                )

    INVALID = (
        # The person who asks: their own rows, and the row that belongs to them.
        Invalid(HEAD + "async def f(db, current_user):\n    return await db.scalars(select(Order).where(Order.user_id == current_user.id))\n", (Expected(4, "Order", Severity.INFO),), MODELS),
        Invalid(HEAD + "async def f(db, key, current_user):\n    row = (await db.execute(select(Order).where(Order.id == key))).scalar_one()\n    if row.user_id != current_user.id:\n        raise LookupError\n    return row\n", (Expected(4, "user_id is compared with the person", Severity.INFO),), MODELS),
        Invalid(HEAD + "import jwt\nasync def who(db, token):\n    return await db.scalar(select(User).where(User.id == jwt.decode(token, 's')['sub']))\n", (Expected(5, "token was made for", Severity.INFO),), MODELS),
        Invalid(TENANTS + "async def f(db, key):\n    return await db.scalar(select(Account).where(Account.stripe_customer_id == key))\n", (Expected(4, "payment system", Severity.INFO),), SITES),
        # The table is an attribute of the object, whatever it is called.
        Invalid(HEAD + "class Dao:\n    def __init__(self, OrderDBE):\n        self.OrderDBE = OrderDBE\n    async def one(self, db, key):\n        return await db.scalar(select(self.OrderDBE).where(self.OrderDBE.id == key))\ndao = Dao(OrderDBE=Order)\n", (Expected(7, "select of Order"),), MODELS),
        Invalid(HEAD + "async def f(db, user: User):\n    return await db.scalars(select(Order).where(Order.user == user))\n", (Expected(4, "User in hand", Severity.INFO),), {"app/models.py": MODELS["app/models.py"].replace("    country_id =", "    user = relationship(\"User\")\n    country_id =")}),
        Invalid(HEAD + "from pydantic import BaseModel\nclass OrderDto(BaseModel):\n    id: int\nasync def f(db, item: OrderDto):\n    return await db.scalars(select(Order).where(Order.id == item.id))\n", (Expected(7, "id of OrderDto", Severity.INFO),), MODELS),
        Invalid(HEAD + "async def f(db, new):\n    kind = Order if new else User\n    return await db.scalars(select(kind).where(kind.id == 1))\n", (Expected(5, "select of Order"), Expected(5, "select of User")), MODELS),
        Invalid(HEAD + "async def admin_every(db):\n    return await db.scalars(select(Order))\n", (Expected(4, "platform's own staff", Severity.INFO),), MODELS),
        Invalid(HEAD + "async def delete_expired(db, before):\n    return await db.scalars(select(Order).where(Order.made < before))\n", (Expected(4, "background", Severity.INFO),), MODELS),
        Invalid(TENANTS + "async def f(db, prefix):\n    return await db.scalar(select(ApiKey).where(ApiKey.prefix == prefix))\n", (Expected(4, "by its prefix", Severity.INFO),), {"app/sites.py": SITES["app/sites.py"] + "\nclass ApiKey(Base):\n    __tablename__ = 'api_keys'\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer)\n    prefix = Column(String)\n"}, path="app/checked.py"),
        # Only a test calls what hands the statement out, and tests are not checked.
        Invalid(HEAD + "def every(db):\n    return db.query(User)\n", (Expected(4, "query of User"),), {**MODELS, "tests/test_users.py": "from app.checked import every\ndef test(db):\n    assert every(db)\n"}, {"unchecked_paths": ("tests/**",)}),
        # The session is what a call gives, and runs what it is handed.
        Invalid(HEAD + "class Users:\n    async def total(self):\n        async with self._sessions() as session:\n            return await session.scalar(select(func.count()).select_from(User))\n", (Expected(6, "select of User"),), MODELS),
        # The row of a tenant that nothing names holds nothing.
        Invalid(TENANTS + "async def f(db):\n    return await db.execute(select(Page, Tenant.status).join(Tenant, Tenant.id == Page.bot_id))\n", (Expected(4, "select of Page"),), SITES),
        Invalid(TENANTS + "async def f(db):\n    return await db.execute(select(Page).join(Tenant, Tenant.id == Page.bot_id).where(Tenant.status == 'on'))\n", (Expected(4, "select of Page"),), SITES),
        # Its key is a row's in hand, or what was read just before: told as what it hangs on.
        Invalid(HEAD + "async def f(db, user: User):\n    return await db.scalars(select(Order).where(Order.user_id == user.id))\n", (Expected(4, "id of User", Severity.INFO),), MODELS),
        Invalid(HEAD + "async def f(db, user: User, bot_id):\n    return await db.scalars(select(Order).where(Order.user_id == user.id))\n", (Expected(4, "id of User", Severity.INFO),), MODELS),
        Invalid(HEAD + "async def f(db, users: list[User]):\n    return await db.scalars(select(Order).where(Order.user_id.in_([item.id for item in users])))\n", (Expected(4, "id of User", Severity.INFO),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    ids = (await db.execute(select(User.id).where(User.bot_id == bot_id))).scalars().all()\n    return await db.scalars(select(Order).where(Order.user_id.in_(ids)))\n", (Expected(5, "line 4 read", Severity.INFO),), MODELS),
        Invalid(HEAD + "from dataclasses import dataclass\n@dataclass\nclass Work:\n    id: int\nasync def f(db, item: Work):\n    return await db.scalars(select(Order).where(Order.id == item.id))\n", (Expected(8, "id of Work", Severity.INFO),), MODELS),
        Invalid(HEAD + "from pydantic import BaseModel\nclass OrderUpdate(BaseModel):\n    id: int\nasync def f(db, item: OrderUpdate):\n    return await db.scalars(select(Order).where(Order.id == item.id))\n", (Expected(7, "select of Order"),), MODELS),
        Invalid(HEAD + "async def f(db, country: Country):\n    return await db.scalars(select(Order).where(Order.country_id == country.id))\n", (Expected(4, "select of Order"),), MODELS),
        Invalid(HEAD + "async def one(db, order_id):\n    return await db.scalar(select(Order).where(Order.id == order_id))\nasync def g(db, order: Order):\n    return await one(db, order.id)\n", (Expected(4, "every caller hands in", Severity.INFO),), MODELS),
        Invalid(HEAD + "async def one(db, order_id):\n    return await db.scalar(select(Order).where(Order.id == order_id))\nasync def g(db, order: Order):\n    return await one(db, order.id)\nasync def h(db, sent):\n    return await one(db, sent)\n", (Expected(4, "select of Order"),), MODELS),
        # Every caller compares the tenant; one does not.
        Invalid(HEAD + "async def one(db, key):\n    return (await db.execute(select(Order).where(Order.id == key))).scalar_one()\nasync def g(db, key, bot_id):\n    row = await one(db, key)\n    if row.bot_id != bot_id:\n        raise LookupError\n    return row\n", (Expected(4, "every caller that is seen compares", Severity.INFO),), MODELS),
        Invalid(HEAD + "async def one(db, key):\n    return (await db.execute(select(Order).where(Order.id == key))).scalar_one()\nasync def g(db, key, bot_id):\n    row = await one(db, key)\n    if row.bot_id != bot_id:\n        raise LookupError\n    return row\nasync def h(db, key):\n    return await one(db, key)\n", (Expected(4, "select of Order"),), MODELS),
        # By a secret; by what a login knows; by the person's links to tenants.
        Invalid(TENANTS + "async def f(db, token):\n    return await db.scalar(select(Page).where(Page.invite_token == token))\n", (Expected(4, "invite_token", Severity.INFO),), SITES),
        Invalid(TENANTS + "async def f(db, token, bot_id):\n    return await db.scalar(select(Page).where(Page.invite_token == token))\n", (Expected(4, "select of Page"),), SITES),
        Invalid(TENANTS + "async def f(db, kind):\n    return await db.scalar(select(Page).where(Page.token_type == kind))\n", (Expected(4, "select of Page"),), SITES),
        Invalid(TENANTS + "async def f(db, email):\n    return await db.scalar(select(Account).where(Account.email == email))\n", (Expected(4, "as a login does", Severity.INFO),), SITES),
        Invalid(TENANTS + "async def f(db, email):\n    return await db.scalar(select(Account).where(Account.phone == email))\n", (Expected(4, "select of Account"),), SITES),
        Invalid("from sqlalchemy import select\nfrom app.links import Link, Note\nasync def f(db, user_id):\n    return await db.scalars(select(Note).join(Link, Link.bot_id == Note.bot_id).where(Link.user_id == user_id))\n", (Expected(4, "tenants of one person", Severity.INFO),),
                {"app/links.py": LINKS["app/links.py"] + "\nclass Note(Base):\n    __tablename__ = 'notes'\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer)\n"}),
        # A worker goes through all tenants; whoever names a tenant there forgot it, and so did who is asked by a request.
        Invalid(HEAD + "class OrderWorker:\n    async def run(self, db):\n        return await sweep(db)\nasync def sweep(db):\n    return await db.scalars(select(Order))\n", (Expected(7, "background", Severity.INFO),), MODELS),
        Invalid(HEAD + "class OrderWorker:\n    async def run(self, db, bot_id):\n        return await db.scalars(select(Order))\n", (Expected(5, "select of Order"),), MODELS),
        Invalid(HEAD + "class OrderWorker:\n    async def run(self, db):\n        return await sweep(db)\nasync def sweep(db):\n    return await db.scalars(select(Order))\nasync def every(db):\n    return await sweep(db)\n", (Expected(7, "select of Order"),), MODELS),
        # What a listener for legacy queries adds, a select does not get; and an alias gets nothing without include_aliases.
        Invalid(HEAD + "async def f(db):\n    await db.execute(select(User))\n", (Expected(4, "select of User"),), {**MODELS, "app/guard.py": QUERY_LISTENER}),
        Invalid(HEAD + "from sqlalchemy.orm import aliased\nasync def f(db):\n    other = aliased(User)\n    await db.execute(select(other))\n", (Expected(6, "select of User"),), {**MODELS, "app/guard.py": LISTENER.replace(", include_aliases=True", "")}),
        # Which tenants a person belongs to is asked before any tenant is known.
        Invalid("from sqlalchemy import select\nfrom app.links import BotMember\nasync def f(db, email):\n    return await db.scalars(select(BotMember).where(BotMember.email == email))\n", (Expected(4, "asked for one person's", Severity.INFO),),
                {"app/links.py": "from sqlalchemy import Column, Integer, String\nfrom sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass\nclass BotMember(Base):\n    __tablename__ = 'bot_members'\n    email = Column(String, primary_key=True)\n    bot_id = Column(Integer, primary_key=True)\n"}),
        Invalid(HEAD + "async def f(db, who):\n    q = select(User)\n    if is_bot(who):\n        q = q.where(User.bot_id == who.id)\n    elif is_owner(who):\n        q = q.where(User.id == who.id)\n    await db.execute(q)\n", (Expected(4, "on one branch only"),), MODELS),
        Invalid(HEAD + "async def f(db, who, whom):\n    q = select(User)\n    if is_bot(who):\n        q = q.where(User.bot_id == who.id)\n    elif is_owner(whom):\n        q = q.where(User.bot_id.in_(who.bots))\n    await db.execute(q)\n", (Expected(4, "on one branch only"),), MODELS),
        Invalid(HEAD + "async def f(db, who):\n    q = select(User)\n    if is_bot(who):\n        q = q.where(User.bot_id == who.id)\n    await db.execute(q)\n", (Expected(4, "on one branch only"),), MODELS),
        # What runs on a connection passes the session's listeners by.
        Invalid(HEAD + "async def f(conn):\n    await conn.execute(select(User))\n", (Expected(4, "select of User"),), {**MODELS, "app/guard.py": LISTENER}),
        # Who has the tenant in hand and leaves it out forgot it.
        Invalid("from sqlalchemy import select\nfrom app.links import Link\nasync def f(db, user_id, bot_id):\n    return await db.scalar(select(Link).where(Link.user_id == user_id))\n", (Expected(4, "select of Link"),), LINKS),
        Invalid(HEAD + "def require_admin(user):\n    if not user.is_superuser:\n        raise PermissionError\nasync def every(db, user, bot_id):\n    require_admin(user)\n    return await db.scalars(select(Order))\n", (Expected(8, "select of Order"),), MODELS),
        # The tenant of what it loads is compared afterwards; another column compared is no such thing.
        Invalid(HEAD + "async def f(db, code, bot_id):\n    row = (await db.execute(select(Order).where(Order.code == code))).scalar_one()\n    if row.bot_id != bot_id:\n        raise LookupError\n    return row\n", (Expected(4, "compared afterwards", Severity.INFO),), MODELS),
        Invalid(HEAD + "class Repo:\n    async def f(self, db, code, ctx):\n        row = await db.scalar(select(Order).where(Order.code == code))\n        self.check_access(ctx, row.bot_id)\n        return row\n", (Expected(5, "compared afterwards", Severity.INFO),), MODELS),
        Invalid(HEAD + "async def f(db, code, bot_id):\n    row = (await db.execute(select(Order).where(Order.code == code))).scalar_one()\n    if row.id != bot_id:\n        raise LookupError\n    return row\n", (Expected(4, "select of Order"),), MODELS),
        # A table that says which persons belong to which tenants.
        Invalid("from sqlalchemy import select\nfrom app.links import Link\nasync def f(db, user_id):\n    return await db.scalars(select(Link).where(Link.user_id == user_id))\n", (Expected(4, "links of one row to its tenants", Severity.INFO),), LINKS),
        Invalid("from sqlalchemy import select\nfrom app.links import Link\nasync def f(db, role):\n    return await db.scalars(select(Link).where(Link.role == role))\n", (Expected(4, "select of Link"),), LINKS),
        # A table without the column, asked for what belongs to one row of a table that has it.
        Invalid("from sqlalchemy import select\nfrom app.links import Item\nasync def f(db, link_id):\n    return await db.scalars(select(Item).where(Item.link_id == link_id))\n", (Expected(4, "belongs to one Link", Severity.INFO),), LINKS, policy=ITEMS),
        Invalid("from sqlalchemy import select\nfrom app.links import Item\nasync def f(db, item_id):\n    return await db.scalars(select(Item).where(Item.id == item_id))\n", (Expected(4, "select of Item"),), LINKS, policy=ITEMS),
        Invalid("from sqlalchemy import select\nfrom app.links import Item, Link\nasync def f(db, link_id):\n    return await db.scalars(select(Item).join(Link, Link.id == Item.link_id).where(Item.link_id == link_id))\n", (Expected(4, "select of Item"),), LINKS, policy=ITEMS),
        # Only the platform's own staff comes to it.
        Invalid(HEAD + "from fastapi import APIRouter, Depends\nrouter = APIRouter()\ndef superuser(): ...\nasync def every(db):\n    return await db.scalars(select(Order))\n@router.get('/all', dependencies=[Depends(superuser)])\nasync def all_orders(db):\n    return await every(db)\n", (Expected(7, "platform's own staff", Severity.INFO),), MODELS),
        Invalid(HEAD + "def require_admin(user):\n    if not user.is_superuser:\n        raise PermissionError\nasync def every(db, user):\n    require_admin(user)\n    return await db.scalars(select(Order))\nasync def some(db):\n    return await db.scalars(select(User))\n", (Expected(8, "platform's own staff", Severity.INFO), Expected(10, "select of User")), MODELS),
        # A held subquery holds what is tied to it by equal tenants, but not over an outer join, and not by another column.
        Invalid(HEAD + "async def f(db, bot_id):\n    newest = select(Order.bot_id, func.max(Order.id).label('m')).where(Order.bot_id == bot_id).group_by(Order.bot_id).subquery()\n    return await db.execute(select(User).outerjoin(newest, User.bot_id == newest.c.bot_id))\n", (Expected(5, "select of User"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    newest = select(Order.code, func.max(Order.id).label('m')).where(Order.bot_id == bot_id).group_by(Order.code).subquery()\n    return await db.execute(select(User).join(newest, User.email == newest.c.code))\n", (Expected(5, "select of User"),), MODELS),
        # Defined twice: the name means the second, and the first is checked all the same.
        Invalid(HEAD + "def one(db):\n    return db.scalar(select(User))\ndef one(db, bot_id):\n    return db.scalar(select(User).where(User.bot_id == bot_id))\n", (Expected(4, "select of User"),), MODELS),
        Invalid(HEAD + "class Box:\n    @property\n    def user(self):\n        return self.db.scalar(select(User))\n    @user.setter\n    def user(self, value):\n        self.value = value\n", (Expected(6, "select of User"),), MODELS),
        # The session is what a call gives.
        Invalid("from sqlalchemy.orm import Session\nfrom app.models import User\ndef f(engine):\n    with Session(engine) as session:\n        return session.query(User).filter().count()\n", (Expected(5, "query of User"),), MODELS),
        Invalid("from app.db import SessionLocal\nfrom app.models import User\ndef f():\n    session = SessionLocal()\n    return session.query(User.email).all()\n", (Expected(5, "query of User"),), MODELS),
        Invalid(HEAD + "async def get(db, user_id):\n    return await db.scalar(select(User).where(User.id == user_id))\n",
                (Expected(4, "select of User is not held to one tenant: no condition on bot_id"),), MODELS),
        Invalid(HEAD + "async def one(db, bot_id, status):\n    q = select(User)\n    if status:\n        q = q.where(User.bot_id == bot_id)\n    return await db.execute(q)\n",
                (Expected(4, "on one branch only"),), MODELS),
        Invalid(HEAD + "def old(session, user_id):\n    return session.query(User).filter(User.id == user_id).first()\n",
                (Expected(4, "query of User"),), MODELS),
        Invalid(HEAD + "async def count(db):\n    return await db.scalar(select(func.count(Order.id)))\n", (Expected(4, "select of Order"),), MODELS),
        Invalid(HEAD + "async def count(db):\n    return await db.scalar(select(func.count()).select_from(User))\n", (Expected(4, "select of User"),), MODELS),
        # An outer join's ON holds the joined table only.
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).outerjoin(Order, and_(Order.user_id == User.id, Order.bot_id == bot_id)))\n",
                (Expected(4, "select of User"),), MODELS),
        # Joined to a scoped table, but not along a foreign key: another tenant's rows match too.
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(Order).join(User, User.email == Order.id).where(User.bot_id == bot_id))\n",
                (Expected(4, "select of Order"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id, x):\n    return await db.execute(select(User).where(or_(User.bot_id == bot_id, User.id == x)))\n",
                (Expected(4, "select of User"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).where(User.bot_id != bot_id))\n", (Expected(4, "select of User"),), MODELS),
        # A helper builds it, and nobody adds the tenant: reported where it is built.
        Invalid(HEAD + "def base():\n    return select(User)\n\nasync def f(db):\n    return await db.execute(base().limit(3))\n", (Expected(4, "select of User"),), MODELS),
        Invalid(HEAD + "async def f(db, conditions):\n    return await db.execute(select(User).where(*conditions))\n",
                (Expected(4, "the conditions *conditions are built elsewhere", Severity.INFO),), MODELS),
        Invalid(HEAD + "class Repo:\n    def __init__(self, model): self.model = model\n    async def all(self, db):\n        return await db.execute(select(self.model))\n",
                (Expected(6, "cannot tell", Severity.INFO),), MODELS),
        Invalid("import sqlalchemy as sa\nfrom app import models\nasync def f(db):\n    for row in await db.execute(sa.select(models.User.email)):\n        print(row)\n",
                (Expected(4, "select of User"),), {**MODELS, "app/__init__.py": ""}),
        # A legacy Query that a function hands out runs where it is iterated, or asked for its rows.
        Invalid(HEAD + "def users_of(db):\n    return db.query(User).filter(User.email == 'a')\n\ndef f(db):\n    for user in users_of(db):\n        print(user)\n",
                (Expected(4, "query of User"),), MODELS),
        Invalid(HEAD + "def users_of(db):\n    return db.query(User).filter(User.email == 'a')\n\ndef f(db):\n    return [user.id for user in users_of(db)]\n",
                (Expected(4, "query of User"),), MODELS),
        Invalid(HEAD + "def users_of(db):\n    return db.query(User).filter(User.email == 'a')\n\ndef f(db):\n    return users_of(db).all()\n",
                (Expected(4, "query of User"),), MODELS),
        # A repository's base class builds it: reported where the subclass uses it, not in the base class.
        Invalid(SCOPED_REPOSITORY + "    async def by_id(self, id):\n        return await self.session.scalar(self.get_base_statement().where(User.id == id))\n",
                (Expected(6, "select of User is not held"),), REPOSITORY),
        Invalid(SCOPED_REPOSITORY + "async def service(session, id):\n    users = Users.from_session(session)\n    return await session.scalar(users.get_base_statement().where(User.id == id))\n",
                (Expected(7, "select of User is not held"),), REPOSITORY),
        Invalid("from app.database import sql\nfrom app.models import User\nasync def f(db, id):\n    return await db.scalar(sql.select(User).where(User.id == id))\n",
                (Expected(4, "select of User"),), {**MODELS, "app/database.py": "import sqlalchemy as sql\n"}),
        Invalid("from sqlalchemy import select\nfrom app.models import User\nclass Repo[M: int](object):\n    async def f[T](self, db) -> T:\n        try:\n            return await db.scalar(select(User))\n        except KeyError, ValueError:\n            raise\n",
                (Expected(6, "select of User"),), MODELS),
        Invalid(HEAD + "from elsewhere import base\nasync def f(db, id):\n    return await db.scalar(base().where(User.id == id))\n",
                (Expected(5, "it begins with base(), which this tool cannot see", Severity.INFO),), MODELS),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "class Dao:\n    def __init__(self, OrderDBE):\n        self.OrderDBE = OrderDBE\n    async def one(self, db, key, bot_id):\n        return await db.scalar(select(self.OrderDBE).where(self.OrderDBE.id == key, self.OrderDBE.bot_id == bot_id))\ndao = Dao(OrderDBE=Order)\n", MODELS),
        Valid(TENANTS + "async def f(db, site):\n    return await db.scalars(select(Page).where(Page.site == site))\n", {"app/sites.py": SITES["app/sites.py"].replace("    invite_token =", "    site = relationship(\"Tenant\")\n    invite_token =").replace("DeclarativeBase\n", "DeclarativeBase, relationship\n")}),
        Valid(HEAD + "async def f(db, new, bot_id):\n    kind = Order if new else User\n    return await db.scalars(select(kind).where(kind.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "from sqlalchemy import tuple_\nasync def f(db, bot_id):\n    old = select(Order.bot_id, Order.id).where(Order.bot_id == bot_id).cte('old')\n    return await db.scalars(select(Order).where(tuple_(Order.bot_id, Order.id).in_(select(old.c.bot_id, old.c.id))))\n", MODELS),
        Valid("from sqlalchemy import literal, select\nfrom app.models import Country, Order\nasync def f(db):\n    return await db.execute(select(literal(1, type_=Order.__table__.c.id.type)).select_from(Country))\n", MODELS),
        # The table of the tenants names one of them.
        Valid(TENANTS + "async def f(db, slug):\n    return await db.scalars(select(Page).join(Tenant, Tenant.id == Page.bot_id).where(Tenant.slug == slug))\n", SITES),
        Valid(TENANTS + "async def f(db, key):\n    return await db.scalars(select(Page).join(Tenant).where(Tenant.id == key))\n", SITES),
        # Two rows that belong to the same row of a tenant.
        Valid(TENANTS + "async def f(db, bot_id):\n    return await db.scalars(select(Part).join(Page, Page.account_id == Part.account_id).where(Page.bot_id == bot_id))\n", SITES, {"tables": TablePolicy(tenant=("parts",))}),
        Valid(HEAD + "def f(session):\n    return session.query(User).all()\n", {**MODELS, "app/guard.py": QUERY_LISTENER}),
        Valid(HEAD + "from sqlalchemy.orm import aliased\nasync def f(db):\n    other = aliased(User)\n    await db.execute(select(other))\n", {**MODELS, "app/guard.py": LISTENER}),
        # Each kind of caller is held in its way.
        Valid(HEAD + "async def f(db, who):\n    q = select(User)\n    if is_bot(who):\n        q = q.where(User.bot_id == who.id)\n    elif is_owner(who):\n        q = q.where(User.bot_id.in_(who.bots))\n    await db.execute(q)\n", MODELS),
        Valid(HEAD + "async def f(db, who):\n    q = select(User)\n    if isinstance(who, Bot):\n        q = q.where(User.bot_id == who.id)\n    elif isinstance(who, Owner):\n        q = q.where(User.bot_id.in_(who.bots))\n    await db.execute(q)\n", MODELS),
        # A listener of the session adds the tenant to each statement.
        Valid(HEAD + "async def f(db):\n    await db.execute(select(User))\n", {**MODELS, "app/guard.py": LISTENER}),
        Valid(HEAD + "async def f(db, bot_id):\n    newest = select(Order.bot_id, func.max(Order.id).label('m')).where(Order.bot_id == bot_id).group_by(Order.bot_id).subquery()\n    return await db.execute(select(User).join(newest, (User.bot_id == newest.c.bot_id) & (User.id == newest.c.m)))\n", MODELS),
        # The tenants' own table: the tenant is its whole primary key, and points nowhere.
        Valid("from sqlalchemy import Column, Integer, String, select\nfrom sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass\nclass Bot(Base):\n    __tablename__ = 'bots'\n    bot_id = Column(Integer, primary_key=True)\n    domain = Column(String)\nasync def f(db, domain):\n    return await db.scalar(select(Bot).filter_by(domain=domain))\n"),
        # Rows that belong to no tenant are nobody's secret.
        Valid(HEAD + "async def shared(db):\n    return await db.execute(select(User).where(User.bot_id.is_(None)))\n", MODELS),
        Valid(HEAD + "async def either(db, bot_id):\n    q = select(User)\n    q = q.where(User.bot_id.is_(None)) if bot_id is None else q.where(User.bot_id == bot_id)\n    return await db.execute(q)\n", MODELS),
        Valid(HEAD + "def users_of(db):\n    return db.query(User)\n\ndef f(db, bot_id):\n    return users_of(db).filter(User.bot_id == bot_id).all()\n", MODELS),
        Valid(HEAD + "def users_of(db, bot_id):\n    return db.query(User).filter(User.bot_id == bot_id)\n\ndef f(db, bot_id):\n    for user in users_of(db, bot_id):\n        print(user)\n", MODELS),
        Valid(SCOPED_REPOSITORY + "    async def by_id(self, id, bot_id):\n        return await self.session.scalar(self.get_base_statement().where(User.id == id, User.bot_id == bot_id))\n", REPOSITORY),
        Valid(SCOPED_REPOSITORY + "async def service(session, id, bot_id):\n    users = Users.from_session(session)\n    return await session.scalar(users.get_base_statement().where(User.id == id, User.bot_id == bot_id))\n", REPOSITORY),
        Valid("from app.database import sql\nfrom app.models import User\nasync def f(db, bot_id):\n    return await db.scalar(sql.select(User).where(User.bot_id == bot_id))\n", {**MODELS, "app/database.py": "import sqlalchemy as sql\n"}),
        Valid(HEAD + "async def get(db, user_id, bot_id):\n    return await db.scalar(select(User).where(User.id == user_id, User.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def later(db, bot_id, name):\n    q = select(User)\n    if name:\n        q = q.where(User.email == name)\n    q = q.where(User.bot_id == bot_id)\n    return await db.execute(q)\n", MODELS),
        Valid(HEAD + "async def both(db, bot_id, x):\n    q = select(User)\n    if x:\n        q = q.where(User.bot_id == bot_id, User.id == x)\n    else:\n        q = q.filter_by(bot_id=bot_id)\n    return await db.execute(q)\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id, name):\n    conditions = [User.bot_id == bot_id]\n    if name:\n        conditions.append(User.email == name)\n    return await db.execute(select(User).where(*conditions))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    conditions = []\n    conditions.append(User.bot_id == bot_id)\n    return await db.execute(select(User).where(and_(*conditions)))\n", MODELS),
        Valid(HEAD + "def scoped(query, model, bot_id):\n    return query.where(model.bot_id == bot_id)\n\nasync def f(db, bot_id):\n    return await db.execute(scoped(select(User), User, bot_id))\n", MODELS),
        Valid(HEAD + "def mine(bot_id):\n    return User.bot_id == bot_id\n\nasync def f(db, bot_id):\n    return await db.execute(select(User).where(mine(bot_id)))\n", MODELS),
        Valid(HEAD + "def base(bot_id):\n    return select(User).where(User.bot_id == bot_id)\n\nasync def f(db, bot_id):\n    return await db.execute(base(bot_id).limit(3))\n", MODELS),
        Valid(HEAD + "async def f(db, ids):\n    return await db.execute(select(User).where(User.bot_id.in_(ids)))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(Order).join(User).where(User.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).join(User.orders).where(Order.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    mine = select(User.id).where(User.bot_id == bot_id)\n    return await db.execute(select(Order).where(Order.user_id.in_(mine)))\n", MODELS),
        Valid(HEAD + "async def f(db):\n    return await db.execute(select(Country))\n", MODELS),
        Valid(HEAD + "from app.tenancy import get_tenant_session\nasync def f(bot_id):\n    async with get_tenant_session(bot_id) as db:\n        return await db.execute(select(User))\n", MODELS),
        Valid(HEAD + "async def f(db):\n    # GLOBAL_QUERY: the nightly report counts all bots\n    return await db.scalar(select(func.count(User.id)))\n", MODELS),
        Valid(HEAD + "async def f(db):\n    return await db.scalar(\n        select(func.count(User.id))  # GLOBAL_QUERY: the nightly report counts all bots\n    )\n", MODELS),
        Valid(HEAD + "def old(session, bot_id):\n    return session.query(User).filter_by(bot_id=bot_id).all()\n", MODELS),
        Valid("from select import select\ndef f(r):\n    return select(r, [], [])\n", MODELS),
    )  # fmt: skip
