"""A WebSocket or a webhook outside of any tenant.

What it does
------------
Finds the WebSocket routes of FastAPI without the tenant dependency, and the routes of aiohttp, and looks in the handler and in what it
calls for the tenant.

Why is this bad?
----------------
What a socket sends goes to the clients of all tenants, and what a webhook brings in is booked for whichever tenant comes first.

Example
-------
    @router.websocket("/ws")
    async def events(socket: WebSocket):
        await emitter.register(socket)

Use instead
-----------
    @router.websocket("/ws")
    async def events(socket: WebSocket, bot_id: int = Depends(get_socket_tenant)):
        await emitter.register(socket, bot_id)

Not reported
------------
Handlers that take the tenant from the token, the path or the context, or that a called function takes it for; public paths of the
policy. Handlers of aiohttp in a file that, with all that it imports, knows neither a tenant's table nor a database or Redis are an `info`. Webhooks of FastAPI are ordinary routes, and TF1's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Const,
    Expected,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Project,
    Rule,
    Valid,
    knows_tenant,
    matches_route,
    name_of,
    says_tenant,
    text_of,
    words,
)

_ADDERS = {
    "add_get": "GET",
    "add_post": "POST",
    "add_put": "PUT",
    "add_patch": "PATCH",
    "add_delete": "DELETE",
    "add_route": "",
    "add_view": "*",
}
_DECORATED = {"get": "GET", "post": "POST", "put": "PUT", "patch": "PATCH", "delete": "DELETE", "view": "*"}


MODELS = (
    "from sqlalchemy import Column, Integer\nfrom sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): ...\n"
    'class Order(Base):\n    __tablename__ = "orders"\n    id = Column(Integer, primary_key=True)\n    bot_id = Column(Integer)\n'
)


class SocketWithoutTenant(Rule):
    """See the module."""

    code = "TF5"
    name = "socket-without-tenant"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports sockets and webhooks whose handlers know no tenant."""
        if any(item.target.startswith(("fastapi", "starlette")) for item in module.import_sites):
            for route in index.routes_of(module.path):
                if route.method != "WEBSOCKET" or route.has_tenant:
                    continue
                handler = module.functions.get(route.function) if route.function_path == module.path else None
                if handler is not None and self._knows(index, handler, policy):
                    continue
                open_paths = [
                    path
                    for path in route.open_paths
                    if not matches_route(route.method, path, policy.routes.public)
                ]
                if open_paths:
                    why = index.why_open(route)
                    yield self.found(
                        module.path,
                        route.span,
                        f"the WebSocket {open_paths[0]} ({route.function}) knows no tenant",
                        severity=Severity.INFO if why else None,
                        reason=[why] if why else [],
                    )
        if any(item.target.startswith("aiohttp") for item in module.import_sites):
            yield from self._aiohttp(module, index, policy)

    def _aiohttp(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        for function in module.functions.values():
            for call in function.calls:
                method = _ADDERS.get(call.name)
                if method is None:
                    if (
                        call.name not in _DECORATED
                        or index.callee_name(module.path, function, call) != f"aiohttp.web.{call.name}"
                    ):
                        continue
                    method = _DECORATED[call.name]
                first = 1 if call.name == "add_route" else 0
                path, handler = call.argument(first, "path"), call.argument(first + 1, "handler")
                if path is None or handler is None:
                    continue
                target = index.callee(module.path, function, Call(handler, (), (), call.span))
                where = text_of(path) or f"{{{name_of(path)}}}"
                yield from self._judge(module, index, policy, call, method, where, target)
            for decorator in function.decorators:
                if (
                    isinstance(decorator, Call)
                    and decorator.name in _DECORATED
                    and decorator.receiver is not None
                ):
                    owner = index.type_name(module.path, module.top, decorator.receiver)
                    if owner.startswith("aiohttp."):
                        path = decorator.argument(0, "path")
                        where = text_of(path) if path is not None else ""
                        yield from self._judge(
                            module, index, policy, decorator, _DECORATED[decorator.name], where, function
                        )

    def _judge(
        self,
        module: ModuleFacts,
        index: Project,
        policy: Policy,
        call: Call,
        method: str,
        where: str,
        target: FunctionFacts | None,
    ) -> Iterable[Diagnostic]:
        if matches_route(method, where, policy.routes.public) or any(
            says_tenant(name, policy) for name in re.findall(r"{(\w+)", where)
        ):
            return
        if target is None:
            message = f"cannot tell whether the handler of {method} {where} knows the tenant: it is not seen"
            yield self.found(module.path, call.span, message, severity=Severity.INFO)
        elif self._trivial(target) or self._knows(index, target, policy):
            return
        else:
            message = f"{method} {where} ({target.qualname}) knows no tenant"
            why = index.why_harmless(target)
            if why:
                yield self.found(module.path, call.span, message, severity=Severity.INFO, reason=[why])
            else:
                yield self.found(module.path, call.span, message)

    def _trivial(self, handler: FunctionFacts) -> bool:
        """Whether a handler only answers that it is alive."""
        return any(
            word in ("health", "ping", "ready", "alive", "metrics", "healthcheck")
            for word in words(handler.name)
        ) or all(
            isinstance(item, Const) or (isinstance(item, Call) and item.name in ("Response", "json_response"))
            for item in handler.calls
        )

    def _knows(self, index: Project, function: FunctionFacts, policy: Policy) -> bool:
        if knows_tenant(function, policy):
            return True
        for call in function.calls:
            target = index.callee(function.path, function, call)
            if target is not None and target is not function and knows_tenant(target, policy):
                return True
        return False

    INVALID = (
        Invalid('from fastapi import APIRouter, Depends, WebSocket\nfrom app.tenancy import get_current_tenant\nrouter = APIRouter()\n@router.websocket("/ws")\nasync def events(socket: WebSocket):\n    await register(socket)\n', (Expected(4, "the WebSocket /ws (events) knows no tenant"),)),
        Invalid('from aiohttp import web\nasync def paid(request):\n    return await book(await request.json())\ndef make():\n    app = web.Application()\n    app.router.add_post("/paid", paid)\n    return app\n', (Expected(6, "POST /paid (paid) knows no tenant"),)),
        Invalid('from aiohttp import web\nclass Hooks:\n    async def paid(self, request):\n        return await book(request)\n    def make(self, app):\n        app.router.add_route("POST", "/paid", self.paid)\n        app.router.add_get("/other", build())\n', (Expected(6, "/paid (Hooks.paid)"), Expected(7, "cannot tell", Severity.INFO))),
        Invalid('from aiohttp import web\nroutes = web.RouteTableDef()\n@routes.post("/paid")\nasync def paid(request):\n    return await book(request)\n', (Expected(3, "/paid (paid)"),)),
        Invalid('from aiohttp import web\nfrom app.browser import pages\nasync def listed(request):\n    return await pages.all(request)\ndef make(app):\n    app.router.add_get("/json", listed)\n', (Expected(6, "GET /json", Severity.INFO),), {"app/browser.py": "import os\n", "app/models.py": MODELS}),
        Invalid('from aiohttp import web\nfrom app.browser import pages\nasync def listed(request):\n    return await pages.all(request)\ndef make(app):\n    app.router.add_get("/json", listed)\n', (Expected(6, "GET /json"),), {"app/browser.py": "from app.models import Order\n", "app/models.py": MODELS}),
    )  # fmt: skip
    VALID = (
        Valid('from fastapi import APIRouter, Depends, WebSocket\nfrom app.tenancy import get_current_tenant\nrouter = APIRouter()\n@router.websocket("/ws")\nasync def events(socket: WebSocket, bot_id: int = Depends(get_current_tenant)):\n    await register(socket)\n'),
        Valid('from fastapi import APIRouter, Depends, WebSocket\nfrom app.tenancy import get_current_tenant\nrouter = APIRouter()\n@router.websocket("/ws")\nasync def events(socket: WebSocket):\n    claims = read(socket)\n    await register(socket, claims["bot_id"])\n'),
        Valid('from fastapi import APIRouter, Depends, WebSocket\nfrom app.tenancy import get_current_tenant\nrouter = APIRouter()\nasync def enter(socket):\n    return socket.state.bot_id\n@router.websocket("/ws")\nasync def events(socket: WebSocket):\n    await register(socket, await enter(socket))\n'),
        Valid('from aiohttp import web\nasync def paid(request):\n    return await book(request)\nasync def health(request):\n    return web.json_response(await state())\ndef make(app):\n    app.router.add_post("/paid/{bot_id}", paid)\n    app.router.add_get("/up", health)\n'),
        Valid('def make(app, paid):\n    app.router.add_post("/paid", paid)\n'),
    )  # fmt: skip
