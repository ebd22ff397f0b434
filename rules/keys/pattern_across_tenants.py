"""A Redis command over the keys of all tenants.

What it does
------------
Finds `KEYS`, `SCAN` and pattern subscriptions whose pattern does not hold the tenant, through wrappers and their callers, and `FLUSHDB`, `FLUSHALL`.

Why is this bad?
----------------
What such a command finds belongs to every tenant: a clean-up for one throws out the carts of all, a listing shows them.

Example
-------
    async for key in redis_client.scan_iter(match="cart:*"):
        await redis_client.delete(key)

Use instead
-----------
    async for key in redis_client.scan_iter(match=f"cart:{bot_id}:*"):
        await redis_client.delete(key)

Not reported
------------
A pattern with the tenant in it; patterns that fit the policy's `global_keys`; clients of its `prefixing_clients`; `keys()` of a mapping.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import KeyPolicy, Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import Expected, Invalid, ModuleFacts, Project, Rule, Scoped, Valid

RAW = "import redis\nclient = redis.Redis()\n"
CACHE = {
    "app/cache.py": """\
import redis.asyncio as redis

class Cache:
    def __init__(self):
        self.client = redis.from_url("redis://")
    async def delete_pattern(self, pattern):
        for key in await self.client.keys(pattern):
            await self.client.delete(key)

cache = Cache()
"""
}


class PatternAcrossTenants(Rule):
    """See the module."""

    code = "TK4"
    name = "pattern-across-tenants"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports patterns without a tenant, and commands that empty a database; what is undecided as `info`."""
        for verdict in index.pattern_verdicts(module.path):
            if verdict.scoped is Scoped.NO:
                message = (
                    f"{verdict.command}() empties the keys of every tenant"
                    if verdict.command.startswith("flush")
                    else f'{verdict.command}() goes over the keys of every tenant: the pattern "{verdict.key}" does not hold one'
                )
                yield self.found(verdict.path, verdict.span, message, reason=verdict.reasons)
            elif verdict.scoped is Scoped.UNDECIDED:
                why = verdict.reasons[-1] if verdict.reasons else "built dynamically"
                message = f"cannot tell whether {verdict.command}() keeps to one tenant: {why}"
                yield self.found(
                    verdict.path, verdict.span, message, severity=Severity.INFO, reason=verdict.reasons
                )

    INVALID = (
        Invalid(RAW + 'def f():\n    return client.keys("cart:*")\n', (Expected(4, 'keys() goes over the keys of every tenant: the pattern "cart:*" does not hold one'),)),
        Invalid(RAW + 'def f(user_id):\n    for key in client.scan_iter(match=f"cart:{user_id}:*"):\n        client.delete(key)\n', (Expected(4, '"cart:*:*"'),)),
        Invalid(RAW + 'def f():\n    return client.scan(0, match="cart:*", count=10)\n', (Expected(4, "scan()"),)),
        Invalid(RAW + "def f():\n    return list(client.scan_iter())\n", (Expected(4, "scan_iter()"),)),
        Invalid(RAW + "def f():\n    client.flushdb()\n    client.flushall()\n", (Expected(4, "flushdb() empties the keys of every tenant"), Expected(5, "flushall()"))),
        Invalid('from app.cache import cache\nasync def clear(user_id):\n    await cache.delete_pattern(f"user:{user_id}:*")\n', (Expected(3, '"user:*:*"'),), CACHE),
        Invalid("def f(redis_client, pattern):\n    return redis_client.keys(pattern)\n", (Expected(2, "no caller is seen", Severity.INFO),)),
    )  # fmt: skip
    VALID = (
        Valid(RAW + 'def f(bot_id):\n    return client.keys(f"cart:{bot_id}:*")\n'),
        Valid(RAW + 'def f(bot_id):\n    return client.scan(0, f"{bot_id}:*")\n'),
        Valid(RAW + 'def f():\n    return client.keys("maintenance:*")\n'),
        Valid("def f(settings):\n    return settings.keys()\n"),
        Valid('from app.cache import cache\nasync def clear(bot_id):\n    await cache.delete_pattern(f"{bot_id}:user:*")\n', CACHE),
        Valid('from app.cache import TenantRedis\nclient = TenantRedis()\ndef f():\n    return client.keys("cart:*")\n',
              {"app/cache.py": "import redis\nclass TenantRedis(redis.Redis): pass\n"}, {"keys": KeyPolicy(prefixing_clients=("app.cache.TenantRedis",))}),
    )  # fmt: skip
