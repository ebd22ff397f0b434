"""A Redis key without the tenant in it.

What it does
------------
Follows the key of every command of a Redis client, through wrapper classes, key builders, f-strings and constants of modules
and classes, and reports keys in which no tenant stands.

Why is this bad?
----------------
Two tenants share the entry: one reads the other's cart, session or rate limit, or overwrites it. Ids of users do not help
where they are unique only inside a tenant.

Example
-------
    async def load_cart(user_id):
        return await redis_client.get(f"cart:{user_id}")

Use instead
-----------
    async def load_cart(bot_id, user_id):
        return await redis_client.get(f"cart:{bot_id}:{user_id}")

Not reported
------------
Told as `info`: keys that were made elsewhere, or told apart by a version or a language alone; lists and streams of a fixed name, which may be queues; limits of rates; keys with a token, or with an id
where the project's primary keys are UUIDs. Silent: a key with the tenant anywhere in it; a builder that puts it there; a client of the policy's `prefixing_clients`; a key that fits the
policy's `global_keys`; keys that a scan gave. Where the key is a parameter, the callers are looked at; where none is seen, it is `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import KeyPolicy, Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Expected,
    Invalid,
    KeyVerdict,
    ModuleFacts,
    Project,
    Rule,
    Scoped,
    Valid,
    words,
)

CACHE = {
    "app/cache.py": """\
from typing import Optional
import redis.asyncio as redis

def cache_key(*parts):
    return ":".join(str(part) for part in parts)

class Cache:
    def __init__(self):
        self.client: Optional[redis.Redis] = None
    async def connect(self):
        self.client = redis.from_url("redis://")
    async def get(self, key):
        return await self.client.get(key)

cache = Cache()
"""
}
UUIDS = {
    "app/models.py": "from uuid import UUID\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\nclass Base(DeclarativeBase): ...\n"
    + "".join(
        f"class {name}(Base):\n    __tablename__ = '{name.lower()}'\n    id: Mapped[UUID] = mapped_column(primary_key=True)\n    bot_id: Mapped[UUID]\n"
        for name in ("Run", "Step")
    )
}
HEAD = "from app.cache import cache, cache_key\n"
RAW = "import redis\nclient = redis.Redis()\n"


_QUEUES = frozenset(
    [
        "llen",
        "lrange",
        "lpush",
        "rpush",
        "lpop",
        "rpop",
        "blpop",
        "brpop",
        "lindex",
        "lrem",
        "lmove",
        "blmove",
        "xadd",
        "xlen",
        "xread",
        "xreadgroup",
        "xack",
        "xgroup_create",
    ]
)
# What a cache of things that are the same for everybody is told apart by.
_KINDS = frozenset(("version", "locale", "lang", "language", "environment", "env"))
_LIMITS = frozenset(("rl", "rate", "ratelimit", "limiter", "throttle", "throttling"))
_IDS = (["id"], ["uuid"], ["guid"])
# Ids that others give out, of which two tenants may have the same one.
_OUTSIDE = frozenset(
    [
        "telegram",
        "chat",
        "slack",
        "discord",
        "channel",
        "message",
        "external",
        "team",
        "stripe",
        "github",
        "customer",
        "invoice",
        "order",
    ]
)
_GIVEN_OUT = frozenset(("token", "tokens", "oauth", "oauth2", "nonce", "otp", "csrf", "jti", "sso", "pkce"))


def _may_be_shared(verdict: KeyVerdict) -> str:
    """Why all tenants may share a key by what it is, said for people; "" where nothing speaks for it."""
    said = set(words(verdict.key))
    if (
        not said
        and verdict.key.strip("*") == ""
        and any(words(name)[-1:] in (["key"], ["keys"]) for name in verdict.parts)
    ):
        return "the key was made elsewhere, and is only kept here"
    if verdict.command in _QUEUES and not any(words(name)[-1:] in _IDS for name in verdict.parts):
        return "a list or stream of a fixed name may be a queue that works for all tenants"
    if said & _LIMITS or _LIMITS & set(words(verdict.path.rpartition("/")[2])):
        return "it limits who asks, told apart by a person or an address"
    if verdict.parts and all(words(name)[-1:] and words(name)[-1] in _KINDS for name in verdict.parts):
        return f"it is told apart by {verdict.parts[0]} alone, so it may be what all tenants share"
    if "*" in verdict.key and said & _GIVEN_OUT:
        return "what follows in it may be a secret that nobody can guess"
    return ""


def _by_unique_id(verdict: KeyVerdict, index: Project) -> str:
    """Whether an id that no two tenants share stands in a key, said for people: the primary keys of the project are UUIDs."""
    ids = [name for name in verdict.parts if words(name)[-1:] in _IDS]
    if not ids or any(_OUTSIDE.intersection(words(name)) for name in ids):
        return ""
    return (
        f"{ids[0]} may be a UUID, as the primary keys of this project are"
        if index.once("uuids", lambda: _uuids(index))
        else ""
    )


def _uuids(index: Project) -> bool:
    """Whether nearly all tenants' tables have a UUID for their primary key."""
    keys = [
        any(
            {"uuid", "guid"}.intersection(words(table.columns[name].kind))
            for name in {*table.primary, "id"} & set(table.columns)
        )
        for table in index.schema()
        if table.tenant and len(table.primary) == 1
    ]
    return len(keys) > 1 and sum(keys) >= 0.8 * len(keys)


class UnprefixedKey(Rule):
    """See the module."""

    code = "TK1"
    name = "unprefixed-key"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports keys without a tenant; what is undecided as `info`."""
        for verdict in index.key_verdicts(module.path):
            if verdict.scoped is Scoped.NO:
                message = f'the key "{verdict.key}" of {verdict.command}() does not hold the tenant'
                why = _may_be_shared(verdict) or _by_unique_id(verdict, index)
                reasons = (*verdict.reasons, why) if why else verdict.reasons
                severity = Severity.INFO if why else None
                yield self.found(verdict.path, verdict.span, message, severity=severity, reason=reasons)
            elif verdict.scoped is Scoped.UNDECIDED:
                why = verdict.reasons[-1] if verdict.reasons else "built dynamically"
                message = f"cannot tell whether the key of {verdict.command}() holds the tenant: {why}"
                yield self.found(
                    verdict.path, verdict.span, message, severity=Severity.INFO, reason=verdict.reasons
                )

    INVALID = (
        Invalid(RAW + 'def put(task):\n    client.hset("tasks", f"{task}", "x")\n', (Expected(4, '"tasks" of hset()'),)),
        Invalid(RAW + 'def load(version):\n    return client.get(f"probes:v{version}")\n', (Expected(4, '"probes:v*"', Severity.INFO),)),
        Invalid(RAW + 'def load(version, name):\n    return client.get(f"probes:v{version}:{name}")\n', (Expected(4, '"probes:v*:*"'),)),
        Invalid(RAW + 'class Lease:\n    def __init__(self, key):\n        self._key = key\n    def renew(self):\n        client.expire(self._key, 60)\ndef make():\n    return Lease(None)\n', (Expected(7, '"*"', Severity.INFO),)),
        Invalid(RAW + 'def load(run_id):\n    return client.get(f"run:{run_id}")\n', (Expected(4, '"run:*"', Severity.INFO),), UUIDS),
        Invalid(RAW + 'def load(chat_id):\n    return client.get(f"run:{chat_id}")\n', (Expected(4, '"run:*"'),), UUIDS),
        Invalid(RAW + 'def load(name):\n    return client.get(f"run:{name}")\n', (Expected(4, '"run:*"'),), UUIDS),
        Invalid(RAW + 'class Queues:\n    MAIL = "mail"\ndef depth():\n    return client.llen(Queues.MAIL)\n', (Expected(6, 'the key "mail" of llen()', Severity.INFO),)),
        Invalid(RAW + 'def ask(address):\n    client.incr(f"signup_rate:{address}")\n', (Expected(4, "signup_rate", Severity.INFO),)),
        Invalid(RAW + 'def redeem(code):\n    return client.getdel(f"oauth_code:{code}")\n', (Expected(4, "oauth_code", Severity.INFO),)),
        Invalid(RAW + 'def push(user_id, x):\n    client.rpush(f"inbox:{user_id}", x)\n', (Expected(4, '"inbox:*"'),)),
        Invalid("import redis\nclass Client:\n    def __init__(self, r: redis.Redis):\n        self._prefix = 'app'\n        self._r = r\n    def get(self, key):\n        return self._r.get(f'{self._prefix}:{key}')\n", (Expected(7, '"app:*"'),)),
        Invalid(RAW + 'def load(user_id):\n    return client.get(f"cart:{user_id}")\n', (Expected(4, 'the key "cart:*" of get()'),)),
        Invalid(RAW + 'PREFIX = "cart"\ndef load(user_id):\n    return client.setex(f"{PREFIX}:{user_id}", 60, "x")\n', (Expected(5, '"cart:*"'),)),
        Invalid(RAW + 'def drop(a, b):\n    client.delete("a:" + a, "b:%s" % b)\n', (Expected(4, '"a:*"'), Expected(4, '"b:*"'))),
        Invalid(HEAD + 'async def load(user_id):\n    return await cache.get(cache_key("cart", user_id))\n', (Expected(3, '"cart:*"'),), CACHE),
        Invalid(HEAD + 'async def load(user_id):\n    key = f"cart:{user_id}"\n    return await cache.get(key)\n', (Expected(4, '"cart:*"'),), CACHE),
        Invalid('import redis\nclass Cart:\n    PREFIX = "cart"\n    def __init__(self):\n        self.redis = redis.Redis()\n    def key(self, user_id):\n        return f"{self.PREFIX}:{user_id}"\n    def load(self, user_id):\n        return self.redis.get(self.key(user_id))\n',
                (Expected(9, '"cart:*"'),)),
        Invalid('async def load(redis_client, key):\n    return await redis_client.get(key)\n', (Expected(2, "no caller is seen", Severity.INFO),)),
    )  # fmt: skip
    VALID = (
        Valid(RAW + 'def put(bot_id, task):\n    client.hset("tasks", f"{bot_id}:{task}", "x")\n    return client.hscan("tasks", 0, match=f"{bot_id}:*")\n'),
        # A client of the project's own that puts a prefix before each key; whose it is, is settled where it is made.
        Valid("from app.tenant import client\ndef f(i):\n    client(1).get(f'cart:{i}')\n", {"app/tenant.py": "import redis\ndef prefixed(prefix, key):\n    return f'{prefix}:{key}'\nclass Client:\n    def __init__(self, prefix, r: redis.Redis):\n        self._prefix = prefix\n        self._r = r\n    def get(self, key):\n        return self._r.get(prefixed(self._prefix, key))\ndef client(tenant):\n    return Client(str(tenant), redis.Redis())\n"}),
        Valid("import redis\nclient = redis.Redis()\ndef f():\n    return client.info().get('used_memory')\n"),
        Valid(RAW + 'def load(bot_id, user_id):\n    return client.get(f"cart:{bot_id}:{user_id}")\n'),
        Valid(RAW + 'def load(user):\n    return client.get(f"{user.bot_id}:cart:{user.id}")\n'),
        Valid(RAW + 'def load():\n    return client.get("maintenance:mode")\n'),
        Valid(HEAD + 'async def load(bot_id, user_id):\n    return await cache.get(cache_key(bot_id, "cart", user_id))\n', CACHE),
        Valid('import redis\nfrom app.tenancy import require_current_tenant\nclass Cart:\n    def __init__(self):\n        self.redis = redis.Redis()\n        self.prefix = f"{require_current_tenant()}:cart"\n    def load(self, user_id):\n        return self.redis.get(f"{self.prefix}:{user_id}")\n'),
        Valid('from app.cache import TenantRedis\nclient = TenantRedis()\ndef load(x):\n    return client.get(f"cart:{x}")\n',
              {"app/cache.py": "import redis\nclass TenantRedis(redis.Redis): pass\n"}, {"keys": KeyPolicy(prefixing_clients=("app.cache.TenantRedis",))}),
        Valid('def load(settings):\n    return settings.get("theme")\n'),
        Valid(RAW + 'def clear(bot_id):\n    for key in client.scan_iter(f"{bot_id}:*"):\n        client.delete(key)\n'),
    )  # fmt: skip
