"""The tenant of a query taken from the request.

What it does
------------
Finds routes that take the tenant out of the body, the path or the query string, and use it, unchecked, as the tenant of a statement or of
a new row: in the route itself or in a function that the route hands it to.

Why is this bad?
----------------
The statement has its tenant condition, so everything else calls it right. But the caller chooses whose rows those are.

Example
-------
    @router.post("/orders")
    async def orders(payload: Search, db=Depends(get_db)):
        return await db.scalars(select(Order).where(Order.bot_id == payload.bot_id))

Use instead
-----------
    @router.post("/orders")
    async def orders(payload: Search, db=Depends(get_db), bot_id: int = Depends(get_current_tenant)):
        return await db.scalars(select(Order).where(Order.bot_id == bot_id))

Not reported
------------
A value that a dependency gives; one that is compared with something first, or handed to a function that is called `verify…`, `check…`,
`ensure…`, `require…` or the like; a path parameter that a dependency of the route reads too; routes that the policy calls public. Where the
route has a tenant dependency besides, it is a `warning`; where it calls or depends on something that speaks of administrators, an `info`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit import (
    Attr,
    Call,
    Compare,
    Const,
    Expected,
    FunctionFacts,
    Invalid,
    Item,
    Items,
    ModuleFacts,
    Op,
    Parameter,
    Project,
    Ref,
    Root,
    Route,
    Rule,
    Valid,
    Value,
    is_staff,
    matches_route,
    walk,
    words,
)
from merge_tool.rulekit.values import walk_all

_SOURCES = frozenset(("Path", "Query", "Body", "Form", "Cookie", "File"))
_CHECKING = frozenset(
    "verify check ensure require assert authorize authorise validate can has allowed permission access guard member members membership belongs".split()  # noqa: SIM905
)
_PERSONS = frozenset(("actor", "user", "principal", "requester", "caller", "viewer", "identity"))
_ADMINS = frozenset(("admin", "admins"))
_REQUEST = frozenset(("json", "form", "query_params", "path_params"))

MODELS = {
    "app/models.py": """\
from sqlalchemy import Column, Integer
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase): pass

class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
""",
    "app/tenancy.py": "def get_current_tenant(): ...\n",
    "app/crud.py": "from sqlalchemy import select\nfrom app.models import Order\nasync def orders_of(db, bot_id):\n    return await db.scalars(select(Order).where(Order.bot_id == bot_id))\n",
}
HEAD = """\
from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel
from sqlalchemy import select
from app.crud import orders_of
from app.models import Order
from app.tenancy import get_current_tenant
router = APIRouter()
def get_db(): ...
class Search(BaseModel):
    bot_id: int
    text: str
"""


class TenantFromRequest(Rule):
    """See the module."""

    code = "TQ10"
    name = "tenant-from-request"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Follows what each route's request brings as the tenant."""
        for route in index.routes_of(module.path):
            if self._is_public(route, policy):
                continue
            function = module.functions.get(route.function)
            if function is None:
                continue
            severity = Severity.WARNING if route.has_tenant else Severity.ERROR
            if self._is_for_admins(function):
                severity = Severity.INFO
            for name in self._sent_in(function, index, policy):
                if self._is_checked(function, name, index):
                    continue
                told = Severity.INFO if self._with_person(function, name) else severity
                for span in dict.fromkeys(self._uses(function, name, index, policy, 0)):
                    message = f"the tenant here is {name} of the request: whoever calls the route chooses it"
                    yield self.found(function.path, span, message, severity=told)

    def _is_for_admins(self, function: FunctionFacts) -> bool:
        """Whether what it calls or depends on speaks of administrators, who may well choose a tenant."""
        places = (*(item.default for item in function.params), *(item.annotation for item in function.params))
        told = [item for place in places if place is not None for item in walk(place)]
        names = [call.name for call in function.calls]
        names.extend(item.last for item in told if isinstance(item, Ref))
        return any(is_staff(name) or set(words(name)) & _ADMINS for name in names)

    def _with_person(self, function: FunctionFacts, name: str) -> bool:
        """Whether every call that is handed the tenant is handed the person too, so that it can ask whether they belong together."""
        taking = [
            call
            for call in function.calls
            if any(_written(arg) == name for arg in (*call.args, *(value for _, value in call.kwargs)))
        ]
        return bool(taking) and all(
            any(_PERSONS.intersection(words(key)) for key, _ in call.kwargs)
            or any(isinstance(arg, Ref) and _PERSONS.intersection(words(arg.dotted)) for arg in call.args)
            for call in taking
        )

    def _is_public(self, route: Route, policy: Policy) -> bool:
        return any(matches_route(route.method, path, policy.routes.public) for path in route.paths)

    # ---- what the request brings -----------------------------------------------------------------------------

    def _sent_in(self, function: FunctionFacts, index: Project, policy: Policy) -> Iterator[str]:
        names = (policy.column, policy.parameter)
        for item in function.params:
            if self._is_dependency(item, function, index):
                continue
            if item.name in names:
                if not self._dependency_reads(function, item.name, index):
                    yield item.name
            elif item.annotation is not None:
                found = self._body_class(function, item.annotation, index)
                if found is not None:
                    yield from (f"{item.name}.{name}" for name in dict.fromkeys(names) if name in found)
        for part in walk_all(_values(function)):
            if self._is_raw(part, names):
                yield _written(part)

    def _is_dependency(self, item: Parameter, function: FunctionFacts, index: Project) -> bool:
        if isinstance(item.default, Call) and item.default.name not in _SOURCES:
            return True
        if item.annotation is None:
            return False
        calls = [part for part in walk(item.annotation) if isinstance(part, Call)]
        if any(part.name not in _SOURCES for part in calls):
            return True
        # An alias such as `Tenant = Annotated[int, Depends(…)]`, or a class of the project's own that no request fills.
        return (
            isinstance(item.annotation, Ref)
            and item.name != item.annotation.dotted
            and self._is_alias(function, item.annotation, index)
        )

    def _is_alias(self, function: FunctionFacts, kind: Ref, index: Project) -> bool:
        name = index.resolve(function.path, kind.dotted, function)
        return (
            bool(name)
            and index.find_class(name) is None
            and not name.startswith(("uuid", "typing", "pydantic"))
        )

    def _dependency_reads(self, function: FunctionFacts, name: str, index: Project) -> bool:
        """Whether a dependency of the function has a parameter of that name: it sees the same path parameter."""
        for item in function.params:
            for value in (item.default, item.annotation):
                for part in walk(value) if value is not None else ():
                    if isinstance(part, Call) and part.name in ("Depends", "Security") and part.args:
                        target = part.args[0]
                        found = index.function(index.resolve(function.path, target.dotted, function)) if isinstance(target, Ref) else None  # fmt: skip
                        if found is not None and found.parameter(name) is not None:
                            return True
        return False

    def _body_class(self, function: FunctionFacts, kind: Value, index: Project) -> set[str] | None:
        """The fields of the class that FastAPI fills from the body; None for models and all else."""
        for part in walk(kind):
            name = index.resolve(function.path, part.dotted, function) if isinstance(part, Ref) else ""
            found = index.find_class(name) if name else None
            if found is None or index.model(name) is not None:
                continue
            fields = {*found.fields}
            for base in found.bases:
                owner = (
                    index.find_class(index.resolve(found.path, base.dotted))
                    if isinstance(base, Ref)
                    else None
                )
                fields |= {*owner.fields} if owner is not None else set()
            return fields
        return None

    def _is_raw(self, value: Value, names: tuple[str, ...]) -> bool:
        """`(await request.json())["bot_id"]`, `request.query_params.get("bot_id")`."""
        base: Value | None = None
        key: Value | None = None
        if isinstance(value, Item):
            base, key = value.base, value.key
        elif isinstance(value, Call) and value.name == "get" and value.args:
            base, key = value.receiver, value.args[0]
        if base is None or not isinstance(key, Const) or key.value not in names:
            return False
        return _last(base) in _REQUEST or (isinstance(base, Call) and base.name in _REQUEST)

    # ---- what becomes of it ----------------------------------------------------------------------------------

    def _is_checked(self, function: FunctionFacts, name: str, index: Project) -> bool:
        for check in function.checks:
            for item in walk(check):
                if not isinstance(item, Compare) or (
                    isinstance(item.right, Const) and item.right.value is None
                ):
                    continue
                if name in (_written(item.left), _written(item.right)):
                    return True
        return any(
            set(words(call.name)) & _CHECKING
            for call in function.calls
            if any(_written(arg) == name for arg in (*call.args, *(value for _, value in call.kwargs)))
        )

    def _uses(
        self, function: FunctionFacts, name: str, index: Project, policy: Policy, depth: int
    ) -> Iterator[Span]:
        for sink in function.sinks:
            roots = [item for item in walk(sink.value) if isinstance(item, Root)]
            if any(self._is_scope(item, name, policy) for item in walk(sink.value)):
                yield roots[-1].span if roots else sink.span
        for call in function.calls:
            model = index.model(index.resolve(function.path, call.dotted, function)) if call.dotted[:1].isupper() else None  # fmt: skip
            if model is not None and any(key == policy.column and _written(value) == name for key, value in call.kwargs):  # fmt: skip
                yield call.span
                continue
            target = index.callee(function.path, function, call) if depth < 3 else None
            if target is None or target is function:
                continue
            for parameter in self._taking(target, call, name):
                if self._is_checked(target, parameter, index):
                    continue
                if any(True for _ in self._uses(target, parameter, index, policy, depth + 1)):
                    yield call.span

    def _taking(self, target: FunctionFacts, call: Call, name: str) -> Iterator[str]:
        plain = [item.name for item in target.params if item.kind == "positional"]
        if target.class_name and plain[:1] in (["self"], ["cls"]):
            plain = plain[1:]
        for key, value in (*zip(plain, call.args, strict=False), *call.kwargs):
            if key and _written(value) == name:
                yield key

    def _is_scope(self, item: Value, name: str, policy: Policy) -> bool:
        if isinstance(item, Compare) and item.op in ("==", "in_"):
            for side, other in ((item.left, item.right), (item.right, item.left)):
                if _last(side) == policy.column and _written(side) != name and _written(other) == name:
                    return True
        if isinstance(item, Op) and item.name == "filter_by":
            return any(key == policy.column and _written(value) == name for key, value in item.kwargs)
        return False

    INVALID = (
        Invalid(HEAD + "@router.get('/{bot_id}/orders')\nasync def orders(bot_id: int, db=Depends(get_db), user=Depends(get_db)):\n    return await of_person(bot_id=bot_id, actor_user_id=user.id, db=db)\nasync def of_person(bot_id, actor_user_id, db):\n    return await orders_of(db, bot_id)\n", (Expected(14, "bot_id", Severity.INFO),), MODELS),
        Invalid(HEAD + "@router.post('/orders')\nasync def orders(payload: Search, db=Depends(get_db)):\n    return await db.scalars(select(Order).where(Order.bot_id == payload.bot_id))\n",
                (Expected(14, "the tenant here is payload.bot_id of the request"),), MODELS),
        Invalid(HEAD + "@router.get('/{bot_id}/orders')\nasync def orders(bot_id: int, db=Depends(get_db)):\n    return await db.scalars(select(Order).where(Order.bot_id == bot_id))\n", (Expected(14, "the tenant here is bot_id"),), MODELS),
        Invalid(HEAD + "@router.get('/{bot_id}/orders')\nasync def orders(bot_id: int, db=Depends(get_db)):\n    return await orders_of(db, bot_id)\n", (Expected(14, "the tenant here is bot_id"),), MODELS),
        Invalid(HEAD + "@router.post('/orders')\nasync def orders(payload: Search, db=Depends(get_db)):\n    return await orders_of(db, bot_id=payload.bot_id)\n", (Expected(14, "payload.bot_id"),), MODELS),
        Invalid(HEAD + "@router.post('/orders')\nasync def orders(payload: Search, db=Depends(get_db)):\n    db.add(Order(bot_id=payload.bot_id))\n", (Expected(14, "payload.bot_id"),), MODELS),
        Invalid(HEAD + "@router.post('/orders')\nasync def orders(request: Request, db=Depends(get_db)):\n    body = await request.json()\n    return await db.scalars(select(Order).where(Order.bot_id == body['bot_id']))\n", (Expected(15, "of the request"),), MODELS),
        Invalid(HEAD + "@router.post('/orders')\nasync def orders(payload: Search, db=Depends(get_db), mine=Depends(get_current_tenant)):\n    return await db.scalars(select(Order).filter_by(bot_id=payload.bot_id))\n",
                (Expected(14, "payload.bot_id", Severity.WARNING),), MODELS),
        Invalid(HEAD + "def require_admin(): ...\n@router.get('/{bot_id}/orders')\nasync def orders(bot_id: int, db=Depends(get_db), admin=Depends(require_admin)):\n    return await orders_of(db, bot_id)\n",
                (Expected(15, "bot_id", Severity.INFO),), MODELS),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "async def is_member(db, bot_id, user):\n    return await orders_of(db, bot_id)\n@router.get('/{bot_id}/orders')\nasync def orders(bot_id: int, user=Depends(get_db), db=Depends(get_db)):\n    if not await is_member(db, bot_id, user):\n        raise HTTPException(403)\n    return await orders_of(db, bot_id)\n", MODELS),
        Valid(HEAD + "@router.get('/orders')\nasync def orders(db=Depends(get_db), bot_id: int = Depends(get_current_tenant)):\n    return await orders_of(db, bot_id)\n", MODELS),
        Valid(HEAD + "from typing import Annotated\nTenant = Annotated[int, Depends(get_current_tenant)]\n@router.get('/orders')\nasync def orders(bot_id: Tenant, db=Depends(get_db)):\n    return await orders_of(db, bot_id)\n", MODELS),
        Valid(HEAD + "@router.get('/{bot_id}/orders')\nasync def orders(bot_id: int, db=Depends(get_db), mine=Depends(get_current_tenant)):\n    if bot_id != mine:\n        raise HTTPException(403)\n    return await orders_of(db, bot_id)\n", MODELS),
        Valid(HEAD + "def member(bot_id: int): ...\n@router.get('/{bot_id}/orders')\nasync def orders(bot_id: int, db=Depends(get_db), user=Depends(member)):\n    return await orders_of(db, bot_id)\n", MODELS),
        Valid(HEAD + "async def ensure_member(user, bot_id): ...\n@router.get('/{bot_id}/orders')\nasync def orders(bot_id: int, user=Depends(get_db), db=Depends(get_db)):\n    await ensure_member(user, bot_id)\n    return await orders_of(db, bot_id)\n", MODELS),
        Valid(HEAD + "async def orders(bot_id: int, db):\n    return await db.scalars(select(Order).where(Order.bot_id == bot_id))\n", MODELS),
        Valid(HEAD + "@router.post('/orders')\nasync def orders(payload: Search, db=Depends(get_db), bot_id=Depends(get_current_tenant)):\n    return await db.scalars(select(Order).where(Order.bot_id == bot_id, Order.id == payload.text))\n", MODELS),
    )  # fmt: skip


def _values(function: FunctionFacts) -> Iterator[Value]:
    for sink in function.sinks:
        yield sink.value
    for call in function.calls:
        yield from call.args
        yield from (value for _, value in call.kwargs)


def _last(value: Value) -> str:
    return value.last if isinstance(value, Ref) else value.name if isinstance(value, Attr) else ""


def _written(value: Value) -> str:
    """A value as it is written, as far as this rule compares values; "" for all else."""
    if isinstance(value, Ref):
        return value.dotted
    if isinstance(value, Item) and isinstance(value.key, Const):
        return f"{_last(value.base) or 'body'}[{value.key.value!r}]"
    if isinstance(value, Call) and value.name == "get" and value.args and isinstance(value.args[0], Const):
        return f"{_last(value.receiver) if value.receiver is not None else ''}.get({value.args[0].value!r})"
    if isinstance(value, Call) and value.dotted in ("int", "str", "UUID") and len(value.args) == 1:
        return _written(value.args[0])
    if isinstance(value, Items) and len(value.items) == 1:
        return _written(value.items[0])
    return ""
