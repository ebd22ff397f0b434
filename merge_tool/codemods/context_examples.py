"""The examples of `thread-tenant` with `context`: tests run them, and its page shows them."""

from __future__ import annotations

from merge_tool.codemods.base import Example

_CONTEXT = """def require_current_tenant(): ...
"""
_CRUD = '''"""Users."""


async def get_user(db, user_id: int):
    return await db.get(user_id)
'''
_CRUD_AFTER = '''"""Users."""


async def get_user(db, user_id: int, bot_id: int):
    return await db.get(user_id)
'''

EXAMPLES = (
    # Handlers that a framework calls ask the context; what they call is handed the tenant.
    Example(
        before={
            "app/__init__.py": "",
            "app/core/__init__.py": "",
            "app/core/tenant_context.py": _CONTEXT,
            "app/crud.py": _CRUD,
            "app/handlers.py": '''from aiogram import Dispatcher, F, Router

from app.crud import get_user

router = Router()


async def greet(db, user_id: int) -> str:
    return (await get_user(db, user_id)).name


async def start(message, db):
    """Says hello."""
    await message.answer(await greet(db, message.from_user.id))


@router.callback_query(F.data == "me")
async def me(callback, db):
    # who asks
    user = await get_user(db, callback.from_user.id)
    await callback.answer(user.name)


class Middleware:
    async def __call__(self, handler, event, data):
        data["user"] = await get_user(data["db"], event.from_user.id)
        return await handler(event, data)


def register(dp: Dispatcher) -> None:
    dp.message.register(start)
''',
        },
        after={
            "app/crud.py": _CRUD_AFTER,
            "app/handlers.py": '''from aiogram import Dispatcher, F, Router

from app.core.tenant_context import require_current_tenant
from app.crud import get_user

router = Router()


async def greet(db, user_id: int, bot_id: int) -> str:
    return (await get_user(db, user_id, bot_id=bot_id)).name


async def start(message, db):
    """Says hello."""
    bot_id = require_current_tenant()
    await message.answer(await greet(db, message.from_user.id, bot_id=bot_id))


@router.callback_query(F.data == "me")
async def me(callback, db):
    bot_id = require_current_tenant()
    # who asks
    user = await get_user(db, callback.from_user.id, bot_id=bot_id)
    await callback.answer(user.name)


class Middleware:
    async def __call__(self, handler, event, data):
        bot_id = require_current_tenant()
        data["user"] = await get_user(data["db"], event.from_user.id, bot_id=bot_id)
        return await handler(event, data)


def register(dp: Dispatcher) -> None:
    dp.message.register(start)
''',
        },
        options={"functions": ["app.crud.get_user"], "context": True},
    ),
    # Where one caller is not known, or has no tenant, the function asks where nothing was passed; the others pass it.
    Example(
        before={
            "app/__init__.py": "",
            "app/core/__init__.py": "",
            "app/core/tenant_context.py": _CONTEXT,
            "app/service.py": """from typing import Optional


class Service:
    async def load(self, user_id: int):
        return user_id


async def known(bot_id: int):
    return await Service().load(1)


async def unknown(service, note: Optional[str] = None):
    return await service.load(2)


async def named(service):
    return await getattr(service, "load")(2)


one_line = lambda: Service().load(3)
""",
        },
        after={
            "app/service.py": """from typing import Optional

from app.core.tenant_context import require_current_tenant


class Service:
    async def load(self, user_id: int, bot_id: Optional[int] = None):
        if bot_id is None:
            bot_id = require_current_tenant()
        return user_id


async def known(bot_id: int):
    return await Service().load(1, bot_id=bot_id)


async def unknown(service, note: Optional[str] = None):
    return await service.load(2)


async def named(service):
    return await getattr(service, "load")(2)


one_line = lambda: Service().load(3)
""",
        },
        options={"functions": ["app.service.Service.load"], "context": True},
        not_done=(
            "the class of what stands before .load is not known; it asks the context",
            "load is read by its name there (getattr), and who calls it is not known; it asks the context",
            "stands in a lambda",
        ),
    ),
    # What stands on one line, or has a variable of the tenant's name, can ask nothing: what it calls asks.
    Example(
        before={
            "app/__init__.py": "",
            "app/core/__init__.py": "",
            "app/core/tenant_context.py": _CONTEXT,
            "app/crud.py": _CRUD,
            "app/jobs.py": """from app.crud import get_user


async def job(db): await get_user(db, 1)


async def nightly(db, bots):
    for bot_id in bots:
        print(bot_id)
    await get_user(db, 1)


def schedule(scheduler):
    scheduler.add_job(job)
    scheduler.add_job(nightly)
""",
        },
        after={
            "app/crud.py": '''"""Users."""

from app.core.tenant_context import require_current_tenant


async def get_user(db, user_id: int, bot_id: int | None = None):
    if bot_id is None:
        bot_id = require_current_tenant()
    return await db.get(user_id)
''',
        },
        options={"functions": ["app.crud.get_user"], "context": True},
        not_done=(
            "bot_id is set there, but perhaps not before this call",
            "job is passed on as a value, and who calls it is not known",
        ),
    ),
    # A getter that may give None is no dependency of a route: the request would go on without a tenant.
    Example(
        {
            "app/core/tenant_context.py": """def get_current_tenant() -> int | None:
    return None


def require_current_tenant() -> int:
    raise RuntimeError
""",
            "app/routes.py": """from fastapi import APIRouter, Depends

router = APIRouter()


@router.get("/")
async def orders(db=Depends(get_db)):
    return await load(db)


async def load(db):
    return db
""",
        },
        {
            "app/routes.py": """from fastapi import APIRouter, Depends

from app.core.tenant_context import require_current_tenant

router = APIRouter()


@router.get("/")
async def orders(db=Depends(get_db), bot_id: int = Depends(require_current_tenant)):
    return await load(db, bot_id=bot_id)


async def load(db, bot_id: int):
    return db
""",
        },
        {"functions": ["app.routes.load"]},
    ),
)
