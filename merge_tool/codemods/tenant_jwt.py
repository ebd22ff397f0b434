"""Puts the tenant into the tokens of a file, checks it when they are decoded, and takes the secret of the tenant.

Before:

    def create_token(user_id: int) -> str:
        payload = {"sub": str(user_id)}
        secret = settings.JWT_SECRET
        return jwt.encode(payload, secret, algorithm="HS256")

    def decode_token(token: str):
        try:
            return jwt.decode(token, settings.JWT_SECRET, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return None

After, with `secret: app.config.get_jwt_secret`:

    async def create_token(user_id: int, bot_id: int, db: AsyncSession) -> str:
        payload = {"sub": str(user_id), "bot_id": bot_id}
        secret = await get_jwt_secret(db, bot_id)
        if not secret:
            raise ValueError(f"No JWT secret is configured for bot_id={bot_id}")
        return jwt.encode(payload, secret, algorithm="HS256")

    async def decode_token(token: str, bot_id: int, db: AsyncSession):
        try:
            secret = await get_jwt_secret(db, bot_id)
            if not secret:
                raise ValueError(f"No JWT secret is configured for bot_id={bot_id}")
            payload = jwt.decode(token, secret, algorithms=["HS256"])
            if payload.get("bot_id") != bot_id:
                logger.warning("Token refused, it is not of this tenant: bot_id=%s", bot_id)
                raise jwt.InvalidTokenError("The token is not of this tenant")
            return payload
        except jwt.InvalidTokenError:
            return None

A token without the claim, or of another tenant, goes the way of an invalid token. Every caller in the project passes
the tenant and the session, and awaits (see `thread-tenant`). All of it happens or none: a token that one side writes
with a tenant's secret and the other reads with the common one would be worth nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merge_tool.codemods.base import Codemod, Example, Project
from merge_tool.codemods.jwt_rewrite import NAME, JwtRewrite
from merge_tool.codemods.names import Names
from merge_tool.errors import UserError
from merge_tool.model.source import CodemodResult, NotDone


@dataclass(frozen=True)
class TenantJwtOptions:
    """What `tenant-jwt` takes.

    Attributes:
        module: the path of the file that encodes and decodes the tokens.
        secret: the dotted name of an async function `(db, tenant) -> str | None` that gives the tenant's secret;
            empty: the present secret stays.
        claim: the claim's name; empty: the policy's.
        session: the dotted name of the FastAPI dependency that gives a database session; empty: the one that the
            nearest functions use.
    """

    module: str
    secret: str = ""
    claim: str = ""
    session: str = ""


class TenantJwt(Codemod):
    """See the module."""

    name: ClassVar[str] = NAME
    Options: ClassVar[type] = TenantJwtOptions
    unsafe: ClassVar[str] = "tokens that are out there already are refused"
    options: TenantJwtOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Works on the one file and all callers of its functions, wherever they stand."""
        path = self.options.module
        if path not in project.files:
            raise UserError(
                f"codemod {self.name}: module: the project has no file {path}",
                hint="write its path from the root",
            )
        if path not in project.chosen(paths):
            return CodemodResult(
                not_done=(NotDone(path, 1, self.name, "the file is not among the chosen ones"),)
            )
        names = Names(project.files)
        module = names.module(path)
        if module is None:
            return CodemodResult(not_done=(NotDone(path, 1, self.name, names.broken[path]),))
        return JwtRewrite(
            names, project, module, self.options.secret, self.options.claim, self.options.session
        ).run()


EXAMPLES = (
    Example(
        before={
            "app/__init__.py": "",
            "app/config.py": """\
settings = object()


async def get_jwt_secret(db, bot_id): ...
""",
            "app/tokens.py": '''\
"""Tokens."""

import jwt

from app.config import settings


def create_token(user_id: int, telegram_id: int) -> str:
    payload = {
        "sub": str(user_id),
        "telegram_id": telegram_id,  # theirs
    }
    secret = settings.get_secret()
    return jwt.encode(payload, secret, algorithm="HS256")


def create_link(data: dict) -> str:
    return jwt.encode(data, settings.SECRET, algorithm="HS256")


def decode_token(token: str):
    try:
        return jwt.decode(token, settings.SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return None


def subject(token: str) -> str:
    return jwt.decode(token, settings.SECRET, algorithms=["HS256"])["sub"]
''',
            "app/api.py": """\
from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncSession

from .tokens import create_token, decode_token

router = APIRouter()


async def get_db(): ...


def answer(user):
    return {"token": create_token(user.id, user.telegram_id)}


@router.post("/login")
async def login(user_id: int, db: AsyncSession = Depends(get_db)):
    user = await db.get(user_id)
    return answer(user)["token"]


@router.get("/check")
async def check(token: str):
    claims = decode_token(token)
    return claims
""",
        },
        after={
            "app/api.py": """\
from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncSession

from .core.tenant_context import get_current_tenant
from .tokens import create_token, decode_token

router = APIRouter()


async def get_db(): ...


async def answer(user, bot_id: int, db: AsyncSession):
    return {"token": await create_token(user.id, user.telegram_id, bot_id=bot_id, db=db)}


@router.post("/login")
async def login(
    user_id: int,
    db: AsyncSession = Depends(get_db),
    bot_id: int = Depends(get_current_tenant),
):
    user = await db.get(user_id)
    return (await answer(user, bot_id=bot_id, db=db))["token"]


@router.get("/check")
async def check(
    token: str,
    bot_id: int = Depends(get_current_tenant),
    db: AsyncSession = Depends(get_db),
):
    claims = await decode_token(token, bot_id=bot_id, db=db)
    return claims
""",
            "app/tokens.py": '''\
"""Tokens."""

import logging

import jwt
from sqlalchemy.ext.asyncio import AsyncSession

from app.config import get_jwt_secret

logger = logging.getLogger(__name__)


async def create_token(user_id: int, telegram_id: int, bot_id: int, db: AsyncSession) -> str:
    payload = {
        "sub": str(user_id),
        "telegram_id": telegram_id,  # theirs
        "bot_id": bot_id,
    }
    secret = await get_jwt_secret(db, bot_id)
    if not secret:
        raise ValueError(f"No JWT secret is configured for bot_id={bot_id}")
    return jwt.encode(payload, secret, algorithm="HS256")


async def create_link(data: dict, bot_id: int, db: AsyncSession) -> str:
    secret = await get_jwt_secret(db, bot_id)
    if not secret:
        raise ValueError(f"No JWT secret is configured for bot_id={bot_id}")
    return jwt.encode({**data, "bot_id": bot_id}, secret, algorithm="HS256")


async def decode_token(token: str, bot_id: int, db: AsyncSession):
    try:
        secret = await get_jwt_secret(db, bot_id)
        if not secret:
            raise ValueError(f"No JWT secret is configured for bot_id={bot_id}")
        payload = jwt.decode(token, secret, algorithms=["HS256"])
        if payload.get("bot_id") != bot_id:
            logger.warning("Token refused, it is not of this tenant: bot_id=%s", bot_id)
            raise jwt.InvalidTokenError("The token is not of this tenant")
        return payload
    except jwt.InvalidTokenError:
        return None


async def subject(token: str, bot_id: int, db: AsyncSession) -> str:
    secret = await get_jwt_secret(db, bot_id)
    if not secret:
        raise ValueError(f"No JWT secret is configured for bot_id={bot_id}")
    payload = jwt.decode(token, secret, algorithms=["HS256"])
    if payload.get("bot_id") != bot_id:
        logger.warning("Token refused, it is not of this tenant: bot_id=%s", bot_id)
        raise jwt.InvalidTokenError("The token is not of this tenant")
    return payload["sub"]
''',
        },
        options={"module": "app/tokens.py", "secret": "app.config.get_jwt_secret"},
    ),
    Example(
        before={
            "app/jose_tokens.py": """\
from jose import JWTError, jwt
import logging

SECRET = "x"
log = logging.getLogger("app")


class Tokens:
    def make(self, user_id):
        claims = dict(sub=user_id)
        return jwt.encode(claims, SECRET)

    def peek(self, token):
        return jwt.decode(token, SECRET, options={"verify_signature": False})

    def read(self, token):
        try:
            claims = jwt.decode(token, SECRET)
        except JWTError:
            return None
        return claims
""",
        },
        after={
            "app/jose_tokens.py": """\
from jose import JWTError, jwt
import logging

SECRET = "x"
log = logging.getLogger("app")


class Tokens:
    def make(self, user_id, bot_id: int):
        claims = dict(sub=user_id)
        return jwt.encode({**claims, "bot_id": bot_id}, SECRET)

    def peek(self, token):
        return jwt.decode(token, SECRET, options={"verify_signature": False})

    def read(self, token, bot_id: int):
        try:
            claims = jwt.decode(token, SECRET)
            if claims.get("bot_id") != bot_id:
                log.warning("Token refused, it is not of this tenant: bot_id=%s", bot_id)
                raise JWTError("The token is not of this tenant")
        except JWTError:
            return None
        return claims
""",
        },
        options={"module": "app/jose_tokens.py"},
        not_done=("the signature is not verified here, so a check of the claim would prove nothing",),
    ),
)

CODEMOD = TenantJwt
