"""Tenant data memoised without the tenant.

What it does
------------
Finds functions under `lru_cache`, `cache`, `alru_cache`, and the decorators of cachetools, aiocache and fastapi-cache that read rows or
the configuration of a tenant, or ask the context for it, and do not take the tenant as a parameter.

Why is this bad?
----------------
The first tenant that calls it fills the cache, and every other one is given the first one's data.

Example
-------
    @lru_cache
    def prices():
        return load_prices(get_current_tenant())

Use instead
-----------
    @lru_cache
    def prices(bot_id):
        return load_prices(bot_id)

Not reported
------------
Functions that read nothing of a tenant, such as the settings of the process; a `key`, `key_builder` or `namespace` with the tenant; methods of an
object that holds the tenant. A key that is not seen is `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Const,
    Expected,
    Function,
    FunctionFacts,
    Invalid,
    ModuleFacts,
    Project,
    Rule,
    Valid,
    Value,
    knows_tenant,
    mentions_tenant,
    name_of,
    says_tenant,
    takes_tenant,
    tenant_data,
)

_PACKAGES = (
    "functools",
    "cachetools",
    "asyncache",
    "aiocache",
    "async_lru",
    "fastapi_cache",
    "methodtools",
    "cachetools_async",
    "cashews",
)
_NAMES = frozenset(
    ("lru_cache", "cache", "cached", "cachedmethod", "alru_cache", "cached_property", "memoize", "ttl_cache")
)


class MemoisedTenantData(Rule):
    """See the module."""

    code = "TK2"
    name = "memoised-tenant-data"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports memoised functions whose result depends on a tenant that is no parameter."""
        for function in module.functions.values():
            for decorator in function.decorators:
                made = decorator.func if isinstance(decorator, Call) else decorator
                dotted = name_of(made)
                if not dotted or not self._memoises(index.resolve(module.path, dotted, None)):
                    continue
                fixed = _fixed_key(decorator)
                if self._held(module, function, policy) or (takes_tenant(function, policy) and not fixed):
                    continue
                data = tenant_data(index, function, policy)
                if not data:
                    continue
                keyed = self._keyed(index, module, decorator, policy)
                if keyed is True:
                    continue
                if keyed is None:
                    message = f"cannot tell whether the key of memoised {function.name}() holds the tenant"
                    yield self.found(
                        module.path, function.header, message, severity=Severity.INFO, reason=[data]
                    )
                elif fixed:
                    message = f"{function.name}() is memoised by @{dotted} under one key, {fixed!r}, for all tenants together"
                    yield self.found(module.path, function.header, message, reason=[data])
                else:
                    message = f"{function.name}() is memoised by @{dotted} for all tenants together"
                    yield self.found(module.path, function.header, message, reason=[data])

    def _memoises(self, name: str) -> bool:
        # A property's cache lives in its object, not in the process.
        head, _, rest = name.partition(".")
        return (
            head in _PACKAGES and rest.rpartition(".")[2] in _NAMES and not name.endswith("cached_property")
        )

    def _held(self, module: ModuleFacts, function: FunctionFacts, policy: Policy) -> bool:
        owner = module.classes.get(function.class_name)
        return owner is not None and any(
            says_tenant(name, policy) for name in (*owner.instance, *owner.fields)
        )

    def _keyed(self, index: Project, module: ModuleFacts, decorator: Value, policy: Policy) -> bool | None:
        """Whether the decorator's own key holds the tenant; None where that cannot be told."""
        if not isinstance(decorator, Call):
            return False
        for key, value in decorator.kwargs:
            if key not in ("key", "key_builder", "namespace", "prefix"):
                continue
            if mentions_tenant(value, policy):
                return True
            if key == "key" and isinstance(value, Const):
                return False
            if key in ("key", "key_builder") and not isinstance(value, Function):
                target = index.callee(module.path, None, Call(value, (), (), decorator.span))
                if target is None:
                    return (
                        None
                        if name_of(value).rpartition(".")[2] not in ("hashkey", "typedkey", "methodkey")
                        else False
                    )
                return knows_tenant(target, policy)
        return False

    INVALID = (
        Invalid('from functools import lru_cache\nfrom app.tenancy import get_current_tenant\n@lru_cache\ndef prices():\n    return load(get_current_tenant())\n', (Expected(4, "prices() is memoised by @lru_cache"),)),
        Invalid('import functools\nfrom sqlalchemy import select\nfrom app.models import Price\n@functools.lru_cache(maxsize=8)\ndef prices(db, period):\n    return db.execute(select(Price).where(Price.period == period)).all()\n', (Expected(5, "prices()"),),
                {"app/models.py": 'from sqlalchemy.orm import DeclarativeBase, mapped_column\nclass Base(DeclarativeBase): pass\nclass Price(Base):\n    __tablename__ = "prices"\n    bot_id = mapped_column()\n    period = mapped_column()\n'}),
        Invalid('from async_lru import alru_cache\nfrom app.tenancy import require_current_tenant\nasync def own():\n    return await load(require_current_tenant())\n@alru_cache(ttl=60)\nasync def prices(period):\n    return (await own())[period]\n', (Expected(6, "prices()"),)),
        Invalid('from aiocache import cached\nfrom app.tenancy import get_current_tenant\nfrom other import make_key\n@cached(ttl=60, key_builder=make_key)\nasync def prices():\n    return await load(get_current_tenant())\n', (Expected(5, "cannot tell", Severity.INFO),)),
        Invalid('from aiocache import cached\nfrom app.tenancy import get_current_tenant\n@cached(ttl=60, key="prices")\nasync def prices(bot_id):\n    return await load(get_current_tenant(), bot_id)\n', (Expected(4, "under one key, 'prices', for all tenants"),)),
    )  # fmt: skip
    VALID = (
        Valid('from cashews import cache\nfrom app.tenancy import get_current_tenant\n@cache(ttl="1m", key="prices:{bot_id}")\nasync def prices(bot_id):\n    return await load(get_current_tenant(), bot_id)\n'),
        Valid('from aiocache import cached\n@cached(ttl=60, key="countries")\nasync def countries(bot_id):\n    return await load()\n'),
        Valid('from functools import lru_cache\nfrom app.tenancy import get_current_tenant\n@lru_cache\ndef prices(bot_id):\n    return load(bot_id, get_current_tenant())\n'),
        Valid('from functools import lru_cache\n@lru_cache\ndef get_settings():\n    return Settings()\n'),
        Valid('from cachetools import TTLCache, cached\nfrom app.tenancy import get_current_tenant\n@cached(TTLCache(8, 60), key=lambda: get_current_tenant())\ndef prices():\n    return load(get_current_tenant())\n'),
        Valid('from aiocache import cached\nfrom app.tenancy import get_current_tenant\ndef make_key(f, *args):\n    return f"{get_current_tenant()}:{args}"\n@cached(ttl=60, key_builder=make_key)\nasync def prices():\n    return await load(get_current_tenant())\n'),
        Valid('from functools import lru_cache\nfrom app.tenancy import get_current_tenant\nclass Prices:\n    def __init__(self, bot_id):\n        self.bot_id = bot_id\n    @lru_cache\n    def load(self):\n        return find(get_current_tenant())\n'),
    )  # fmt: skip


def _fixed_key(decorator: Value) -> str:
    """The key under which everything is kept, where a decorator names just one: no part of it is filled in."""
    key = decorator.argument(10_000, "key") if isinstance(decorator, Call) else None
    fixed = isinstance(key, Const) and isinstance(key.value, str) and "{" not in key.value
    return str(key.value) if fixed and isinstance(key, Const) else ""
