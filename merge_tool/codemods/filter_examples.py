"""The examples of `filter-query`: tests run them, and its page shows them."""

from __future__ import annotations

from merge_tool.codemods.base import Example

MODELS = """from sqlalchemy import Column, Integer, String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Tenanted:
    bot_id = Column(Integer, nullable=False)


class Ticket(Tenanted, Base):
    __tablename__ = "tickets"
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer)


class User(Tenanted, Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)


class Server(Base):
    __tablename__ = "servers"
    id = Column(Integer, primary_key=True)
"""
_HEAD = """from typing import Optional

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import aliased

from app.models import Server, Ticket, User
"""

_CRUD = f"""{_HEAD}

async def already(db, ids, bot_id: int):
    conditions = [Ticket.bot_id == bot_id]
    query = select(User)
    query = query.where(User.bot_id == bot_id)
    await db.execute(select(Ticket).where(*conditions))
    await db.execute(only_tenant(select(Ticket), bot_id))
    await db.execute(select(Ticket))  # GLOBAL_QUERY: counts all bots
    return await db.execute(query)


async def by_hand(db, model, bot_id: int):
    other = aliased(User)
    await db.execute(select(other))
    await db.execute(select(model))
    await db.execute(select(Ticket, User))
    await db.execute(select(Server).where(Server.id.in_(select(Ticket.id))))
    return await db.get(User, 1, populate_existing=True)


async def optional(db, bot_id: Optional[int] = None):
    query = select(User)
    await db.execute(select(Ticket))
    return await db.execute(query)
"""

_ROWS = """from sqlalchemy import Column, Integer, String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    code = Column(String)
    bot_id = Column(Integer, nullable=False)
"""
_NEW = """from sqlalchemy import insert, select

from app.models import Order


async def create(db, code: str, bot_id: int):
    db.add(Order(code=code))
    order = Order(code=code)
    order.bot_id = bot_id
    db.add(order)
    await db.execute(insert(Order).values(code=code).returning(Order.id))
    await db.execute(insert(Order).values([{"code": code}, {"code": "b", "bot_id": bot_id}]))


async def copy(db, data, bot_id: int):
    db.add(Order(**{**data, "code": "c"}))
    await db.execute(insert(Order).values(dict(data, code="d")))


def unknown(db):
    db.add(Order(code="a"))


class Orders:
    def __init__(self, db, bot_id: int):
        self.db = db
        self.bot_id = bot_id

    async def make(self, code):
        self.db.add(Order(code=code))
        return await self.db.scalar(select(Order).where(Order.code == code))
"""
_NEW_DONE = """from sqlalchemy import insert, select

from app.models import Order


async def create(db, code: str, bot_id: int):
    db.add(Order(code=code, bot_id=bot_id))
    order = Order(code=code)
    order.bot_id = bot_id
    db.add(order)
    await db.execute(insert(Order).values(code=code, bot_id=bot_id).returning(Order.id))
    await db.execute(insert(Order).values([{"code": code, "bot_id": bot_id}, {"code": "b", "bot_id": bot_id}]))


async def copy(db, data, bot_id: int):
    db.add(Order(**{**data, "code": "c"}))
    await db.execute(insert(Order).values(dict(data, code="d")))


def unknown(db):
    db.add(Order(code="a"))


class Orders:
    def __init__(self, db, bot_id: int):
        self.db = db
        self.bot_id = bot_id

    async def make(self, code):
        self.db.add(Order(code=code, bot_id=self.bot_id))
        return await self.db.scalar(select(Order).where(Order.code == code, Order.bot_id == self.bot_id))
"""

EXAMPLES = (
    Example(
        {
            "app/models.py": MODELS,
            "app/routes.py": f"""{_HEAD}

async def tickets(db, user, bot_id: int = Depends(get_tenant)):
    query = select(Ticket).where(Ticket.user_id == user.id)
    count = await db.scalar(select(func.count()).select_from(Ticket))
    rows = await db.execute(
        select(Ticket)  # newest first
        .join(User, User.id == Ticket.user_id)
        .order_by(Ticket.id.desc())
    )
    await db.execute(update(Ticket).where(Ticket.id == 1).values(user_id=2))
    await db.execute(delete(Ticket))
    await db.execute(select(Server))
    own = await db.get(
        User,
        user.id or 0,
    )
    return query, count, rows, own, await db.get(Server, 1)
""",
        },
        {
            "app/routes.py": f"""{_HEAD}

async def tickets(db, user, bot_id: int = Depends(get_tenant)):
    query = select(Ticket).where(Ticket.user_id == user.id, Ticket.bot_id == bot_id)
    count = await db.scalar(select(func.count()).select_from(Ticket).where(Ticket.bot_id == bot_id))
    rows = await db.execute(
        select(Ticket)  # newest first
        .join(User, User.id == Ticket.user_id)
        .where(Ticket.bot_id == bot_id)
        .order_by(Ticket.id.desc())
    )
    await db.execute(update(Ticket).where(Ticket.id == 1, Ticket.bot_id == bot_id).values(user_id=2))
    await db.execute(delete(Ticket).where(Ticket.bot_id == bot_id))
    await db.execute(select(Server))
    own = await db.scalar(select(User).where(User.id == (user.id or 0), User.bot_id == bot_id))
    return query, count, rows, own, await db.get(Server, 1)
""",
        },
    ),
    Example(
        {
            "app/models.py": MODELS,
            "app/crud.py": _CRUD,
        },
        {
            "app/crud.py": _CRUD.replace(
                "    await db.execute(select(Ticket))\n    return",
                "    if bot_id is not None:\n        query = query.where(User.bot_id == bot_id)\n    await db.execute(select(Ticket))\n    return",
            ),
        },
        not_done=(
            "an alias is read",
            "what is read is only known at run time: model",
            "Ticket and User are read without a join",
            "the statement stands inside a condition (.in_)",
            "session.get(User, …) takes no filter",
            "bot_id may be None here",
        ),
    ),
    # New rows get the tenant; in a method, that of its object.
    Example(
        {"app/models.py": _ROWS, "app/new.py": _NEW},
        {"app/new.py": _NEW_DONE},
        not_done=("its fields are built elsewhere", "its values are built elsewhere"),
    ),
)
