"""Gives functions the tenant parameter and passes it at every call, through all their callers.

Before:

    async def get_user(db, user_id):
        ...

    @router.get("/me")
    async def me(db: AsyncSession = Depends(get_db)):
        return await get_user(db, 1)

After:

    async def get_user(db, user_id, bot_id: int):
        ...

    @router.get("/me")
    async def me(db: AsyncSession = Depends(get_db), bot_id: int = Depends(get_current_tenant)):
        return await get_user(db, 1, bot_id=bot_id)

A call takes the tenant from a variable of that name around it, else from `self`, else the function around it gets the
parameter too: by the policy's dependency where FastAPI calls it, else from its own callers. Where one caller cannot
be mended (it is a callback, an override, under a decorator that may not hand arguments on, or its class is not
known), a required parameter would break it: then the function and all its callers are left, and the site is told.
With `optional`, the parameter is `bot_id: int | None = None`, old calls keep working, and only those sites are left.
Calls in tests never hold a function back.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merge_tool.codemods.base import Codemod, Example, Project
from merge_tool.codemods.edits import FileEdits
from merge_tool.codemods.names import Names
from merge_tool.codemods.outcome import made
from merge_tool.codemods.thread import Threading
from merge_tool.codemods.values import tenant_value
from merge_tool.errors import UserError
from merge_tool.model.source import CodemodResult, NotDone


@dataclass(frozen=True)
class ThreadTenantOptions:
    """What `thread-tenant` takes.

    Attributes:
        functions: dotted names of the functions and methods to give the tenant.
        parameter: the parameter's name; empty: the policy's.
        optional: whether the parameter is `int | None = None`, so that old calls keep working.
        check_use: whether a function whose body does not read the parameter is left to a person: taking the tenant
            protects nothing. Off where another codemod, such as filter-query, brings the use.
    """

    functions: tuple[str, ...]
    parameter: str = ""
    optional: bool = False
    check_use: bool = False


class ThreadTenant(Codemod):
    """See the module."""

    name: ClassVar[str] = "thread-tenant"
    Options: ClassVar[type] = ThreadTenantOptions
    options: ThreadTenantOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Threads the tenant to the functions that stand in the chosen files; their callers change with them, anywhere."""
        names = Names(project.files)
        chosen = set(project.chosen(paths))
        value = tenant_value(project.policy, self.options.parameter, self.options.optional)
        threading = Threading(names, self.name, [value])
        left: list[NotDone] = []
        for dotted in self.options.functions:
            thing = names.find(dotted)
            module = names.module(thing.path) if thing is not None and thing.path else None
            if thing is None or module is None or thing.kind not in ("function", "unsure"):
                raise UserError(
                    f"codemod {self.name}: the project has no function {dotted}",
                    hint="write its full dotted name",
                )
            found = module.functions[thing.qualname]
            if thing.path not in chosen:
                left.append(
                    NotDone(
                        thing.path, found[0].lineno, self.name, f"{dotted} stands outside the chosen files"
                    )
                )
            elif len(found) > 1:
                left.append(
                    NotDone(
                        thing.path,
                        found[0].lineno,
                        self.name,
                        f"{dotted} is defined more than once in its file",
                    )
                )
            else:
                threading.add(module, found[0])
                if self.options.check_use and not _uses(found[0], value.name):
                    left.append(
                        NotDone(
                            thing.path,
                            found[0].lineno,
                            self.name,
                            f"{dotted} takes {value.name}, but nothing in it uses it yet: hold what it reads and checks to the tenant",
                        )
                    )
        edits: dict[str, FileEdits] = {}
        threading.collect(edits)
        return made(project, names, self.name, edits, threading.edits, [*left, *threading.not_done])


def _uses(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> bool:
    """Whether a function's body reads a name; a parameter that it does not read protects nothing."""
    return any(
        isinstance(node, ast.Name) and node.id == name
        for statement in function.body
        for node in ast.walk(statement)
    )


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
)

CODEMOD = ThreadTenant
