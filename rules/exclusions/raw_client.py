"""An engine or a Redis client that is made outside its wrapper.

What it does
------------
Looks for `create_engine`, `create_async_engine`, `redis.from_url`, `redis.Redis(…)` and their like over the whole project, finds the module
that the others import as the wrapper, and reports those that are made elsewhere. The policy's `wrappers` name the files instead.

Why is this bad?
----------------
What the wrapper does for every tenant (sets the tenant for row-level security, puts it into keys) does not happen on a client beside it.

Example
-------
    client = redis.from_url(settings.REDIS_URL)

Use instead
-----------
    from app.utils.cache import cache

Not reported
------------
Told as `info` where nothing in the wrapper's file deals with the tenant, unless the policy names it. Silent: the only module that makes one; tests, scripts and migrations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import partial

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    CallSite,
    Expected,
    Invalid,
    ModuleFacts,
    Project,
    Rule,
    Valid,
    knows_tenant,
    matches_glob,
    words,
)

ENGINES = frozenset(
    ("create_engine", "create_async_engine", "engine_from_config", "async_engine_from_config")
)
CLIENTS = frozenset(("Redis", "StrictRedis", "RedisCluster", "from_url", "create_redis_pool", "Valkey"))
_HOMES = {
    "engine": frozenset(("database", "db", "session", "sessions", "engine", "connection")),
    "Redis client": frozenset(("redis", "cache", "valkey")),
}
_ASIDE = frozenset(("tests", "test", "scripts", "alembic", "migrations", "examples", "benchmarks", "tools"))
ENGINE = {
    "app/database.py": 'from sqlalchemy import create_engine\nengine = create_engine("x")\n',
    "app/a.py": "from app.database import engine\n",
    "app/b.py": "from app.database import engine\n",
}
SETS = 'def bind(session, bot_id):\n    session.info["bot_id"] = bot_id\n'
CACHE = {
    "app/cache.py": 'import redis.asyncio as redis\nclass Cache:\n    def connect(self):\n        self.client = redis.from_url("x")\ncache = Cache()\n',
    "app/a.py": "from app.cache import cache\n",
}


class RawClient(Rule):
    """See the module."""

    code = "TX3"
    name = "raw-client"
    severity = Severity.WARNING

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports the file's clients where another module is the wrapper."""
        if not any(
            call.name in ENGINES or call.name in CLIENTS
            for function in module.functions.values()
            for call in function.calls
        ):
            return
        found = index.once(self.code, lambda: _outside(index, policy))
        for call, kind, wrapper in found.get(module.path, ()):
            told = f"the project has its own in {wrapper}" if wrapper else "no file of the policy's wrappers"
            idle = wrapper and not index.once(
                f"{self.code}:{wrapper}", partial(_minds_tenant, index, policy, wrapper)
            )
            yield self.found(
                module.path,
                call.span,
                f"this {kind} is made outside its wrapper: {told}",
                severity=Severity.INFO if idle else None,
                reason=["nothing in that file is seen to deal with the tenant"] if idle else [],
            )

    INVALID = (
        Invalid('import sqlalchemy\ndef f(url):\n    return sqlalchemy.create_engine(url)\n', (Expected(3, "this engine is made outside its wrapper: the project has its own in app/database.py"),), {**ENGINE, "app/database.py": ENGINE["app/database.py"] + SETS}),
        Invalid('from redis import asyncio as aioredis\nclient = aioredis.from_url("redis://")\n', (Expected(2, "this Redis client", Severity.INFO),), CACHE),
        Invalid('import redis\nclass Cart:\n    def __init__(self):\n        self.r = redis.Redis(host="a")\n', (Expected(4, "app/cache.py"),), {**CACHE, "app/cache.py": CACHE["app/cache.py"] + SETS}),
        Invalid('import redis\nr = redis.Redis()\n', (Expected(2, "no file of the policy's wrappers"),), policy={"wrappers": ("app/cache.py",)}),
    )  # fmt: skip
    VALID = (
        Valid("import redis\nr = redis.Redis()\n"),
        Valid("from app.cache import cache\nx = cache.client\n", CACHE),
        Valid("from datetime import date\nx = date.from_url('a')\n", CACHE),
        Valid("import redis\nr = redis.Redis()\n", CACHE, path="scripts/once.py"),
        Valid("import redis\nr = redis.Redis()\n", CACHE, {"wrappers": ("app/**",)}),
        Valid('from redis.asyncio import Redis\ndef f(client: Redis) -> Redis:\n    return client\n', CACHE),
    )  # fmt: skip


def _minds_tenant(index: Project, policy: Policy, path: str) -> bool:
    """Whether a wrapper's file does anything for the tenant, which what is made beside it goes without."""
    return bool(index.guards()) or any(
        knows_tenant(item, policy) for item in index.modules[path].functions.values()
    )


def _kind(site: CallSite, index: Project) -> str:
    name = index.callee_name(site.path, site.function, site.call)
    if site.call.name in ENGINES and name.startswith(("sqlalchemy.", "sqlmodel.")):
        return "engine"
    if site.call.name in CLIENTS and name.partition(".")[0] in ("redis", "aioredis", "valkey"):
        return "Redis client"
    return ""


def _outside(index: Project, policy: Policy) -> dict[str, list[tuple[Call, str, str]]]:
    """The sites outside the wrappers, by file."""
    sites: dict[str, dict[str, list[Call]]] = defaultdict(lambda: defaultdict(list))
    for name in sorted({*ENGINES, *CLIENTS}):
        for site in index.calls_named(name):
            if not _ASIDE.intersection(site.path.split("/")[:-1]) and (kind := _kind(site, index)):
                sites[kind][site.path].append(site.call)
    found: dict[str, list[tuple[Call, str, str]]] = defaultdict(list)
    for kind, by_path in sites.items():
        wrapper = ""
        if not policy.wrappers:
            if len(by_path) < 2:
                continue
            wrapper = max(
                by_path,
                key=lambda path: (
                    bool(_HOMES[kind].intersection(words(path.removesuffix(".py")))),
                    index.times_imported(index.modules[path].module),
                    path,
                ),
            )
        for path, calls in by_path.items():
            if path != wrapper and not any(matches_glob(path, item) for item in policy.wrappers):
                found[path] += [(call, kind, wrapper) for call in calls]
    return found
