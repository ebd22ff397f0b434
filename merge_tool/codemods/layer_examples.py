"""Examples of the codemod `tenancy-layer`."""

from __future__ import annotations

from merge_tool.codemods.base import Example

EXAMPLES = (
    Example(
        {
            "app/__init__.py": "",
            "app/models.py": """from sqlalchemy import Column, String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Order(Base):
    __tablename__ = "orders"
    code = Column(String(20), primary_key=True)
""",
            "app/sessions.py": """from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

engine = create_async_engine("postgresql+asyncpg://")
AsyncSessionLocal = async_sessionmaker(engine)
""",
            "app/web.py": """from fastapi import FastAPI


def create_app():
    app = FastAPI(title="Shop")
    return app
""",
        },
        {
            "app/core/tenant_context.py": '''"""The tenant of the running request, update or job.

It is kept in a context variable, so that those that run side by side never see each other's.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from contextvars import ContextVar, Token
from typing import AsyncIterator, Optional

from sqlalchemy.ext.asyncio import AsyncSession

_current: ContextVar[Optional[int]] = ContextVar("current_bot_id", default=None)


class TenantContextMissing(RuntimeError):
    """Something that belongs to a tenant was asked for outside of any tenant's context."""


def get_current_tenant() -> Optional[int]:
    """The bot_id of the context, or None where no tenant is set."""
    return _current.get()


def require_current_tenant() -> int:
    """The bot_id of the context.

    Raises:
        TenantContextMissing: no tenant is set.
    """
    bot_id = _current.get()
    if bot_id is None:
        raise TenantContextMissing("no tenant is set in this context")
    return bot_id


def set_current_tenant(bot_id: int) -> Token[Optional[int]]:
    """Sets the tenant of the context; give the token back to `reset_current_tenant`."""
    return _current.set(bot_id)


def reset_current_tenant(token: Token[Optional[int]]) -> None:
    """Restores what was set before the matching `set_current_tenant`."""
    _current.reset(token)


@asynccontextmanager
async def get_tenant_session(bot_id: int) -> AsyncIterator[AsyncSession]:
    """A session in the context of the tenant `bot_id`. The caller commits; an error rolls back."""
    from app.sessions import AsyncSessionLocal  # which asks this file for the tenant

    token = set_current_tenant(bot_id)
    try:
        async with AsyncSessionLocal() as session:
            yield session
    finally:
        reset_current_tenant(token)
''',
            "app/core/__init__.py": "",
            "app/models.py": '''from sqlalchemy import Boolean, Column, Integer, String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Bot(Base):
    """A tenant."""

    __tablename__ = "bots"

    id = Column(Integer, primary_key=True)
    name = Column(String(255), nullable=False)
    bot_token = Column(String(128), nullable=False, unique=True)
    is_active = Column(Boolean, nullable=False, default=True)


class Order(Base):
    __tablename__ = "orders"
    code = Column(String(20), primary_key=True)
''',
            "app/core/tenant_middleware.py": '''"""Finds the tenant of an HTTP request and sets it for the time of the request."""

from __future__ import annotations

import logging
from typing import Optional

from sqlalchemy import select
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.tenant_context import reset_current_tenant, set_current_tenant
from app.sessions import AsyncSessionLocal
from app.models import Bot

logger = logging.getLogger(__name__)

TENANT_HEADER = "X-Bot-Token"


async def find_tenant(token: str) -> Optional[int]:
    """The id of the active tenant with this token, or None."""
    async with AsyncSessionLocal() as session:
        return await session.scalar(select(Bot.id).where(Bot.bot_token == token, Bot.is_active))


class TenantMiddleware:
    """Plain ASGI, so that the context reaches the endpoint and streaming bodies alike.

    An unknown token sets nothing: whether a route may run without a tenant is decided by its dependencies.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = Headers(scope=scope).get(TENANT_HEADER) if scope["type"] in ("http", "websocket") else None
        bot_id = await find_tenant(token) if token else None
        if bot_id is None:
            if token:
                # The token itself is a secret and stays out of the log.
                logger.warning("Request with an unknown token of a tenant")
            await self.app(scope, receive, send)
            return
        before = set_current_tenant(bot_id)
        try:
            await self.app(scope, receive, send)
        finally:
            reset_current_tenant(before)
''',
            "app/web.py": """from fastapi import FastAPI

from app.core.tenant_middleware import TenantMiddleware


def create_app():
    app = FastAPI(title="Shop")
    app.add_middleware(TenantMiddleware)
    return app
""",
            "app/cabinet/dependencies.py": '''"""What the routes ask for before they run."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)
''',
            "app/cabinet/__init__.py": "",
        },
    ),
    # What is there is left, and what is missing in it is told.
    Example(
        {
            "app/core/tenant_context.py": "def get_current_tenant():\n    return None\n",
            "app/cabinet/dependencies.py": "x = 1\n",
        },
        {},
        not_done=("no model has a table", "has no require_current_tenant", "has no set_current_tenant"),
    ),
)
