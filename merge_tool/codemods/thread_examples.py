"""The examples of `thread-tenant`: tests run them, and its page shows them."""

from __future__ import annotations

from merge_tool.codemods.base import Example

UNSCOPED_MODELS = """\
from sqlalchemy import Column, Integer, String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Setting(Base):
    __tablename__ = "settings"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, nullable=False)
    key = Column(String)
"""

EXAMPLES = (
    Example(
        before={
            "app/crud/users.py": '''\
"""Users."""


async def get_user(db, user_id: int, active: bool = True):
    return await db.get(user_id)


class Users:
    async def load(self, db, user_id: int):
        return await get_user(db, user_id, False)
''',
            "app/crud/__init__.py": """\
from .users import Users, get_user as fetch_user

__all__ = ["Users", "fetch_user"]
""",
            "app/__init__.py": "",
            "app/routes.py": """\
import functools

from fastapi import APIRouter, Depends

from app import crud
from app.crud import fetch_user

router = APIRouter()


def get_db(): ...


async def current_user(token: str, db=Depends(get_db)):
    return await fetch_user(
        db,
        int(token),  # the id
    )


@router.get("/me")
async def me(user=Depends(current_user)):
    return user


@router.get("/{user_id}")
async def one(user_id: int, db=Depends(get_db)):
    users = crud.Users()
    first = await users.load(db, user_id)
    return first, [await fetch_user(db, item) for item in range(3)]


async def job(db, bot_id: int):
    load = functools.partial(fetch_user, db)
    return await load(1)
""",
        },
        after={
            "app/crud/users.py": '''\
"""Users."""


async def get_user(db, user_id: int, active: bool = True, *, bot_id: int):
    return await db.get(user_id)


class Users:
    async def load(self, db, user_id: int, bot_id: int):
        return await get_user(db, user_id, False, bot_id=bot_id)
''',
            "app/routes.py": """\
import functools

from fastapi import APIRouter, Depends

from app import crud
from app.core.tenant_context import get_current_tenant
from app.crud import fetch_user

router = APIRouter()


def get_db(): ...


async def current_user(
    token: str,
    db=Depends(get_db),
    bot_id: int = Depends(get_current_tenant),
):
    return await fetch_user(
        db,
        int(token),  # the id
        bot_id=bot_id,
    )


@router.get("/me")
async def me(user=Depends(current_user)):
    return user


@router.get("/{user_id}")
async def one(
    user_id: int,
    db=Depends(get_db),
    bot_id: int = Depends(get_current_tenant),
):
    users = crud.Users()
    first = await users.load(db, user_id, bot_id=bot_id)
    return first, [await fetch_user(db, item, bot_id=bot_id) for item in range(3)]


async def job(db, bot_id: int):
    load = functools.partial(fetch_user, db, bot_id=bot_id)
    return await load(1)
""",
        },
        options={"functions": ["app.crud.users.get_user"]},
    ),
    Example(
        before={
            "app/crud.py": """\
async def get_user(db, user_id):
    return user_id


async def get_all(db, limit: int = 10):
    return limit
""",
            "app/bot.py": """\
from app.crud import get_all, get_user


async def handler(message, db):
    return await get_user(db, message.id)


async def start(db):
    return await get_all(db, 5)


def register(dispatcher):
    dispatcher.message.register(handler)
""",
        },
        after={
            "app/bot.py": """\
from app.crud import get_all, get_user


async def handler(message, db):
    return await get_user(db, message.id)


async def start(db, bot_id: int):
    return await get_all(db, 5, bot_id=bot_id)


def register(dispatcher):
    dispatcher.message.register(handler)
""",
            "app/crud.py": """\
async def get_user(db, user_id):
    return user_id


async def get_all(db, limit: int = 10, *, bot_id: int):
    return limit
""",
        },
        options={"functions": ["app.crud.get_user", "app.crud.get_all"]},
        not_done=(
            "handler is passed on as a value, and who calls it is not known",
            "get_user is left with all its callers, because of app/bot.py:13",
        ),
    ),
    Example(
        before={
            "app/crud.py": """\
async def get_user(db, user_id):
    return user_id


async def get_all(db, limit: int = 10):
    return limit
""",
            "app/bot.py": """\
from app.crud import get_all, get_user


async def handler(message, db):
    return await get_user(db, message.id)


async def start(db):
    return await get_all(db, 5)


def register(dispatcher):
    dispatcher.message.register(handler)
""",
        },
        after={
            "app/bot.py": """\
from app.crud import get_all, get_user


async def handler(message, db, bot_id: int | None = None):
    return await get_user(db, message.id, bot_id=bot_id)


async def start(db):
    return await get_all(db, 5)


def register(dispatcher):
    dispatcher.message.register(handler)
""",
            "app/crud.py": """\
async def get_user(db, user_id, bot_id: int | None = None):
    return user_id


async def get_all(db, limit: int = 10):
    return limit
""",
        },
        options={"functions": ["app.crud.get_user"], "optional": True},
        not_done=("handler is passed on as a value, and who calls it is not known",),
    ),
    Example(
        before={
            "app/crud.py": """\
def find(db): ...
""",
            "app/service.py": """\
from app import crud


class Service:
    def __init__(self, bot_id: int):
        self.bot_id = bot_id

    def run(self, db):
        return crud.find(db)

    @property
    def first(self):
        return crud.find(None)


class Base:
    def work(self, db): ...


class Worker(Base):
    def work(self, db):
        return (lambda: crud.find(db))()
""",
        },
        after={},
        options={"functions": ["app.crud.find"]},
        not_done=(
            "find is left with all its callers, because of app/service.py:21",
            "Worker.work overrides Base.work",
        ),
    ),
    Example(
        before={
            "app/models.py": UNSCOPED_MODELS,
            "app/routes.py": """\
from fastapi import APIRouter, Depends
from sqlalchemy import select

from app.core.tenant_context import get_current_tenant
from app.models import Setting

router = APIRouter()


def find(db, key):
    return db.scalar(select(Setting).where(Setting.key == key))


def mine(db, key, bot_id: int):
    return db.scalar(select(Setting).where(Setting.key == key, Setting.bot_id == bot_id))


@router.get("/name")
def name(db=Depends(dict), bot_id: int = Depends(get_current_tenant)):
    return find(db, "name")
""",
        },
        after={
            "app/routes.py": """\
from fastapi import APIRouter, Depends
from sqlalchemy import select

from app.core.tenant_context import get_current_tenant
from app.models import Setting

router = APIRouter()


def find(db, key, bot_id: int):
    return db.scalar(select(Setting).where(Setting.key == key))


def mine(db, key, bot_id: int):
    return db.scalar(select(Setting).where(Setting.key == key, Setting.bot_id == bot_id))


@router.get("/name")
def name(db=Depends(dict), bot_id: int = Depends(get_current_tenant)):
    return find(db, "name", bot_id=bot_id)
""",
        },
        options={"unscoped": True},
    ),  # A module imported by its name, a wrapper that hands everything on, a method that a mixin finds in another one.
    Example(
        before={
            "app/__init__.py": "",
            "app/crud.py": """async def pay(db, amount: int): ...
""",
            "app/service.py": """from importlib import import_module


async def pay(*args, **kwargs):
    crud = import_module("app.crud")
    return await crud.pay(*args, **kwargs)


class Notes:
    async def tell(self, db):
        await pay(db, 1)


class Hooks:
    async def hook(self, db, bot_id: int):
        await self.tell(db)


class Service(Hooks, Notes):
    pass
""",
        },
        after={
            "app/crud.py": """async def pay(db, amount: int, bot_id: int): ...
""",
            "app/service.py": """from importlib import import_module


async def pay(*args, bot_id: int, **kwargs):
    crud = import_module("app.crud")
    return await crud.pay(*args, **kwargs, bot_id=bot_id)


class Notes:
    async def tell(self, db, bot_id: int):
        await pay(db, 1, bot_id=bot_id)


class Hooks:
    async def hook(self, db, bot_id: int):
        await self.tell(db, bot_id=bot_id)


class Service(Hooks, Notes):
    pass
""",
        },
        options={"functions": ["app.crud.pay"]},
    ),
)
