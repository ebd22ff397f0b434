"""A token or a context that falls back to a default tenant.

What it does
------------
Finds reads of the tenant that give a tenant where there is none: `payload.get("bot_id", 1)`, `payload.get("bot_id") or DEFAULT_BOT_ID`,
`get_current_tenant() or 1`, `ContextVar("bot_id", default=1)`.

Why is this bad?
----------------
A request without a tenant is a mistake or an attack. With a fallback it works on the data of whoever is tenant number one, and nobody hears of it.

Example
-------
    bot_id = payload.get("bot_id", 1)

Use instead
-----------
    bot_id = payload.get("bot_id")
    if bot_id is None:
        raise HTTPException(401)

Not reported
------------
A fallback to None, to an empty value or to another source of the tenant (`header or payload.get("bot_id")`); reads of other keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from merge_tool.model.policy import Policy
from merge_tool.model.source import Diagnostic, Severity
from merge_tool.rulekit import (
    Call,
    Const,
    Expected,
    FunctionFacts,
    Invalid,
    Logic,
    ModuleFacts,
    Project,
    Ref,
    Rule,
    Valid,
    Value,
    walk,
    words,
)


def _default(value: Value | None) -> str:
    """How a value that stands for some tenant is written; "" for anything that does not."""
    if isinstance(value, Const) and value.value not in (None, 0, "", False, -1):
        return repr(value.value)
    if isinstance(value, Ref) and "default" in words(value.last):
        return value.last
    return ""


class DefaultTenant(Rule):
    """See the module."""

    code = "TT4"
    name = "default-tenant"
    severity = Severity.ERROR

    def check(self, module: ModuleFacts, index: Project, policy: Policy) -> Iterable[Diagnostic]:
        """Reports reads of the tenant with a tenant as their default."""
        names = {policy.claim, policy.parameter, policy.column}
        getters = {item.rpartition(".")[2] for item in policy.context.getters}
        for function in module.functions.values():
            for call in function.calls:
                default = self._defaulted(call, names)
                if default:
                    yield self.found(
                        module.path,
                        call.span,
                        f"without a {policy.parameter} this takes tenant {default}",
                    )
            for value, call in self._either(function, names, getters):
                yield self.found(
                    module.path, call.span, f"without a {policy.parameter} this takes tenant {value}"
                )

    def _defaulted(self, call: Call, names: set[str]) -> str:
        first = call.args[0] if call.args else None
        key = first.value if isinstance(first, Const) else None
        if call.name in ("get", "pop") and key in names and len(call.args) == 2:
            return _default(call.args[1])
        if call.name == "ContextVar" and isinstance(key, str) and key in names:
            return _default(call.argument(10_000, "default"))
        return ""

    def _either(
        self, function: FunctionFacts, names: set[str], getters: set[str]
    ) -> Iterator[tuple[str, Call]]:
        """`read or default`, wherever it was kept, handed on or returned."""
        held = [*function.variables.values(), *function.returns]
        held += [
            item for call in function.calls for item in (*call.args, *(value for _, value in call.kwargs))
        ]
        seen: set[int] = set()
        for outer in held:
            for value in walk(outer):
                if not isinstance(value, Logic) or not value.python or value.op != "or" or id(value) in seen:
                    continue
                seen.add(id(value))
                default = _default(value.items[-1])
                reads = [item for item in value.items[:-1] if isinstance(item, Call)]
                for call in reads if default else ():
                    first = call.args[0] if call.args else None
                    if call.name in getters or (
                        call.name == "get" and isinstance(first, Const) and first.value in names
                    ):
                        yield default, call

    INVALID = (
        Invalid('def f(payload):\n    return payload.get("bot_id", 1)\n', (Expected(2, "without a bot_id this takes tenant 1"),)),
        Invalid('from app.config import DEFAULT_BOT_ID\ndef f(payload):\n    bot_id = payload.get("bot_id") or DEFAULT_BOT_ID\n    return bot_id\n', (Expected(3, "tenant DEFAULT_BOT_ID"),)),
        Invalid('from app.config import settings\ndef f(payload, use):\n    use(payload.get("bot_id", settings.DEFAULT_BOT_ID))\n', (Expected(3, "tenant DEFAULT_BOT_ID"),)),
        Invalid("from app.tenancy import get_current_tenant\ndef f():\n    return get_current_tenant() or 1\n", (Expected(3, "tenant 1"),)),
        Invalid('from contextvars import ContextVar\ncurrent = ContextVar("bot_id", default=1)\n', (Expected(2, "tenant 1"),)),
    )  # fmt: skip
    VALID = (
        Valid('def f(payload):\n    return payload.get("bot_id")\n'),
        Valid('def f(payload):\n    return payload.get("bot_id", None), payload.get("limit", 1)\n'),
        Valid('def f(payload, header):\n    return header or payload.get("bot_id")\n'),
        Valid('def f(payload, other):\n    return payload.get("bot_id") or other.bot_id\n'),
        Valid('from contextvars import ContextVar\ncurrent = ContextVar("bot_id", default=None)\n'),
    )  # fmt: skip
