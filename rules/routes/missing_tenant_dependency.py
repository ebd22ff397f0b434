"""A route without the tenant dependency.

What it does
------------
Finds every path operation of FastAPI and looks for a dependency of the policy's `routes.dependencies`: among its parameters
(`Depends`, `Security`, `Annotated`), in what these depend on, in the decorator, on its router, on `include_router`, on the application.

Why is this bad?
----------------
Without it the route runs outside of any tenant: what it reads and writes belongs to whichever the code below takes, or to all.

Example
-------
    @router.get("/balance")
    async def balance(user: User = Depends(get_user)): ...

Use instead
-----------
    @router.get("/balance")
    async def balance(user: User = Depends(get_user), bot_id: int = Depends(get_current_tenant)): ...

Not reported
------------
Told as `info`: routes whose calls are all seen and come to no tenant's table; routes behind the platform's own staff (`require_superuser`,
`/backoffice/…`); logins, webhooks and health checks where no such route of the project has a tenant; routes with a secret in their path (`/invites/{token}`),
and those about who is logged in (`/me`) that name no tenant; all routes of a project whose policy
names no dependency and in which nearly no route has one.

Routes whose body, or a helper that it calls, calls the dependency; routes that the policy declares public; a router that is mounted with the dependency everywhere it is mounted; WebSocket routes
(another rule's). Where a router is mounted twice, both ways must carry the tenant.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit import (
    Expected,
    Invalid,
    ModuleFacts,
    Project,
    Rule,
    Valid,
    matches_glob,
    matches_route,
)

TENANCY = {"app/tenancy.py": "def get_current_tenant() -> int:\n    return 1\n"}
HEAD = "from typing import Annotated\nfrom fastapi import APIRouter, Depends, FastAPI, Security\nfrom app.tenancy import get_current_tenant\n"
ROUTER = HEAD + "router = APIRouter()\n"
PLAIN = '@router.get("/users")\nasync def users(db=Depends(dict)):\n    return []\n'
CLASSES = """\
class Base:
    bot_id: int = Depends(get_current_tenant)
@controller(router)
class Users(Base):
    @router.get("/users")
    def users(self):
        return self.service.all()
"""
HELD = {
    **TENANCY,
    "app/held.py": "from fastapi import APIRouter, Depends\nfrom app.tenancy import get_current_tenant\nrouter = APIRouter()\n"
    + "".join(
        f"@router.get('/x{n}')\ndef x{n}(bot_id=Depends(get_current_tenant)):\n    return bot_id\n"
        for n in range(3)
    ),
}
MODELS = (
    "from sqlalchemy import Column, Integer\nfrom sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): ...\n"
    'class Order(Base):\n    __tablename__ = "orders"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer)\n'
)


class MissingTenantDependency(Rule):
    """See the module."""

    code = "TF1"
    name = "missing-tenant-dependency"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports routes that can be reached without a tenant."""
        if policy.routes.http_paths and not any(
            matches_glob(module.path, item.removeprefix("/")) for item in policy.routes.http_paths
        ):
            return
        for route in index.routes_of(module.path):
            if route.has_tenant or route.method == "WEBSOCKET":
                continue
            open_paths = [
                path
                for path in route.open_paths
                if not matches_route(route.method, path, policy.routes.public)
            ]
            if not open_paths:
                continue
            where = open_paths[0] or "/"
            message = f"{route.method} {where} ({route.function}) has no tenant dependency"
            closed = len(route.paths) - len(route.open_paths)
            reasons = [f"its router is made at {route.router}"]
            if closed:
                reasons.append(f"{closed} other way to it carries the tenant; this one does not")
            span = (
                Span(route.span.line, route.span.column, route.span.line, route.span.end_column)
                if route.span.end_line == route.span.line
                else route.span
            )
            why = index.why_open(route)
            if why:
                yield self.found(route.path, span, message, severity=Severity.INFO, reason=[why, *reasons])
            else:
                yield self.found(route.path, span, message, reason=reasons)

    INVALID = (
        Invalid(ROUTER + PLAIN, (Expected(5, "GET /users (users) has no tenant dependency"),), TENANCY),
        Invalid(HEAD + "app = FastAPI()\n" + '@app.post("/pay")\ndef pay(): ...\n', (Expected(5, "POST /pay"),), TENANCY),
        Invalid(ROUTER + 'def users(): ...\nrouter.add_api_route("/users", users, methods=["GET", "POST"])\n', (Expected(6, "GET,POST /users"),), TENANCY),
        # Mounted twice, once without.
        Invalid(ROUTER + PLAIN + 'app = FastAPI()\napp.include_router(router, prefix="/a", dependencies=[Depends(get_current_tenant)])\napp.include_router(router, prefix="/b")\n',
                (Expected(5, "GET /b/users"),), TENANCY),
        Invalid(HEAD + 'def make():\n    router = APIRouter(prefix="/x")\n    @router.get("/y")\n    def y(): ...\n    return router\n', (Expected(6, "GET /x/y"),), TENANCY),
        Invalid(ROUTER + PLAIN, (Expected(5, "GET /api/users"),), {**TENANCY, "app/main.py": 'from fastapi import FastAPI\nfrom app import checked\napp = FastAPI()\napp.include_router(checked.router, prefix="/api")\n'}),
        # Its calls are all seen and come to no tenant's table.
        Invalid(ROUTER + 'def number():\n    return "1".strip()\n@router.get("/build")\ndef build():\n    return {"version": number()}\n', (Expected(7, "GET /build", Severity.INFO),), TENANCY),
        Invalid(ROUTER + 'from app.models import Order\nfrom sqlalchemy import select\n@router.get("/x")\ndef x(db=Depends(dict)):\n    return db.execute(select(Order))\n', (Expected(7, "GET /x"),), {**TENANCY, "app/models.py": MODELS}),
        # Nobody belongs yet to a tenant that is made here.
        Invalid(ROUTER + 'from app.models import Bot\n@router.post("/bots")\ndef create(body: dict, db=Depends(dict)):\n    db.add(Bot(**body))\n', (Expected(6, "POST /bots", Severity.INFO),), {**TENANCY, "app/models.py": MODELS.replace("bot_id = Column(Integer)", 'bot_id = Column(ForeignKey("bots.id"))').replace("Column, Integer", "Column, ForeignKey, Integer") + 'class Bot(Base):\n    __tablename__ = "bots"\n    id = Column(Integer, primary_key=True)\n'}),
        # Only a protocol is seen: what answers may read anything.
        Invalid(ROUTER + 'from typing import Protocol\nclass Orders(Protocol):\n    def all(self): ...\n@router.get("/x")\ndef x(orders: Orders):\n    return orders.all()\n', (Expected(8, "GET /x"),), TENANCY),
        # What a class has from a package that stores nothing reads no rows.
        Invalid(ROUTER + 'from pydantic import BaseModel\nclass Env(BaseModel):\n    name: str\nenv = Env(name="x")\n@router.get("/env")\ndef show():\n    return env.dict()\n', (Expected(9, "GET /env", Severity.INFO),), TENANCY),
        Invalid(ROUTER + 'from sqlmodel import SQLModel\nclass Env(SQLModel):\n    name: str\nenv = Env(name="x")\n@router.get("/env")\ndef show():\n    return env.load()\n', (Expected(9, "GET /env", Severity.ERROR),), TENANCY),
        Invalid(ROUTER + 'def require_superuser(): ...\n@router.get("/all", dependencies=[Depends(require_superuser)])\ndef everything(db=Depends(dict)):\n    return db.load()\n', (Expected(6, "GET /all", Severity.INFO),), TENANCY),
        # Who holds the secret, or is logged in and asks for what is theirs.
        Invalid(ROUTER + '@router.get("/invites/{invite_token}")\ndef invite(invite_token: str, db=Depends(dict)):\n    return db.load(invite_token)\n', (Expected(5, "GET /invites/{invite_token}", Severity.INFO),), TENANCY),
        Invalid(ROUTER + 'def current_user(): ...\n@router.get("/users/me")\ndef me(user=Depends(current_user), db=Depends(dict)):\n    return db.load(user.id)\n', (Expected(6, "GET /users/me", Severity.INFO),), TENANCY),
        Invalid(ROUTER + '@router.get("/users/me")\ndef me(db=Depends(dict)):\n    return db.load()\n', (Expected(5, "GET /users/me"),), TENANCY),
        Invalid(ROUTER + 'def current_user(): ...\n@router.get("/users/me")\ndef me(user=Depends(current_user), db=Depends(dict)):\n    return db.load(user.id, bot_id)\n', (Expected(6, "GET /users/me"),), TENANCY),
        # Among routes with a tenant, one for who is logged in that is seen to read nothing of a tenant's; one that does.
        Invalid(ROUTER + 'from app.models import Order\nfrom app.tools import registry\ndef current_user(): ...\n@router.get("/tools")\ndef tools(user=Depends(current_user)):\n    return registry().all()\n', (Expected(8, "GET /tools", Severity.INFO),), {**HELD, "app/models.py": MODELS, "app/tools.py": "def registry(): ...\n"}),
        Invalid(ROUTER + 'from app.models import Order\nfrom app.tools import registry\ndef current_user(): ...\n@router.get("/tools")\ndef tools(db, user=Depends(current_user)):\n    return registry(db).all()\n', (Expected(8, "GET /tools"),), {**HELD, "app/models.py": MODELS, "app/tools.py": "from app.models import Order\ndef registry(db):\n    return db.query(Order).all()\n"}),
        # Class-based views, one without the tenant.
        Invalid(ROUTER + CLASSES.replace("Depends(get_current_tenant)", "Depends(dict)"), (Expected(9, "GET /users"),), TENANCY),
        Invalid(ROUTER + 'def role(name):\n    def inner(user=Depends(dict)): ...\n    return Depends(inner)\n@router.get("/users")\ndef users(user=role("a")): ...\n', (Expected(8, "GET /users"),), TENANCY),
    )  # fmt: skip
    VALID = (
        # The tenant is asked for in the body, by a helper.
        Valid(ROUTER + 'async def context(user):\n    return get_current_tenant()\n@router.get("/users")\nasync def users(user=Depends(dict)):\n    bot_id = await context(user)\n    return load(bot_id)\n', TENANCY),
        Valid(HEAD + 'class UserRouter(APIRouter):\n    def __init__(self, **rest):\n        super().__init__(dependencies=[Depends(get_current_tenant)], **rest)\nrouter = UserRouter(prefix="/u")\n' + PLAIN, TENANCY),
        Valid(ROUTER + '@router.get("/users")\nasync def users(bot_id: int = Depends(get_current_tenant)): ...\n', TENANCY),
        Valid(ROUTER + '@router.get("/users")\nasync def users(bot_id: Annotated[int, Depends(get_current_tenant)]): ...\n', TENANCY),
        Valid(ROUTER + 'Tenant = Annotated[int, Depends(get_current_tenant)]\n@router.get("/users")\nasync def users(bot_id: Tenant): ...\n', TENANCY),
        Valid(ROUTER + '@router.get("/users")\nasync def users(bot_id=Security(get_current_tenant, scopes=["x"])): ...\n', TENANCY),
        Valid(ROUTER + 'def user(bot_id=Depends(get_current_tenant)): ...\n@router.get("/users")\nasync def users(user=Depends(user)): ...\n', TENANCY),
        Valid(ROUTER + 'class Access:\n    def __init__(self, role): ...\n    def __call__(self, bot_id=Depends(get_current_tenant)): ...\n@router.get("/users")\nasync def users(user=Depends(Access("admin"))): ...\n', TENANCY),
        Valid(ROUTER + '@router.get("/users", dependencies=[Depends(get_current_tenant)])\nasync def users(): ...\n', TENANCY),
        Valid(HEAD + 'router = APIRouter(dependencies=[Depends(get_current_tenant)])\n' + PLAIN, TENANCY),
        Valid(ROUTER + PLAIN + 'app = FastAPI()\napp.include_router(router, dependencies=[Depends(get_current_tenant)])\n', TENANCY),
        Valid(ROUTER + PLAIN + 'app = FastAPI(dependencies=[Depends(get_current_tenant)])\napp.include_router(router)\n', TENANCY),
        Valid(ROUTER + CLASSES, TENANCY),
        Valid(ROUTER + 'def role(name):\n    def inner(bot_id=Depends(get_current_tenant)): ...\n    return Depends(inner)\n@router.get("/users")\ndef users(user=role("a")): ...\n', TENANCY),
        Valid(ROUTER + 'def role(name):\n    def inner(bot_id=Depends(get_current_tenant)): ...\n    return Depends(inner)\n@router.get("/users", dependencies=[role("a")])\ndef users(): ...\n', TENANCY),
        Valid(ROUTER + '@router.get("/health")\ndef health(): ...\n', TENANCY),
        Valid('from flask import Flask\napp = Flask(__name__)\n@app.get("/users")\ndef users(): ...\n'),
    )  # fmt: skip
