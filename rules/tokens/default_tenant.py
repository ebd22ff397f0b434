"""A tenant that is made up where the token or the context has none.

What it does
------------
Finds reads of the tenant from claims, headers and the context that fall back to a default: `payload.get("bot_id", 1)`,
`claims.get("bot_id") or DEFAULT`, `get_current_tenant() or 1`, `ContextVar("tenant", default=1)`, a variable set where it was None.

Why is this bad?
----------------
A token without the claim, or a request without a context, is let into the default tenant instead of being refused.

Example
-------
    bot_id = payload.get("bot_id", 1)

Use instead
-----------
    bot_id = payload.get("bot_id")
    if bot_id is None:
        raise InvalidToken

Not reported
------------
Defaults that are no tenant (None, empty, 0); a second claim of the same token; the tenant of the row of the user who was found;
tests such as `if claims.get("bot_id") or is_admin`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity, Span
from merge_tool.rulekit import (
    Attr,
    Call,
    Choice,
    Const,
    Expected,
    FunctionFacts,
    Invalid,
    Item,
    ModuleFacts,
    Project,
    Ref,
    Rule,
    Valid,
    Value,
    last_part,
    module_value,
    name_of,
    says_tenant,
    spoken,
    tenant_functions,
    walk,
    words,
)

_TOKENS = frozenset(("payload", "claims", "claim", "token", "jwt", "decoded", "decode", "headers", "cookies", "principal", "session", "state"))  # fmt: skip


_NOBODY = frozenset(("unknown", "none", "null", "n/a", "-", "?", "unset", "missing", "anonymous"))


def _from_token(base: Value | None) -> bool:
    """Whether a mapping is a token's payload, or what came with the request."""
    return base is not None and any(word in _TOKENS for word in words(last_part(name_of(base))))


def _requires(call: Call, policy: Policy) -> bool:
    """Whether a call gives the context's tenant or raises."""
    return any(call.name == name.rpartition(".")[2] for name in policy.context.requirers)


class DefaultTenant(Rule):
    """See the module."""

    code = "TT4"
    name = "default-tenant"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports defaults in a tenant's place."""
        for function in module.functions.values():
            seen: set[tuple[int, int]] = set()
            for span, source, default in self._fallbacks(function, policy, index):
                severity = self._severity(default, function, policy)
                place = (span.line, span.column)
                if severity is None or place in seen:
                    continue
                seen.add(place)
                shown = repr(default.value) if isinstance(default, Const) else name_of(default) or "a default"
                yield self.found(
                    module.path,
                    span,
                    f"where {source} has no tenant, {shown} is taken for it",
                    severity=severity,
                )

    def _fallbacks(
        self, function: FunctionFacts, policy: Policy, index: Project
    ) -> Iterator[tuple[Span, str, Value]]:
        for call in function.calls:
            if call.name in ("get", "pop") and len(call.args) == 2:
                if source := self._read(call, policy):
                    yield call.span, source, call.args[1]
            elif (
                call.name == "get"
                and len(call.args) == 1
                and self._is_context(call, policy)
                and not self._looks_up(index, function, call)
            ):
                yield call.span, name_of(call.func), call.args[0]
            elif call.name == "ContextVar" and call.args:
                name, default = call.args[0], call.argument(10_000, "default")
                if (
                    default is not None
                    and isinstance(name, Const)
                    and says_tenant(spoken(str(name.value)), policy)
                ):
                    yield call.span, "the context", default
        told = [
            (fallback.values, found)
            for fallback in function.fallbacks
            for found in self._of(fallback.values, fallback.span, policy)
        ]
        if told:
            tested = {
                id(part)
                for test in function.checks
                for item in walk(test)
                for part in getattr(item, "items", ())
            }
            yield from (found for values, found in told if not all(id(item) in tested for item in values))
        for held in (*function.variables.values(), *function.returns):
            if isinstance(held, Choice):
                inner = next(
                    (item.span for arm in held.arms for item in walk(arm) if isinstance(item, Call)), None
                )
                if inner is not None:
                    yield from self._of(held.arms, inner, policy)

    def _looks_up(self, index: Project, function: FunctionFacts, call: Call) -> bool:
        """Whether `tenant_context.get("schema")` reads a mapping: a string is a key there, and a default only in a ContextVar."""
        first, receiver = call.args[0], call.receiver
        if not isinstance(first, Const) or not isinstance(first.value, str) or receiver is None:
            return False
        held = module_value(index, function.path, function, receiver)
        return not any(isinstance(item, Call) and item.name == "ContextVar" for item in walk(held))

    def _of(self, values: tuple[Value, ...], span: Span, policy: Policy) -> Iterator[tuple[Span, str, Value]]:
        # What raises where there is no tenant leaves no room for a default.
        if any(isinstance(item, Call) and _requires(item, policy) for item in values):
            return
        source = next((found for item in values if (found := self._read(item, policy))), "")
        if not source:
            return
        for item in values:
            if not self._read(item, policy):
                yield span, source, item

    def _read(self, value: Value, policy: Policy) -> str:
        """Where a value reads the tenant from, or ""."""
        if isinstance(value, Call):
            if value.name in tenant_functions(policy) or self._is_context(value, policy):
                return f"{name_of(value.func)}()"
            if value.name in ("int", "str", "UUID") and len(value.args) == 1:
                return self._read(value.args[0], policy)
            if value.name in ("get", "pop") and self._is_key(value.argument(0, "key"), policy):
                return (name_of(value.receiver) or "the token") if _from_token(value.receiver) else ""
        if isinstance(value, Item) and self._is_key(value.key, policy) and _from_token(value.base):
            return name_of(value.base) or "the token"
        if isinstance(value, Ref | Attr):
            dotted = name_of(value)
            base = dotted.rpartition(".")[0] if isinstance(value, Ref) else name_of(value.base)
            if says_tenant(last_part(dotted), policy) and base and _from_token(Ref(base)):
                return base
        return ""

    def _is_key(self, key: Value | None, policy: Policy) -> bool:
        if not isinstance(key, Const) or not isinstance(key.value, str):
            return False
        return key.value == policy.claim or says_tenant(spoken(key.value), policy)

    def _is_context(self, call: Call, policy: Policy) -> bool:
        """Whether a call is `.get()` of the context variable that holds the tenant."""
        if call.name != "get" or len(call.args) > 1 or not isinstance(call.receiver, Ref):
            return False
        last = last_part(call.receiver.dotted)
        if not says_tenant(
            last.strip("_").lower().removesuffix("_var").removesuffix("_ctx").removesuffix("_context"), policy
        ):
            return False
        return not call.args or any(word in ("var", "ctx", "context", "contextvar") for word in words(last))

    def _severity(self, default: Value, function: FunctionFacts, policy: Policy) -> Severity | None:
        """How bad a default is; None where it is none."""
        if isinstance(default, Const):
            nobody = str(default.value).lower() in _NOBODY  # a label of a metric or a log line
            return Severity.ERROR if default.value not in (None, "", 0, False) and not nobody else None
        if isinstance(default, Ref):
            head = default.dotted.partition(".")[0]
            last = last_part(default.dotted)
            if last.isupper() or "default" in words(last):
                return Severity.ERROR
            if function.parameter(head) is not None and head == default.dotted and says_tenant(head, policy):
                return Severity.WARNING
        return None

    INVALID = (
        Invalid('def tenant(payload):\n    return payload.get("bot_id", 1)\n', (Expected(2, "where payload has no tenant, 1 is taken for it"),)),
        Invalid('DEFAULT = 1\ndef tenant(claims):\n    return claims.get("bot_id") or DEFAULT\n', (Expected(3, "DEFAULT is taken"),)),
        Invalid('from app.tenancy import get_current_tenant\nfrom app.config import settings\ndef tenant():\n    bot_id = get_current_tenant() or settings.DEFAULT_BOT_ID\n    return bot_id\n', (Expected(4, "get_current_tenant() has no tenant"),)),
        Invalid('import jwt\ndef tenant(token):\n    return jwt.decode(token, "s", algorithms=["HS256"]).get("bot_id", "main")\n', (Expected(3, "'main' is taken"),)),
        Invalid('def tenant(payload):\n    bot_id = payload.get("bot_id")\n    if bot_id is None:\n        bot_id = 1\n    return bot_id\n', (Expected(2, "1 is taken"),)),
        Invalid('def tenant(payload):\n    return payload["bot_id"] if "bot_id" in payload else 1\n', (Expected(2, "1 is taken"),)),
        Invalid('from contextvars import ContextVar\ntenant_var = ContextVar("tenant_id", default=1)\ndef tenant():\n    return tenant_var.get(7)\n', (Expected(2, "1 is taken"), Expected(4, "7 is taken"))),
        Invalid('def tenant(request):\n    return request.headers.get("X-Tenant-ID", "default")\n', (Expected(2, "'default' is taken"),)),
        Invalid('def tenant(request):\n    return getattr(request.state, "bot_id", 1)\n', (Expected(2, "1 is taken"),)),
        Invalid('def tenant(payload, bot_id):\n    return payload.get("bot_id") or bot_id\n', (Expected(2, "bot_id is taken", Severity.WARNING),)),
    )  # fmt: skip
    VALID = (
        Valid('from app.tenancy import get_current_tenant\ndef label():\n    return get_current_tenant() or "unknown"\n'),
        Valid("from app.core.tenant_context import require_current_tenant\ndef load(db, bot_id=None):\n    if bot_id is None:\n        bot_id = require_current_tenant()\n    return bot_id\n"),
        Valid('def schema(request):\n    return request.state.tenant_context.get("schema_name")\nclass Task:\n    def tenant(self):\n        return self.tenant_context.get("bot_id")\n'),
        Valid('def tenant(payload):\n    bot_id = payload.get("bot_id")\n    if bot_id is None:\n        raise ValueError\n    return bot_id\n'),
        Valid('def tenant(payload):\n    return payload.get("bot_id", None), payload.get("role", "user"), payload.get("bot_id", 0)\n'),
        Valid('def tenant(claims):\n    return claims.get("bot_id") or claims.get("tenant_id")\n'),
        Valid('def tenant(claims, user):\n    return claims.get("bot_id") or user.bot_id\n'),
        Valid('def tenant(claims, ADMIN):\n    if claims.get("bot_id") or ADMIN:\n        return 1\n'),
        Valid('def colour(theme):\n    return theme.get("bot_id", 1) or 5\n'),
        Valid('from contextvars import ContextVar\ntenant_var = ContextVar("tenant_id", default=None)\n'),
    )  # fmt: skip
