"""Defines the FastAPI dependency that gives the tenant or refuses the request, and checks the tenant of token users.

Before:

    async def get_current_user(token: str = Depends(bearer), db: AsyncSession = Depends(get_db)) -> User:
        payload = decode_token(token)
        user = await get_user(db, payload["sub"])
        if not user:
            raise HTTPException(status_code=404)
        return user

After, with `name: get_cabinet_tenant`:

    async def get_cabinet_tenant(request: Request, bot_id: int | None = Depends(get_current_tenant)) -> int:
        \"\"\"The tenant of the request; without one, the request is refused with 401.\"\"\"
        if bot_id is None:
            logger.warning("Request without a tenant refused: path=%s", request.url.path)
            raise HTTPException(status_code=401, detail=Texts.get("cabinet.tenant_context_missing"))
        return bot_id


    async def get_current_user(
        token: str = Depends(bearer), db: AsyncSession = Depends(get_db), bot_id: int = Depends(get_cabinet_tenant)
    ) -> User:
        payload = decode_token(token)
        user = await get_user(db, payload["sub"])
        if not user:
            raise HTTPException(status_code=404)
        if user.bot_id != bot_id:
            logger.warning("User of another tenant refused: user_bot_id=%s, bot_id=%s", user.bot_id, bot_id)
            raise HTTPException(status_code=403, detail=Texts.get("cabinet.tenant_mismatch"))
        return user

Within the file, `Depends` of the bare context getter becomes the new dependency. A function that returns None where
the token is bad instead of raising returns None here too. Where the user's class has no tenant column, or nothing
checks that a user was found, the site is reported.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merge_tool.codemods.base import Codemod, Example, Project
from merge_tool.codemods.dependency_rewrite import NAME, DependencyRewrite
from merge_tool.codemods.names import Names
from merge_tool.codemods.outcome import made
from merge_tool.errors import UserError
from merge_tool.model.source import CodemodResult, NotDone


@dataclass(frozen=True)
class TenantDependencyOptions:
    """What `tenant-dependency` takes.

    Attributes:
        file: the path of the file that gets the dependency.
        name: the dependency's name.
        detail_missing: code of the 401's detail; empty: the policy's localised text, or plain English.
        detail_mismatch: code of the 403's detail; the same.
    """

    file: str
    name: str
    detail_missing: str = ""
    detail_mismatch: str = ""


class TenantDependency(Codemod):
    """See the module."""

    name: ClassVar[str] = NAME
    Options: ClassVar[type] = TenantDependencyOptions
    options: TenantDependencyOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Works on the one file."""
        path, name = self.options.file, self.options.name
        if path not in project.files:
            raise UserError(
                f"codemod {self.name}: file: the project has no file {path}",
                hint="write its path from the root",
            )
        if not name.isidentifier():
            raise UserError(
                f"codemod {self.name}: name: {name!r} is not a name of Python",
                hint="such as get_cabinet_tenant",
            )
        for option in ("detail_missing", "detail_mismatch"):
            _check_code(self.name, option, getattr(self.options, option))
        if not project.policy.context.getters:
            raise UserError(
                f"codemod {self.name}: the policy names no context getter",
                hint="add context.getters to the policy",
            )
        if path not in project.chosen(paths):
            return CodemodResult(
                not_done=(NotDone(path, 1, self.name, "the file is not among the chosen ones"),)
            )
        names = Names(project.files)
        module = names.module(path)
        if module is None:
            return CodemodResult(not_done=(NotDone(path, 1, self.name, names.broken[path]),))
        options = self.options
        run = DependencyRewrite(
            names, project, module, options.name, options.detail_missing, options.detail_mismatch
        )
        run.define()
        if not run.left:
            run.replace()
            run.users()
        return made(project, names, self.name, {path: run.edits}, run.done, run.left)


def _check_code(codemod: str, option: str, code: str) -> None:
    try:
        ast.parse(code or "None", mode="eval")
    except SyntaxError as error:
        raise UserError(
            f"codemod {codemod}: {option}: not an expression: {error.msg}",
            hint="write Python code for a text",
        ) from error


EXAMPLES = (
    Example(
        before={
            "app/__init__.py": "",
            "app/tokens.py": """\
import jwt


def decode_token(token):
    return jwt.decode(token, "k", algorithms=["HS256"])
""",
            "app/models.py": """\
class Tenanted:
    bot_id: int


class User(Tenanted):
    id: int
""",
            "app/core/tenant_context.py": """\
def get_current_tenant(): ...
def require_current_tenant(): ...
""",
            "app/dependencies.py": '''\
"""Dependencies."""

from fastapi import Depends, HTTPException

from app.core.tenant_context import require_current_tenant
from app.models import User
from app.tokens import decode_token


async def get_db(): ...


async def get_current_user(token: str, db=Depends(get_db)) -> User:
    claims = decode_token(token)
    user_id = int(claims["sub"])
    user = await db.get(User, user_id)
    if user is None:
        raise HTTPException(404, "User not found")
    return user


async def get_optional_user(token: str = "", db=Depends(get_db), bot_id: int = Depends(require_current_tenant)) -> User | None:
    claims = decode_token(token)
    user = await db.get(User, claims["sub"])
    if not user or user.status != "active":
        return None

    return user


async def get_any_user(token: str, db=Depends(get_db)) -> User:
    user = await db.get(User, decode_token(token)["sub"])
    found = await db.get(User, user)
    return found
''',
            "app/localization/texts.py": """\
class Texts:
    @staticmethod
    def get(key): ...
""",
        },
        after={
            "app/dependencies.py": '''\
"""Dependencies."""

import logging

from fastapi import Depends, HTTPException, Request

from app.core.tenant_context import get_current_tenant
from app.localization.texts import Texts
from app.models import User
from app.tokens import decode_token

logger = logging.getLogger(__name__)


async def get_cabinet_tenant(
    request: Request,
    bot_id: int | None = Depends(get_current_tenant),
) -> int:
    """The tenant of the request; without one, the request is refused with 401."""
    if bot_id is None:
        logger.warning("Request without a tenant refused: path=%s", request.url.path)
        raise HTTPException(
            status_code=401,
            detail=Texts.get("cabinet.tenant_context_missing"),
        )
    return bot_id


async def get_db(): ...


async def get_current_user(token: str, db=Depends(get_db), bot_id: int = Depends(get_cabinet_tenant)) -> User:
    claims = decode_token(token)
    user_id = int(claims["sub"])
    user = await db.get(User, user_id)
    if user is None:
        raise HTTPException(404, "User not found")

    if user.bot_id != bot_id:
        logger.warning("User of another tenant refused: user_bot_id=%s, bot_id=%s", user.bot_id, bot_id)
        raise HTTPException(
            status_code=403,
            detail=Texts.get("cabinet.tenant_mismatch"),
        )
    return user


async def get_optional_user(token: str = "", db=Depends(get_db), bot_id: int = Depends(get_cabinet_tenant)) -> User | None:
    claims = decode_token(token)
    user = await db.get(User, claims["sub"])
    if not user or user.status != "active":
        return None

    if user.bot_id != bot_id:
        logger.warning("User of another tenant refused: user_bot_id=%s, bot_id=%s", user.bot_id, bot_id)
        return None

    return user


async def get_any_user(token: str, db=Depends(get_db)) -> User:
    user = await db.get(User, decode_token(token)["sub"])
    found = await db.get(User, user)
    return found
''',
        },
        options={"file": "app/dependencies.py", "name": "get_cabinet_tenant"},
        not_done=("get_any_user loads found by a token, but nothing after it checks that there is one",),
    ),
)

CODEMOD = TenantDependency
