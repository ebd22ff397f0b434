"""A tenant filter that is skipped when the tenant is None.

What it does
------------
Finds statements whose filter on the tenant stands under `if bot_id is not None:`, or beside `OR tenant IS NULL`.

Why is this bad?
----------------
The caller that forgets the tenant gets the rows of all of them, and nothing fails. As long as every caller passes one, nothing
leaks, so this is a warning; where a caller is seen that leaves the argument out (a test aside), it is an error.

Example
-------
    async def get_users(db, bot_id=None):
        query = select(User)
        if bot_id is not None:
            query = query.where(User.bot_id == bot_id)
        return await db.execute(query)

Use instead
-----------
    async def get_users(db, bot_id):
        return await db.execute(select(User).where(User.bot_id == bot_id))

Not reported
------------
A function that refuses to go on without the tenant (`if bot_id is None: raise …`) before it filters; a branch for None that has a filter of
its own on the tenant column.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    CallSite,
    Const,
    Expected,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Project,
    QueryVerdict,
    Ref,
    Rule,
    Scoped,
    Valid,
)

MODELS = {
    "app/models.py": """\
from sqlalchemy import Integer
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase): pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    bot_id: Mapped[int]
"""
}
HEAD = "from sqlalchemy import or_, select\nfrom app.models import User\n"
CRUD = (
    HEAD
    + "async def get_users(db, bot_id=None):\n    query = select(User)\n    if bot_id is not None:\n        query = query.where(User.bot_id == bot_id)\n    return await db.execute(query)\n"
)


def _is_test(path: str) -> bool:
    """Whether a file is a test: what it leaves out leaks nothing."""
    parts = path.split("/")
    return "tests" in parts[:-1] or parts[-1].startswith("test_") or parts[-1] == "conftest.py"


_MAX_CALLS = 3  # how far a tenant is followed back that functions hand on


class OptionalTenantFilter(Rule):
    """See the module."""

    code = "TQ7"
    name = "optional-tenant-filter"
    severity = Severity.WARNING

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports optional filters, and looks at the callers of the function for one that passes no tenant."""
        for verdict in index.query_verdicts(module.path):
            if verdict.scoped is not Scoped.OPTIONAL:
                continue
            name = verdict.parameter or policy.parameter
            caller = self._careless(index, verdict, name)
            message = f"the filter of {verdict.entity} on {policy.column} is skipped when {name} is None"
            if name.endswith(f".{policy.column}") and name[:1].isupper():
                message = f"rows of {verdict.entity} that have no {policy.column} are let through besides the tenant's own"
            severity = Severity.WARNING
            reasons = list(verdict.reasons)
            if caller is not None:
                called = index.callee(caller.path, caller.function, caller.call) or verdict.function
                message += f", and {caller.function.name}() calls {self._name(called)}() without it"
                reasons.append(f"called without {name} at {caller.path}:{caller.call.span.line}")
                severity = Severity.ERROR
            yield self.found(verdict.path, verdict.span, message, severity=severity, reason=reasons)

    def _name(self, function: FunctionFacts | None) -> str:
        return function.name if function is not None else "it"

    def _careless(self, index: Project, verdict: QueryVerdict, name: str) -> CallSite | None:
        function = verdict.function
        return self._without(index, function, name, 0) if function is not None else None

    def _without(self, index: Project, function: FunctionFacts, name: str, depth: int) -> CallSite | None:
        """A call that passes no tenant, or hands on a parameter that its own caller leaves out."""
        if function.parameter(name) is None:
            return None
        module = index.modules[function.path]
        for site in index.callers(f"{module.module}.{function.qualname}"):
            if site.call.has_star or _is_test(site.path):
                continue
            positions = [item.name for item in function.params if item.kind == "positional"]
            if function.class_name and positions[:1] in (["self"], ["cls"]):
                positions = positions[1:]
            value = site.call.argument(positions.index(name) if name in positions else 10_000, name)
            if value is None or (isinstance(value, Const) and value.value is None):
                return site
            handed_on = site.function.parameter(value.dotted) if isinstance(value, Ref) else None
            if handed_on is None or site.function is function or depth >= _MAX_CALLS:
                continue
            if isinstance(handed_on.default, Const) and handed_on.default.value is None:
                further = self._without(index, site.function, handed_on.name, depth + 1)
                if further is not None:
                    return further
        return None

    INVALID = (
        Invalid(CRUD, (Expected(4, "is skipped when bot_id is None"),), MODELS),
        Invalid(CRUD + "\nasync def menu(db):\n    return await get_users(db)\n",
                (Expected(4, "menu() calls get_users() without it", Severity.ERROR),), MODELS),
        Invalid(CRUD + "\nasync def menu(db, bot_id):\n    return await get_users(db, bot_id)\n", (Expected(4, "skipped", Severity.WARNING),), MODELS),
        Invalid(CRUD, (Expected(4, "is skipped when bot_id is None", Severity.WARNING),),
                {**MODELS, "tests/test_users.py": "from app.users import get_users\n\nasync def test_users(db):\n    await get_users(db)\n"}, path="app/users.py"),
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).where(User.bot_id == bot_id if bot_id else True))\n", (Expected(4, "skipped"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).where(or_(User.bot_id == bot_id, User.bot_id.is_(None))))\n", (Expected(4, "rows of User that have no bot_id are let through"),), MODELS),
        Invalid(HEAD + "from sqlalchemy import null\nasync def f(db, bot_id):\n    return await db.execute(select(User).where(or_(User.bot_id == bot_id, User.bot_id.is_(null()))))\n", (Expected(5, "let through"),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).where(or_(bot_id is None, User.bot_id == bot_id)))\n", (Expected(4, "skipped when bot_id is None"),), MODELS),
        Invalid(CRUD + "\nasync def list_all(db, bot_id=None):\n    return await get_users(db, bot_id)\n\nasync def menu(db):\n    return await list_all(db)\n",
                (Expected(4, "menu() calls list_all() without it", Severity.ERROR),), MODELS),
        Invalid(CRUD + "\nasync def list_all(db, bot_id=None):\n    return await get_users(db, bot_id)\n\nasync def menu(db, bot_id):\n    return await list_all(db, bot_id)\n",
                (Expected(4, "skipped", Severity.WARNING),), MODELS),
        Invalid(HEAD + "async def f(db, bot_id=None):\n    conditions = []\n    if bot_id:\n        conditions.append(User.bot_id == bot_id)\n    return await db.execute(select(User).where(*conditions))\n", (Expected(7, "skipped"),), MODELS),
    )  # fmt: skip
    VALID = (
        Valid(HEAD + "async def f(db, bot_id):\n    if bot_id is None:\n        raise ValueError\n    q = select(User)\n    if bot_id is not None:\n        q = q.where(User.bot_id == bot_id)\n    return await db.execute(q)\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id=None):\n    q = select(User)\n    if bot_id is None:\n        q = q.where(User.bot_id == 0)\n    else:\n        q = q.where(User.bot_id == bot_id)\n    return await db.execute(q)\n", MODELS),
        Valid(HEAD + "async def f(db, bot_id):\n    return await db.execute(select(User).where(User.bot_id == bot_id))\n", MODELS),
    )  # fmt: skip
