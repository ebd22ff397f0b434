"""A row that a route loads by a key of the request and hands on without a look at its tenant.

What it does
------------
Finds routes that call a function with a path, query or body parameter, where that function (itself, or by what it returns) loads a tenant's
row and nothing holds the row to the tenant: the function is given no tenant, and the route neither compares the row's tenant nor hands
the row to a check.

Why is this bad?
----------------
The user is known, the row is not theirs: the route should answer 403 or 404, and answers with another tenant's data. Permissions that never
see the row do not help.

Example
-------
    @router.get("/orders/{order_id}")
    async def show(order_id: int, db=Depends(get_db), user=Depends(get_user)):
        return await load_order(db, order_id)

Use instead
-----------
    @router.get("/orders/{order_id}")
    async def show(order_id: int, db=Depends(get_db), user=Depends(get_user)):
        order = await load_order(db, order_id)
        if order.bot_id != user.bot_id:
            raise HTTPException(403)
        return order

Not reported
------------
Rows that the route loads with a query of its own: the rules on queries tell of them at the query. Calls that pass the tenant, or a row of
its; rows whose tenant is compared, in the route or where it hands them; a permission check that is given the row or its key, also as a
dependency that takes the same key or reads the request's path; a second load of a row whose key was loaded with the tenant before; public
routes of the policy; sessions that row level security holds. Routes of operators (`/backoffice`) are told as `info`. Where the helper's statement itself cannot be decided, its own rule says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Compare,
    Expected,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Project,
    QueryVerdict,
    Ref,
    Route,
    Rule,
    Scoped,
    Valid,
    Value,
    is_staff,
    matches_route,
    mentions_tenant,
    module_value,
    walk,
    words,
)
from merge_tool.rulekit.known import has_tenant, names_tenant_object
from merge_tool.rulekit.values import Attr, children

_CHECKS = frozenset(
    "member members membership verify verified check require ensure validate authorize authorise assert allowed access permission permissions can may belongs enforce guard owns owner".split()  # noqa: SIM905
)
_PERSONS = frozenset(("user", "principal", "account", "identity", "auth", "actor", "member", "caller"))
_KEYS = frozenset(("id", "ids", "uuid", "uuids", "key", "slug", "pk", "code", "number", "guid"))
_LOADS = frozenset(("select", "query", "get"))
_MAX_DEPTH = 3

FILES = {
    "app/models.py": """\
from sqlalchemy import Column, Integer
from sqlalchemy.orm import DeclarativeBase
class Base(DeclarativeBase): pass
class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
class Country(Base):
    __tablename__ = "countries"
    id = Column(Integer, primary_key=True)
""",
    "app/crud.py": """\
from sqlalchemy import select
from app.models import Country, Order
async def load(db, key):
    return await db.get(Order, key)
async def find(db, key):
    return (await db.execute(select(Order).where(Order.id == key))).scalar_one_or_none()
async def mine(db, key, bot_id):
    return (await db.execute(select(Order).where(Order.id == key, Order.bot_id == bot_id))).scalar_one_or_none()
async def of_person(db, key, person):
    return (await db.execute(select(Order).where(Order.id == key, Order.person == person))).scalar_one_or_none()
async def country(db, key):
    return await db.get(Country, key)
async def outer(db, key):
    return await find(db, key)
class Orders:
    def __init__(self, db):
        self.db = db
    async def get(self, key):
        return await find(self.db, key)
def same_bot(order, bot_id):
    if order.bot_id != bot_id:
        raise ValueError
def check_access(user, thing): ...
""",
    "app/tenancy.py": "def get_current_tenant() -> int:\n    return 1\ndef get_tenant_session(): ...\ndef get_db(): ...\ndef get_user(): ...\n",
}
HEAD = "from typing import Annotated\nfrom fastapi import APIRouter, Depends, HTTPException, Request\nfrom app import crud\nfrom app.tenancy import get_current_tenant, get_db, get_tenant_session, get_user\nrouter = APIRouter()\n"
GET = "@router.get('/orders/{order_id}')\nasync def show(order_id: int, db=Depends(get_db), bot_id: int = Depends(get_current_tenant), user=Depends(get_user)):\n"


class UncheckedObject(Rule):
    """See the module."""

    code = "TF4"
    name = "unchecked-object"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports the calls of a file's routes that load rows which nobody compares."""
        routes = [item for item in index.routes_of(module.path) if item.function in module.functions]
        seen: set[str] = set()
        for route in routes:
            public = route.paths and all(
                matches_route(route.method, path, policy.routes.public) for path in route.paths
            )
            if not public and route.function not in seen:
                seen.add(route.function)
                yield from self._route(module.functions[route.function], route, index, policy)

    def _route(
        self, function: FunctionFacts, route: Route, index: Project, policy: Policy
    ) -> Iterator[Diagnostic]:
        sent = {item.name for item in function.params if item.kind == "positional" or item.kind == "keyword"}
        injected = {
            item.name for item in function.params if _injected(index, function, item.default, item.annotation)
        }
        sent -= injected
        if not sent or self._bound(function, policy):
            return
        for call in function.calls:
            given = [*call.args, *(value for _, value in call.kwargs)]
            keys = {key for item in given for key in _keys_in(item, sent, route)}
            if not keys or self._holds(function, call, given, policy):
                continue
            target = index.callee(function.path, function, call)
            if target is None or target.name == "__init__" or target is function:
                continue
            key = f"{self.code}:{target.path}:{target.qualname}"
            loaded = index.once(key, lambda: self._loads(index, target, policy, 0))  # noqa: B023  # called at once
            if loaded is None or self._checked(index, function, call, keys, policy):
                continue
            if self._guarded(index, function, keys):
                continue
            message = f"{target.name}() loads a row of {loaded.entity} by {min(keys)} from the request, and nothing compares its {policy.column}"
            reason = f"the row is loaded at {loaded.path}:{loaded.span.line}"
            places = (part for place in (function.path, *route.paths) for part in place.split("/"))
            own = ""
            operators = index.staff_of(function) or any(is_staff(part) for part in places)
            if operators:
                message += "; who may come here may be meant to see all tenants"
            elif own := next((text for item in given if (text := _own_key(item, injected))), ""):
                message += f"; it is loaded with {own} too, which may be whose row it is"
            severity = Severity.INFO if operators or own else None
            yield self.found(function.path, call.span, message, severity=severity, reason=[reason])

    def _bound(self, function: FunctionFacts, policy: Policy) -> bool:
        """Whether the route's session is one that row level security holds."""
        factories = {name.rpartition(".")[2] for name in policy.context.session_factories}
        return any(
            isinstance(item, Ref) and item.last in factories
            for parameter in function.params
            for value in (parameter.default, parameter.annotation)
            for item in (walk(value) if value is not None else ())
        ) or any(call.name in factories for call in function.calls)

    def _holds(self, function: FunctionFacts, call: Call, given: list[Value], policy: Policy) -> bool:
        """Whether a call passes the tenant, or is made on an object that was given it."""
        values = [*given, *([call.receiver] if call.receiver is not None else [])]
        for value in values:
            if mentions_tenant(value, policy, function):
                return True
        return names_tenant_object(values, policy)

    def _loads(
        self, index: Project, target: FunctionFacts, policy: Policy, depth: int
    ) -> QueryVerdict | None:
        """The statement of a function, or of what it returns, that loads a row and holds it to no tenant."""
        if has_tenant(target, policy):
            return None
        found = [
            item
            for item in index.query_verdicts(target.path)
            if item.function is target and item.kind in _LOADS and item.role == "main"
        ]
        if found:
            first = found[0]
            named = (
                "." not in first.entity and "(" not in first.entity
            )  # `self.model`: its own rule tells of it
            return first if named and first.scoped is Scoped.NO and target.returns else None
        if depth >= _MAX_DEPTH:
            return None
        for value in target.returns:
            for item in walk(value):
                inner = index.callee(target.path, target, item) if isinstance(item, Call) else None
                if inner is None or inner is target or inner.name == "__init__":
                    continue
                loaded = self._loads(index, inner, policy, depth + 1)
                if loaded is not None:
                    return loaded
        return None

    def _checked(
        self, index: Project, function: FunctionFacts, call: Call, keys: set[str], policy: Policy
    ) -> bool:
        """Whether the route compares the row, hands it to a check, or has held its key to the tenant elsewhere."""
        if index.compares_row(function, call):
            return True
        for check in function.checks:
            for item in walk(check):
                names_row = isinstance(item, Compare) and any(part is call for part in walk(item))
                if names_row and mentions_tenant(item, policy, function):
                    return True
        for other in function.calls:
            if other is call:
                continue
            if other.name == call.name and index.compares_row(function, other):
                return True  # loaded again: the row of that key was compared when it was loaded first
            given = [*other.args, *(value for _, value in other.kwargs)]
            sees_key = any(_sent_in(item, keys) for item in given)
            sees_row = any(part is call for item in given for part in walk(item))
            if (sees_key or sees_row) and _CHECKS.intersection(words(other.name)):
                return True
            if sees_key and any(mentions_tenant(item, policy, function) for item in given):
                return True
        return False

    def _guarded(self, index: Project, function: FunctionFacts, keys: set[str]) -> bool:
        """Whether a dependency of the route sees the key: as a parameter of its own, or in the request's path."""
        values = [part for item in function.params for part in (item.default, item.annotation)]
        values.extend(function.decorators)
        pending = [value for value in values if value is not None]
        seen: set[int] = set()
        while pending:
            for call in walk(module_value(index, function.path, function, pending.pop())):
                if not isinstance(call, Call) or call.name not in ("Depends", "Security") or not call.args:
                    continue
                for target in _targets(index, function, call.args[0]):
                    if id(target) in seen:
                        continue
                    seen.add(id(target))
                    takes = {item.name for item in target.params}
                    if takes & keys or _reads_path(target):
                        return True
        return False

    INVALID = (
        Invalid(HEAD + GET + "    return await crud.load(db, order_id)\n", (Expected(8, "load() loads a row of Order by order_id from the request, and nothing compares its bot_id"),), FILES),
        Invalid(HEAD + GET + "    order = await crud.find(db, order_id)\n    if order is None:\n        raise HTTPException(404)\n    return order\n", (Expected(8, "find() loads a row of Order"),), FILES),
        Invalid(HEAD + GET + "    return await crud.outer(db, key=order_id)\n", (Expected(8, "outer() loads"),), FILES),
        Invalid(HEAD + GET + "    return await crud.Orders(db).get(order_id)\n", (Expected(8, "get() loads"),), FILES),
        # The permission never sees the row.
        Invalid(HEAD + GET + "    crud.check_access(user, 'orders')\n    return await crud.find(db, order_id)\n", (Expected(9, "find() loads"),), FILES),
        Invalid(HEAD + "@router.post('/orders')\nasync def pay(body: dict, db=Depends(get_db)):\n    order = await crud.find(db, body.order_id)\n    order.paid = True\n", (Expected(8, "by body from the request"),), FILES),
        # Another row is compared.
        Invalid(HEAD + GET + "    other = await crud.mine(db, 1, bot_id)\n    if other.bot_id != bot_id:\n        raise HTTPException(403)\n    return await crud.find(db, order_id)\n", (Expected(11, "find()"),), FILES),
        # The person's own row, perhaps: whether the statement compares both cannot be told here.
        Invalid(HEAD + GET + "    return await crud.of_person(db, order_id, user.id)\n", (Expected(8, "it is loaded with user.id too", Severity.INFO),), FILES),
        Invalid(HEAD + "@router.get('/backoffice/{order_id}')\nasync def show(order_id: int, db=Depends(get_db)):\n    return await crud.find(db, order_id)\n", (Expected(8, "may be meant to see all tenants", Severity.INFO),), FILES),
        Invalid(HEAD + "def token(request: Request):\n    return request.headers['x'] == 'y'\n@router.get('/o/{name}', dependencies=[Depends(token)])\nasync def show(name: str, db=Depends(get_db)):\n    return await crud.find(db, name)\n", (Expected(10, "by name from the request"),), FILES),
        Invalid(HEAD + "@router.get('/o/{order_id}', dependencies=[Depends(get_user)])\nasync def show(order_id: int, db=Depends(get_db)):\n    return await crud.find(db, order_id)\n", (Expected(8, "find()"),), FILES),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + GET + "    return await crud.mine(db, order_id, bot_id)\n", FILES),
        Valid(HEAD + GET + "    order = await crud.find(db, order_id)\n    if order.bot_id != bot_id:\n        raise HTTPException(403)\n    return order\n", FILES),
        Valid(HEAD + GET + "    order = await crud.load(db, order_id)\n    if order is None or order.bot_id != user.bot_id:\n        raise HTTPException(404)\n    return order\n", FILES),
        Valid(HEAD + GET + "    order = await crud.find(db, order_id)\n    crud.same_bot(order, bot_id)\n    return order\n", FILES),
        Valid(HEAD + GET + "    order = await crud.find(db, order_id)\n    require_permission(user, order)\n    return order\n", FILES),
        Valid(HEAD + GET + "    await ensure_visible(user, order_id)\n    return await crud.find(db, order_id)\n", FILES),
        Valid(HEAD + GET + "    await crud.mine(db, order_id, bot_id)\n    return await crud.find(db, order_id)\n", FILES),
        Valid(HEAD + GET + "    order = await crud.find(db, order_id)\n    if order.bot_id != bot_id:\n        raise HTTPException(403)\n    await work(order)\n    order = await crud.find(db, order_id)\n    return order\n", FILES),
        Valid(HEAD + GET + "    return await crud.country(db, order_id)\n", FILES),
        Valid(HEAD + "def seen(order_id: int, user=Depends(get_user)):\n    return look(user, order_id)\n@router.get('/o/{order_id}', dependencies=[Depends(seen)])\nasync def show(order_id: int, db=Depends(get_db)):\n    return await crud.find(db, order_id)\n", FILES),
        Valid(HEAD + "class Allowed:\n    def __init__(self, *names): ...\n    def __call__(self, request: Request):\n        return request.path_params['order_id']\n@router.get('/o/{order_id}', dependencies=[Depends(Allowed('a'))])\nasync def show(order_id: int, db=Depends(get_db)):\n    return await crud.find(db, order_id)\n", FILES),
        Valid(HEAD + "@router.get('/o/{order_id}')\nasync def show(order_id: int, db=Depends(get_tenant_session)):\n    return await crud.find(db, order_id)\n", FILES),
        Valid(HEAD + "@router.get('/o')\nasync def show(db=Depends(get_db), user=Depends(get_user)):\n    return await crud.find(db, user.order_id)\n", FILES),
        Valid(HEAD + "@router.get('/health')\nasync def show(order_id: int, db=Depends(get_db)):\n    return await crud.find(db, order_id)\n", FILES),
        Valid(HEAD + "class Allowed:\n    def __init__(self, *names): ...\n    def __call__(self, request: Request):\n        return all(item(request) for item in self.names)\n@router.get('/o/{order_id}', dependencies=[Depends(Allowed('a'))])\nasync def show(order_id: int, db=Depends(get_db)):\n    return await crud.find(db, order_id)\n", FILES),
        Valid(HEAD + "@router.post('/login')\nasync def login(body: dict, db=Depends(get_db)):\n    return await crud.find(db, body.signed_data)\n", FILES),
        Valid(HEAD + GET + "    order = await crud.mine(db, order_id, bot_id)\n    return await crud.find(db, order.id)\n", FILES),
        # The rules on queries tell of a load in the route itself.
        Valid(HEAD + "from app.models import Order\n" + GET + "    return await db.get(Order, order_id)\n", FILES),
        Valid("from app import crud\nasync def show(order_id, db):\n    return await crud.find(db, order_id)\n", FILES),
    )  # fmt: skip


def _own_key(value: Value, injected: Collection[str]) -> str:
    """`user.id` of a user that a dependency gave, or that user, as it is written; "" where the value is nothing of that kind."""
    if isinstance(value, Ref) and value.dotted in injected and _PERSONS.intersection(words(value.dotted)):
        return value.dotted
    for item in walk(value):
        written = item.dotted if isinstance(item, Ref) else ""
        if isinstance(item, Attr) and isinstance(item.base, Ref):
            written = f"{item.base.dotted}.{item.name}"
        head, _, rest = written.partition(".")
        if head in injected and (rest in _KEYS or rest.endswith("_id")):
            return written
    return ""


def _injected(
    index: Project, function: FunctionFacts, default: Value | None, annotation: Value | None
) -> bool:
    """Whether a parameter is the result of a dependency, aliases of annotations followed, or the request, response or tasks."""
    if isinstance(annotation, Ref):
        if annotation.last in ("Request", "Response", "BackgroundTasks", "WebSocket", "HTTPConnection"):
            return True
        annotation = module_value(index, function.path, function, annotation)
    return any(
        isinstance(item, Call) and item.name in ("Depends", "Security")
        for value in (default, annotation)
        for item in (walk(value) if value is not None else ())
    )


def _outside_calls(value: Value) -> Iterator[Ref]:
    """The names in a value, but for those in calls: what a call made of a key is its own matter."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Ref):
            yield item
        elif not isinstance(item, Call):
            stack.extend(children(item))


def _sent_in(value: Value, names: set[str]) -> set[str]:
    """Which of these parameters stand in a value."""
    return {item.dotted.partition(".")[0] for item in _outside_calls(value)} & names


def _keys_in(value: Value, names: set[str], route: Route) -> set[str]:
    """Which of these parameters bring a key in a value: a part of the path, or what is named as a key is."""
    found: set[str] = set()
    for item in _outside_calls(value):
        head = item.dotted.partition(".")[0]
        if head not in names:
            continue
        if (words(item.last)[-1:] and words(item.last)[-1] in _KEYS) or any(
            f"{{{item.dotted}}}" in path or f"{{{item.dotted}:" in path for path in route.paths
        ):
            found.add(head)
    return found


def _reads_path(target: FunctionFacts) -> bool:
    """Whether a dependency reads the path's parameters from the request, or hands the request to what may."""
    if "path_params" in target.attributes_read:
        return True
    return any(
        isinstance(value, Ref) and value.dotted == "request"
        for call in target.calls
        for value in (*call.args, *(item for _, item in call.kwargs))
    )


def _targets(index: Project, function: FunctionFacts, target: Value) -> Iterator[FunctionFacts]:
    """What a dependency runs: a function, the `__call__` of an instance, or the functions inside a factory."""
    if isinstance(target, Call):
        made = index.type_name(function.path, function, target)
        found = index.function(f"{made}.__call__") if made else None
        factory = index.callee(function.path, function, target)
        if found is not None:
            yield found
        elif factory is not None:
            for item in index.modules[factory.path].functions.values():
                if item.parent == factory.qualname:
                    yield item
        return
    found = index.callee(function.path, function, Call(target, (), (), function.header))
    if found is not None:
        yield found
