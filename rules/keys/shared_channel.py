"""A channel, lock, rate limit or dialogue state that all tenants share.

What it does
------------
Finds the names of Redis channels and locks without a tenant, the key functions of slowapi and fastapi-limiter that know none, and
aiogram's Redis storage without the bot's id in its keys.

Why is this bad?
----------------
Messages of one tenant reach the subscribers of all, one tenant's lock holds the others up, one uses up the others' rate limit, and a
user who writes to two bots answers the question of one in the dialogue of the other.

Example
-------
    async def announce(client, text):
        await client.publish("events", text)

Use instead
-----------
    async def announce(client, bot_id, text):
        await client.publish(f"events:{bot_id}", text)

Not reported
------------
Names with the tenant in them, or that fit the policy's `global_keys`; prefixing clients; in-process locks such as `asyncio.Lock`.
A rate limit by address is a `warning`: it leaks nothing. Key functions that are not seen are `info`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
    Scoped,
    Valid,
    Value,
    knows_tenant,
    last_part,
    mentions_tenant,
    module_value,
    name_of,
    words,
)

_WHAT = {"channel": "the channel", "lock": "the lock"}
_LIMITERS = ("slowapi", "fastapi_limiter")
_ADDRESSES = "the rate limit counts by address, for all tenants together"
_PERSONS = frozenset(("ip", "address", "user", "client", "person", "host", "identifier", "remote"))
_BY_ADDRESS = frozenset(("get_remote_address", "get_ipaddr", "default_identifier"))


class SharedChannel(Rule):
    """See the module."""

    code = "TK3"
    name = "shared-channel"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports names that tenants share."""
        for kind, what in _WHAT.items():
            for verdict in index.key_verdicts(module.path, kind):
                if verdict.scoped is Scoped.NO:
                    message = f'{what} "{verdict.key}" of {verdict.command}() is shared by all tenants'
                    yield self.found(verdict.path, verdict.span, message, reason=verdict.reasons)
                elif verdict.scoped is Scoped.UNDECIDED:
                    why = verdict.reasons[-1] if verdict.reasons else "built dynamically"
                    message = f"cannot tell whether {what} of {verdict.command}() holds the tenant: {why}"
                    yield self.found(
                        verdict.path, verdict.span, message, severity=Severity.INFO, reason=verdict.reasons
                    )
        targets = [item.target for item in module.import_sites]
        limits = any(target.startswith(_LIMITERS) for target in targets)
        states = any(target.startswith("aiogram") for target in targets)
        if limits or states:
            for function in module.functions.values():
                for call in function.calls:
                    if limits:
                        yield from self._limit(module, function, call, index, policy)
                    if states and "RedisStorage" in name_of(call.func):
                        yield from self._states(module, function, call, index, policy)

    def _limit(
        self, module: ModuleFacts, function: FunctionFacts, call: Call, index: Project, policy: Policy
    ) -> Iterator[Diagnostic]:
        name = index.callee_name(module.path, function, call)
        if not name.startswith(_LIMITERS):
            return
        keyed = call.argument(
            0 if name.endswith("Limiter") and name.startswith("slowapi") else 10_000, "key_func", "identifier"
        )
        if keyed is None:
            if name.startswith("fastapi_limiter") and call.name == "init":
                yield self.found(module.path, call.span, _ADDRESSES, severity=Severity.INFO)
            return
        if name_of(keyed) and last_part(name_of(keyed)) in _BY_ADDRESS:
            yield self.found(module.path, call.span, _ADDRESSES, severity=Severity.INFO)
            return
        target = index.callee(module.path, function, Call(keyed, (), (), call.span))
        if target is not None:
            if not knows_tenant(target, policy):
                person = _PERSONS.intersection(words(target.name))
                yield self.found(
                    module.path,
                    call.span,
                    f"the key of the rate limit, {target.name}(), does not hold the tenant",
                    severity=Severity.INFO if person else None,
                    reason=["it tells those who ask apart by person or address, who is of one tenant"]
                    if person
                    else [],
                )
        elif isinstance(keyed, Function):
            if not mentions_tenant(keyed.body, policy):
                yield self.found(module.path, call.span, "the key of the rate limit does not hold the tenant")
        else:
            message = (
                "cannot tell whether the key of the rate limit holds the tenant: its function is not seen"
            )
            yield self.found(module.path, call.span, message, severity=Severity.INFO)

    def _states(
        self, module: ModuleFacts, function: FunctionFacts, call: Call, index: Project, policy: Policy
    ) -> Iterator[Diagnostic]:
        if not index.callee_name(module.path, function, call).startswith("aiogram") or call.has_star:
            return
        builder = call.argument(1, "key_builder")
        builder = module_value(index, module.path, function, builder) if builder is not None else None
        if builder is not None and self._with_bot(builder, module, function, index, policy):
            return
        # Only where a tenant is a bot is a key without the bot's id surely one without the tenant.
        severity = Severity.ERROR if "bot" in words(policy.parameter) else Severity.WARNING
        message = "the keys of the dialogue states do not hold the bot's id: give DefaultKeyBuilder(with_bot_id=True)"
        yield self.found(module.path, call.span, message, severity=severity)

    def _with_bot(
        self, builder: Value, module: ModuleFacts, function: FunctionFacts, index: Project, policy: Policy
    ) -> bool:
        if not isinstance(builder, Call):
            return True  # made elsewhere
        if builder.name != "DefaultKeyBuilder":
            owner = index.find_class(index.callee_name(module.path, function, builder))
            build = (
                index.modules[owner.path].functions.get(f"{owner.qualname}.build")
                if owner is not None
                else None
            )
            return build is None or "bot_id" in build.attributes_read or knows_tenant(build, policy)
        given = builder.argument(10_000, "with_bot_id")
        prefix = builder.argument(10_000, "prefix")
        if prefix is not None and mentions_tenant(prefix, policy, function):
            return True
        return given is not None and not (isinstance(given, Const) and not given.value)

    INVALID = (
        Invalid('import redis\nclient = redis.Redis()\ndef announce(text, user_id):\n    client.publish("events", text)\n    client.publish(f"events:{user_id}", text)\n', (Expected(4, 'the channel "events" of publish()'), Expected(5, '"events:*"'))),
        Invalid('import redis\nclient = redis.Redis()\ndef listen():\n    sub = client.pubsub()\n    sub.subscribe("events", "news")\n', (Expected(5, '"events"'), Expected(5, '"news"'))),
        Invalid('import redis\nclient = redis.Redis()\ndef pay(user_id):\n    with client.lock(f"pay:{user_id}", timeout=5):\n        return 1\n', (Expected(4, 'the lock "pay:*" of lock()'),)),
        Invalid('from slowapi import Limiter\nfrom slowapi.util import get_remote_address\nlimiter = Limiter(key_func=get_remote_address)\n', (Expected(3, "by address", Severity.INFO),)),
        Invalid('from slowapi import Limiter\ndef by_user(request):\n    return request.state.user_id\nlimiter = Limiter(key_func=by_user)\nother = Limiter(key_func=lambda request: request.user)\n', (Expected(4, "by_user()", Severity.INFO), Expected(5, "does not hold the tenant"))),
        Invalid('from aiogram.fsm.storage.redis import DefaultKeyBuilder, RedisStorage\nstorage = RedisStorage(redis)\nother = RedisStorage.from_url("redis://", key_builder=DefaultKeyBuilder(prefix="fsm"))\n', (Expected(2, "with_bot_id=True"), Expected(3, "with_bot_id=True"))),
    )  # fmt: skip
    VALID = (
        Valid('import redis\nclient = redis.Redis()\ndef announce(text, bot_id):\n    client.publish(f"events:{bot_id}", text)\n    client.publish("maintenance:on", text)\n    client.lock(f"pay:{bot_id}:1")\n'),
        Valid('import asyncio\nlock = asyncio.Lock()\ndef f(cupboard):\n    cupboard.lock("door")\n    cupboard.publish("x")\n'),
        Valid('from slowapi import Limiter\ndef by_bot(request):\n    return f"{request.state.bot_id}:{request.client.host}"\nlimiter = Limiter(key_func=by_bot)\n'),
        Valid('from aiogram.fsm.storage.redis import DefaultKeyBuilder, RedisStorage\nstorage = RedisStorage(redis, key_builder=DefaultKeyBuilder(with_bot_id=True))\n'),
        Valid('from aiogram.fsm.storage.redis import KeyBuilder, RedisStorage\nclass Keys(KeyBuilder):\n    def build(self, key, part):\n        return f"{key.bot_id}:{key.user_id}:{part}"\nstorage = RedisStorage(redis, key_builder=Keys())\n'),
    )  # fmt: skip
