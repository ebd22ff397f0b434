"""A route that asks for the tenant and does not use it.

What it does
------------
Finds routes whose parameter is the tenant dependency, whose body never names that parameter, and which read or write rows of a tenant,
themselves or a few calls deep.

Why is this bad?
----------------
The dependency makes the route look guarded, but what it reads is not held to the tenant that was asked for.

Example
-------
    @router.get("/users")
    async def users(db: Session = Depends(get_db), bot_id: int = Depends(get_current_tenant)):
        return await list_users(db)

Use instead
-----------
    @router.get("/users")
    async def users(db: Session = Depends(get_db), bot_id: int = Depends(get_current_tenant)):
        return await list_users(db, bot_id)

Not reported
------------
Where several parameters give the tenant, one that is used is enough. A dependency on the router or in the decorator; a parameter whose name begins with `_`; a session that the policy's `session_factories`
bind to the tenant; bodies that take the tenant from the context; routes that touch no tenant's rows.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Expected,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Parameter,
    Project,
    Ref,
    Rule,
    Valid,
    last_part,
    name_of,
    tenant_data,
    tenant_functions,
    walk,
)

PROJECT = {
    "app/tenancy.py": "def get_current_tenant() -> int:\n    return 1\ndef get_tenant_session(): ...\ndef get_db(): ...\n",
    "app/models.py": "from sqlalchemy.orm import DeclarativeBase, mapped_column\nclass Base(DeclarativeBase): pass\nclass User(Base):\n    __tablename__ = 'users'\n    bot_id = mapped_column()\n",
}
HEAD = (
    "from typing import Annotated\nfrom fastapi import APIRouter, Depends\nfrom sqlalchemy import select\nfrom app.models import User\n"
    "from app.tenancy import get_current_tenant, get_db, get_tenant_session; router = APIRouter()\n"
)


def _asks(parameter: Parameter, names: frozenset[str]) -> bool:
    """Whether a parameter depends on one of these functions."""
    for value in (parameter.default, parameter.annotation):
        for item in walk(value) if value is not None else ():
            depends = isinstance(item, Call) and item.name in ("Depends", "Security") and bool(item.args)
            if depends and isinstance(item, Call) and last_part(name_of(item.args[0])) in names:
                return True
    return False


class UnusedTenant(Rule):
    """See the module."""

    code = "TF2"
    name = "unused-tenant"
    severity = Severity.WARNING

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports tenants that are asked for and dropped."""
        tenants = tenant_functions(policy)
        sessions = frozenset(last_part(name) for name in policy.context.session_factories)
        for function in module.functions.values():
            asked = [
                item for item in function.params if _asks(item, tenants) and not item.name.startswith("_")
            ]
            if not asked or not any(
                route.function == function.qualname for route in index.routes_of(module.path)
            ):
                continue
            if any(_asks(item, sessions) for item in function.params) or self._from_context(
                index, function, tenants | sessions
            ):
                continue
            if any(self._named(function, item.name) for item in asked):
                continue  # one of several that give the tenant, or the session that is bound to it, is enough
            for item in asked[:1]:
                data = tenant_data(index, function, policy)
                if data:
                    message = f'{function.name}() asks for the tenant as "{item.name}" and does not use it'
                    yield self.found(module.path, function.header, message, reason=[data])

    def _named(self, function: FunctionFacts, name: str) -> bool:
        values = [
            *function.calls,
            *function.returns,
            *function.checks,
            *(item.value for item in function.sinks),
        ]
        values.extend(value for key, value in function.variables.items() if key != name)
        values.extend(
            part for store in function.stores for part in (store.key, store.value) if part is not None
        )
        values.extend(part for fallback in function.fallbacks for part in fallback.values)
        return any(
            isinstance(item, Ref) and item.dotted.partition(".")[0] == name
            for value in values
            for item in walk(value)
        ) or any(name in call.present for call in function.calls)

    def _from_context(
        self, index: Project, function: FunctionFacts, names: frozenset[str], depth: int = 2
    ) -> bool:
        for call in function.calls:
            if call.name in names:
                return True
            target = index.callee(function.path, function, call) if depth else None
            if (
                target is not None
                and target is not function
                and self._from_context(index, target, names, depth - 1)
            ):
                return True
        return False

    INVALID = (
        Invalid(HEAD + '@router.get("/users")\ndef users(db=Depends(get_db), bot_id: int = Depends(get_current_tenant)):\n    return db.execute(select(User)).all()\n', (Expected(7, 'asks for the tenant as "bot_id" and does not use it'),), PROJECT),
        Invalid(HEAD + 'def find(db):\n    return db.execute(select(User)).all()\n@router.get("/users")\ndef users(bot_id: Annotated[int, Depends(get_current_tenant)], db=Depends(get_db)):\n    return find(db)\n', (Expected(9, "bot_id"),), PROJECT),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + '@router.get("/users")\ndef users(db=Depends(get_db), bot_id: int = Depends(get_current_tenant)):\n    return db.execute(select(User).where(User.bot_id == bot_id)).all()\n', PROJECT),
        Valid(HEAD + '@router.get("/users")\ndef users(db=Depends(get_db), _bot_id: int = Depends(get_current_tenant)):\n    return db.execute(select(User)).all()\n', PROJECT),
        Valid(HEAD + '@router.get("/users")\ndef users(db=Depends(get_tenant_session), bot_id: int = Depends(get_current_tenant)):\n    return db.execute(select(User)).all()\n', PROJECT),
        Valid(HEAD + '@router.get("/users")\ndef users(user=Depends(get_current_tenant), bot_id: int = Depends(get_current_tenant), db=Depends(get_db)):\n    return db.execute(select(User).where(User.bot_id == bot_id)).all()\n', PROJECT),
        Valid(HEAD + '@router.get("/users", dependencies=[Depends(get_current_tenant)])\ndef users(db=Depends(get_db)):\n    return db.execute(select(User)).all()\n', PROJECT),
        Valid(HEAD + '@router.get("/users")\ndef users(bot_id: int = Depends(get_current_tenant)):\n    return {"ok": True}\n', PROJECT),
        Valid(HEAD + 'def find(db):\n    return db.execute(select(User).where(User.bot_id == get_current_tenant())).all()\n@router.get("/users")\ndef users(db=Depends(get_db), bot_id: int = Depends(get_current_tenant)):\n    return find(db)\n', PROJECT),
        Valid(HEAD + '@router.get("/users")\ndef users(db=Depends(get_db), bot_id: int = Depends(get_current_tenant)):\n    if not bot_id:\n        raise ValueError\n    return db.execute(select(User)).all()\n', PROJECT),
    )  # fmt: skip
