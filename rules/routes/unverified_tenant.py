"""A tenant that the client names and nobody verifies.

What it does
------------
Finds parameters of routes and dependencies that are named as the tenant and come from the path, a header, the query, a cookie or the
body, and looks for a comparison with the verified tenant, a call that checks access, or a dependency that takes the same parameter.

Why is this bad?
----------------
Whoever is logged in at one tenant writes another's id into the URL or the header, and gets its data.

Example
-------
    @router.get("/tenants/{bot_id}/users")
    async def users(bot_id: int, user: User = Depends(get_user)):
        return await list_users(bot_id)

Use instead
-----------
    @router.get("/tenants/{bot_id}/users")
    async def users(bot_id: int, current: int = Depends(get_current_tenant)):
        if bot_id != current:
            raise HTTPException(403)
        return await list_users(current)

Not reported
------------
A parameter that is compared, checked, looked up together with the user, or not used; a dependency of the route that takes the same
parameter and does more than to return it; public routes of the policy; routes that a check of the service's own people guards
(`require_superuser`, `get_platform_actor`). Fields of body models are another rule's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Compare,
    Const,
    Expected,
    FunctionFacts,
    Invalid,
    Item,
    Items,
    ModuleFacts,
    Parameter,
    Project,
    Ref,
    Route,
    Rule,
    Valid,
    Value,
    is_staff,
    last_part,
    matches_route,
    module_value,
    name_of,
    says_tenant,
    spoken,
    walk,
    words,
)

_SOURCES = {
    "Header": "a header",
    "Query": "the query",
    "Path": "the path",
    "Cookie": "a cookie",
    "Body": "the body",
    "Form": "a form",
}
_CHECKS = frozenset(
    "verify verified check require ensure validate authorize authorise authenticate assert allowed access member membership permission permissions can belongs enforce guard".split()  # noqa: SIM905
)
_RAW = {"headers": "a header", "query_params": "the query", "cookies": "a cookie"}
_COMPARED = frozenset(("==", "!=", "in", "not in", "is", "is not"))


def _refers(value: Value, name: str) -> bool:
    return any(isinstance(item, Ref) and item.dotted.partition(".")[0] == name for item in walk(value))


def _depends(
    index: Project, function: FunctionFacts, value: Value | None, depth: int = 0
) -> Iterator[tuple[Call, Value | None]]:
    """The `Depends(…)` in an annotation or default, aliases followed, with the annotated class."""
    if value is None or depth > 4:
        return
    if isinstance(value, Call) and value.name in ("Depends", "Security"):
        yield value, None
    elif isinstance(value, Item) and isinstance(value.key, Items):
        for part in value.key.items[1:]:
            if isinstance(part, Call) and part.name in ("Depends", "Security"):
                yield part, value.key.items[0]
    elif isinstance(value, Ref):
        held = module_value(index, function.path, function, value)
        if held is not value:
            yield from _depends(index, function, held, depth + 1)


def _named(call: Call) -> str:
    """What a dependency is called: the function, or the factory that makes it."""
    target = call.argument(0, "dependency")
    return name_of(target.func if isinstance(target, Call) else target)


TENANCY = {"app/tenancy.py": "def get_current_tenant() -> int:\n    return 1\n"}
HEAD = (
    "from typing import Annotated\nfrom fastapi import APIRouter, Body, Depends, Header, HTTPException, Query\n"
    "from app.tenancy import get_current_tenant\nrouter = APIRouter()\n"
)


class UnverifiedTenant(Rule):
    """See the module."""

    code = "TF3"
    name = "unverified-tenant"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports tenants that come from the client as they are."""
        routed: dict[str, Route] = (
            {route.function: route for route in index.routes_of(module.path)}
            if any(
                says_tenant(item.name, policy)
                for function in module.functions.values()
                for item in function.params
            )
            else {}
        )
        for function in module.functions.values():
            route = routed.get(function.qualname)
            if route is not None and all(
                matches_route(route.method, path, policy.routes.public) for path in route.paths
            ):
                continue
            yield from self._raw(module.path, function, index, policy)
            for item in function.params:
                if not says_tenant(item.name, policy) or item.kind in ("*", "**"):
                    continue
                source = self._source(item, route, index, function)
                if (
                    not source
                    or not self._used(function, item.name)
                    or self._verified(index, function, item.name, route)
                ):
                    continue
                message = f'the tenant "{item.name}" comes from {source} and is never compared with the verified one'
                staff = index.staff_of(function)
                if staff:
                    yield self.found(
                        module.path, function.header, message, severity=Severity.INFO, reason=[staff]
                    )
                else:
                    yield self.found(module.path, function.header, message)

    def _raw(
        self, path: str, function: FunctionFacts, index: Project, policy: Policy
    ) -> Iterable[Diagnostic]:
        """What takes the tenant from `request.headers` and hands it on as it is: returned, or kept in `request.state`."""
        for call in function.calls:
            key = call.argument(0, "key") if call.name == "get" else None
            if not isinstance(key, Const) or not isinstance(key.value, str):
                continue
            owner = last_part(name_of(call.receiver)) if call.receiver is not None else ""
            if owner not in _RAW or not says_tenant(spoken(key.value), policy):
                continue
            given = [*function.returns, *(item.value for item in function.writes)]
            if not any(part is call for value in given for part in walk(value)):
                continue
            if self._looked_at(function, call):
                continue
            message = f"the tenant is taken from {_RAW[owner]} as the client wrote it"
            # Whether who is logged in belongs to it may be asked later, where this cannot be seen.
            yield self.found(path, call.span, message, severity=Severity.WARNING)

    def _looked_at(self, function: FunctionFacts, call: Call) -> bool:
        """Whether the function compares what it read, or does anything with a token or a check besides."""
        for test in function.checks:
            for item in walk(test):
                sides = (item.left, item.right) if isinstance(item, Compare) else ()
                if any(any(part is call for part in walk(side)) for side in sides) and not any(
                    isinstance(side, Const) for side in sides
                ):
                    return True
        return any(
            other is not call
            and ({"decode", "claims", "user", "membership"} | _CHECKS).intersection(words(other.name))
            for other in function.calls
        )

    def _source(self, item: Parameter, route: Route | None, index: Project, function: FunctionFacts) -> str:
        """Where the client puts a parameter; "" where it is no client's."""
        for value in (item.default, item.annotation):
            if any(True for _ in _depends(index, function, value)):
                return ""
            for part in walk(value) if value is not None else ():
                if isinstance(part, Call) and part.name in _SOURCES:
                    return _SOURCES[part.name]
        if route is None:
            return ""
        if any(f"{{{item.name}}}" in path or f"{{{item.name}:" in path for path in route.paths):
            return "the path"
        named = item.annotation
        plain = named is None or any(
            isinstance(part, Ref) and part.last in ("int", "str", "UUID", "UUID4") for part in walk(named)
        )
        return "the query" if plain and (item.default is None or isinstance(item.default, Const)) else ""

    def _used(self, function: FunctionFacts, name: str) -> bool:
        parts: list[Value] = [*function.calls, *function.returns, *(sink.value for sink in function.sinks)]
        parts.extend(value for key, value in function.variables.items() if key != name)
        parts.extend(item.value for item in function.stores)
        return any(_refers(part, name) for part in parts)

    def _verified(self, index: Project, function: FunctionFacts, name: str, route: Route | None) -> bool:
        if self._checked(function, name):
            return True
        pending = [(function, value) for item in function.params for value in (item.default, item.annotation)]
        if route is not None:
            pending += [
                (function, item) for decorator in function.decorators for item in self._listed(decorator)
            ]
            pending += [(top, item) for top, item in self._mounted(index)]
        for where, value in pending:
            for call, kind in _depends(index, where, value):
                if is_staff(_named(call)):
                    return True
                target = self._target(index, where, call, kind)
                if target is not None and target is not function and target.parameter(name) is not None:
                    bare = all(isinstance(item, Ref) and item.dotted == name for item in target.returns)
                    if not bare or self._checked(target, name) or not target.returns:
                        return True
        return False

    def _checked(self, function: FunctionFacts, name: str) -> bool:
        """Whether the function itself compares, checks or looks up the tenant with the user."""
        for test in function.checks:
            for part in walk(test):
                if (
                    isinstance(part, Compare)
                    and part.op in _COMPARED
                    and (_refers(part.left, name) or _refers(part.right, name))
                ):
                    other = part.right if _refers(part.left, name) else part.left
                    if not isinstance(other, Const):
                        return True
        if any(is_staff(call.name) and _CHECKS.intersection(words(call.name)) for call in function.calls):
            return True
        if any(
            {"membership", "memberships", "member", "members"}.intersection(said)
            and {"fetch", "get", "is", "find", "check", "has", "load"}.intersection(said)
            for said in (words(call.name) for call in function.calls)
        ):
            return True  # who belongs to which tenants is asked, and what comes of it is looked through
        users = {
            item.name
            for item in function.params
            if item.name != name
            and any(
                word
                in (
                    "user",
                    "principal",
                    "claims",
                    "token",
                    "membership",
                    "identity",
                    "auth",
                    "admin",
                    "account",
                    "ctx",
                    "context",
                    "actor",
                    "viewer",
                    "caller",
                    "subject",
                )
                for word in words(item.name)
            )
        }
        for call in function.calls:
            given = (*call.args, *(value for _, value in call.kwargs))
            if not any(_refers(arg, name) for arg in given):
                continue
            if any(word in _CHECKS for word in words(call.name)) or any(
                _refers(arg, user) for arg in given for user in users
            ):
                return True
        return any(
            _refers(sink.value, name) and any(_refers(sink.value, user) for user in users)
            for sink in function.sinks
        )

    def _listed(self, call: Value) -> Iterator[Value]:
        held = call.argument(10_000, "dependencies") if isinstance(call, Call) else None
        if isinstance(held, Items):
            yield from held.items

    def _mounted(self, index: Project) -> Iterator[tuple[FunctionFacts, Value]]:
        for name in ("APIRouter", "include_router", "FastAPI"):
            for site in index.calls_named(name):
                if site.function.name == "<module>":
                    yield from ((site.function, item) for item in self._listed(site.call))

    def _target(
        self, index: Project, function: FunctionFacts, call: Call, kind: Value | None
    ) -> FunctionFacts | None:
        target = call.argument(0, "dependency") or kind
        if isinstance(target, Call):  # an instance: its __call__, or what a factory returns
            made = index.type_name(function.path, function, target)
            found = index.function(f"{made}.__call__")
            if found is not None:
                return found
            factory = index.callee(function.path, function, target)
            inner = (
                [
                    item
                    for item in index.modules[factory.path].functions.values()
                    if item.parent == factory.qualname
                ]
                if factory
                else []
            )
            return inner[0] if len(inner) == 1 else None
        return (
            index.callee(function.path, function, Call(target, (), (), call.span))
            if target is not None
            else None
        )

    INVALID = (
        Invalid(HEAD + '@router.get("/t/{bot_id}/users")\ndef users(bot_id: int, user=Depends(dict)):\n    return load(bot_id)\n', (Expected(6, 'the tenant "bot_id" comes from the path'),), TENANCY),
        Invalid(HEAD + '@router.get("/users")\ndef users(bot_id: int, current=Depends(get_current_tenant)):\n    return load(bot_id)\n', (Expected(6, "the query"),), TENANCY),
        Invalid(HEAD + '@router.get("/users")\ndef users(x_tenant_id: str = Header(...)):\n    return load(x_tenant_id)\n', (Expected(6, "a header"),), TENANCY),
        Invalid(HEAD + '@router.post("/users")\ndef users(bot_id: Annotated[int, Body()], q: int = Query(1)):\n    row = User(bot_id=bot_id)\n    return row\n', (Expected(6, "the body"),), TENANCY),
        Invalid(HEAD + 'def tenant(x_tenant_id: str = Header()):\n    return x_tenant_id\n@router.get("/users")\ndef users(bot_id=Depends(tenant)):\n    return load(bot_id)\n', (Expected(5, "a header"),), TENANCY),
        Invalid(HEAD + '@router.get("/t/{bot_id}")\ndef users(bot_id: int):\n    if bot_id == 0:\n        return None\n    return load(bot_id)\n', (Expected(6, "the path"),), TENANCY),
        Invalid(HEAD + 'def tenant(request):\n    return request.headers.get("X-Tenant-ID")\n', (Expected(6, "taken from a header as the client wrote it", Severity.WARNING),), TENANCY),
        Invalid(HEAD + 'class M:\n    async def dispatch(self, request, call_next):\n        bot_id = request.headers.get("x-bot-id")\n        if not bot_id:\n            raise HTTPException(400)\n        request.state.bot_id = int(bot_id)\n        return await call_next(request)\n', (Expected(7, "a header", Severity.WARNING),), TENANCY),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + '@router.get("/t/{bot_id}")\ndef users(bot_id: int, request=None):\n    mine = fetch_memberships(request.state.user_id)\n    if not next((m for m in mine if m.bot_id == bot_id), None):\n        raise HTTPException(403)\n    return load(bot_id)\n', TENANCY),
        Valid(HEAD + 'def context(): ...\n@router.get("/tenants/{bot_id}/users")\nasync def users(bot_id: int, ctx=Depends(context)):\n    if not of_person(ctx, bot_id):\n        raise HTTPException(404)\n    return await list_users(bot_id)\n', TENANCY),
        Valid(HEAD + 'class M:\n    async def dispatch(self, request, call_next):\n        bot_id = request.headers.get("x-bot-id")\n        if bot_id != request.state.claims["bot_id"]:\n            raise HTTPException(403)\n        request.state.bot_id = bot_id\n        return await call_next(request)\n', TENANCY),
        Valid(HEAD + 'def tenant(request):\n    bot_id = request.headers.get("x-bot-id")\n    check_membership(request.user, bot_id)\n    return bot_id\n', TENANCY),
        Valid(HEAD + 'def called(response):\n    return response.headers.get("x-trace-id")\n', TENANCY),
        Valid(HEAD + 'def log(request):\n    print(request.headers.get("x-bot-id"))\n', TENANCY),
        Valid(HEAD + '@router.get("/t/{bot_id}")\ndef users(bot_id: int, actor=Depends(get_platform_actor)):\n    return load(bot_id)\n@router.get("/u/{bot_id}")\ndef more(bot_id: int, user=Depends(require_role("superuser")), other=Depends(require_superuser("x"))):\n    return load(bot_id)\n', TENANCY),
        Valid(HEAD + '@router.get("/t/{bot_id}")\ndef users(bot_id: int, actor=Depends(dict)):\n    _require_platform_actor(actor)\n    return load(bot_id)\n', TENANCY),
        Valid(HEAD + '@router.get("/t/{bot_id}")\ndef users(bot_id: int, current: int = Depends(get_current_tenant)):\n    if bot_id != current:\n        raise HTTPException(403)\n    return load(bot_id)\n', TENANCY),
        Valid(HEAD + '@router.get("/users")\ndef users(bot_id: int = Depends(get_current_tenant), other: Annotated[int, Depends(get_current_tenant)] = 1):\n    return load(bot_id)\n', TENANCY),
        Valid(HEAD + '@router.get("/t/{bot_id}")\ndef users(bot_id: int, user=Depends(dict)):\n    verify_access(bot_id)\n    return load(bot_id)\n', TENANCY),
        Valid(HEAD + '@router.get("/t/{bot_id}")\ndef users(bot_id: int, user=Depends(dict)):\n    return load(bot_id, user.id)\n', TENANCY),
        Valid(HEAD + 'def member(bot_id: int, user=Depends(dict)):\n    return find(bot_id, user)\n@router.get("/t/{bot_id}")\ndef users(bot_id: int, m=Depends(member)):\n    return load(bot_id)\n@router.get("/u/{bot_id}", dependencies=[Depends(member)])\ndef more(bot_id: int):\n    return load(bot_id)\n', TENANCY),
        Valid(HEAD + 'def member(bot_id: int, user=Depends(dict)):\n    return find(bot_id, user)\nMember = Annotated[dict, Depends(member)]\n@router.get("/t/{bot_id}")\ndef users(bot_id: int, m: Member):\n    return load(bot_id)\n', TENANCY),
        Valid(HEAD + '@router.get("/t/{bot_id}")\ndef users(bot_id: int):\n    return 1\n@router.get("/health")\ndef health(bot_id: int):\n    return load(bot_id)\n', TENANCY),
        Valid("def load(bot_id: int):\n    return bot_id\n"),
    )  # fmt: skip
