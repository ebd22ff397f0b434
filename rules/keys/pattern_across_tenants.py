"""A Redis command that reaches the keys of all tenants.

What it does
------------
Finds `FLUSHDB` and `FLUSHALL`, and the patterns of `KEYS`, `SCAN` and helpers such as `delete_pattern`, followed through wrapper classes
to their callers, in which no tenant stands.

Why is this bad?
----------------
What one tenant's administrator clears or lists is everybody's: carts, sessions and limits of all other tenants are gone or seen.

Example
-------
    async def clear_carts(client):
        for key in await client.keys("cart:*"):
            await client.delete(key)

Use instead
-----------
    async def clear_carts(client, bot_id):
        async for key in client.scan_iter(match=f"cart:{bot_id}:*"):
            await client.delete(key)

Not reported
------------
Patterns with the tenant in them, or that fit the policy's `global_keys`; clients that prefix patterns (`prefixing_clients`), except for
flushing, which no prefix holds back. Where the pattern is a parameter and no caller is seen, it is `info`.
"""

from __future__ import annotations

from collections.abc import Iterable

from merge_tool.model.policy import KeyPolicy, Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Const,
    Expected,
    Invalid,
    ModuleFacts,
    Project,
    Rule,
    Scoped,
    Valid,
    name_of,
    words,
)

_FLUSHES = frozenset(("flushdb", "flushall"))


class PatternAcrossTenants(Rule):
    """See the module."""

    code = "TK4"
    name = "pattern-across-tenants"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports patterns without a tenant, and flushes."""
        for verdict in index.key_verdicts(module.path, "pattern"):
            if verdict.scoped is Scoped.NO:
                message = f'the pattern "{verdict.key}" of {verdict.command}() takes the keys of all tenants'
                yield self.found(verdict.path, verdict.span, message, reason=verdict.reasons)
            elif verdict.scoped is Scoped.UNDECIDED:
                why = verdict.reasons[-1] if verdict.reasons else "built dynamically"
                message = f"cannot tell whether the pattern of {verdict.command}() holds the tenant: {why}"
                yield self.found(
                    verdict.path, verdict.span, message, severity=Severity.INFO, reason=verdict.reasons
                )
        for function in module.functions.values():
            for call in function.calls:
                if call.name not in _FLUSHES and call.name != "execute_command":
                    continue
                command = self._command(call)
                if command.lower() in _FLUSHES and index.callee(module.path, function, call) is None:
                    yield self.found(module.path, call.span, f"{command}() empties the keys of all tenants")

    def _command(self, call: Call) -> str:
        """The Redis command that may empty a database; "" for other calls."""
        if call.receiver is None:
            return ""
        if call.name == "execute_command" and call.args and isinstance(call.args[0], Const):
            return str(call.args[0].value)
        about = words(name_of(call.receiver))
        return call.name if call.name in _FLUSHES and "memcached" not in about else ""

    INVALID = (
        Invalid('import redis\nclient = redis.Redis()\ndef clear():\n    for key in client.keys("cart:*"):\n        client.delete(key)\n', (Expected(4, 'the pattern "cart:*" of keys()'),)),
        Invalid('import redis\nclient = redis.Redis()\ndef clear(user_id):\n    list(client.scan_iter(match=f"*:session:{user_id}"))\n    client.scan(0)\n', (Expected(4, "scan_iter()"), Expected(5, 'the pattern "*" of scan()'))),
        Invalid('import redis\nclient = redis.Redis()\ndef clear():\n    client.flushdb()\n    client.execute_command("FLUSHALL")\n', (Expected(4, "flushdb() empties"), Expected(5, "FLUSHALL() empties"))),
        Invalid('import redis\nclass Cache:\n    def __init__(self):\n        self.client = redis.Redis()\n    def delete_pattern(self, pattern):\n        return self.client.delete(*self.client.keys(pattern))\ncache = Cache()\ndef clear():\n    cache.delete_pattern("countries*")\n', (Expected(9, '"countries*"'),)),
        Invalid('def clear(redis_client, pattern):\n    return redis_client.keys(pattern)\n', (Expected(2, "no caller is seen", Severity.INFO),)),
    )  # fmt: skip
    VALID = (
        Valid('import redis\nclient = redis.Redis()\ndef clear(bot_id):\n    return client.keys(f"{bot_id}:*") + list(client.scan_iter(match=f"cart:{bot_id}:*"))\n'),
        Valid('import redis\nclient = redis.Redis()\ndef clear():\n    return client.keys("maintenance:*")\n'),
        Valid('def names(mapping):\n    return mapping.keys()\n'),
        Valid('from app.cache import TenantRedis\nclient = TenantRedis()\ndef clear():\n    return client.keys("cart:*")\n',
              {"app/cache.py": "import redis\nclass TenantRedis(redis.Redis): pass\n"}, {"keys": KeyPolicy(prefixing_clients=("app.cache.TenantRedis",))}),
    )  # fmt: skip
