"""Whether a function outside of requests knows its tenant: what it takes, what it sets, what its decorators bring."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from merge_tool.model.policy import Policy
from merge_tool.rulekit.facts import FunctionFacts, Parameter
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.tenancy import speaks_of_tenant, tenant_words
from merge_tool.rulekit.tenants import is_tenant_parameter, knows_tenant, last_parts, name_of
from merge_tool.rulekit.values import Attr, Call, Ref, Value, walk, walk_all

# Verbs and nouns of functions that put a tenant into the context: `set_current_tenant`, `tenant_scope`, `use_workspace`.
_PUTS = frozenset(
    ("set", "bind", "use", "using", "with", "context", "scope", "scoped", "enter", "activate", "switch", "as", "session", "for", "each", "every", "all")
)  # fmt: skip
_KEYS = frozenset(("id", "uuid", "slug", "pk"))
_KEY_ENDS = tuple(f".{name}" for name in sorted(_KEYS))


@lru_cache(maxsize=16384)
def _is_put(name: str, policy_words: tuple[str, ...]) -> bool:
    said, want = words(name), list(policy_words)
    have = [item.removesuffix("s") for item in said]  # `run_for_all_tenants` too
    speaks = "tenant" in have or any(
        have[at : at + len(want)] == want for at in range(len(have)) if want and want != ["bot"]
    )
    return speaks and (have in (["tenant"], want) or bool(_PUTS.intersection(said)))


def context_names(policy: Policy) -> frozenset[str]:
    """The last parts of the policy's functions that read the tenant from the context."""
    return last_parts(policy.context.getters, policy.context.requirers)


def puts_tenant(function: FunctionFacts, policy: Policy) -> bool:
    """Whether a function's own calls put a tenant into the context, or open a session that is bound to one."""
    named = last_parts(policy.context.setters, policy.context.session_factories)
    want = tuple(tenant_words(policy))
    for call in function.calls:
        if call.name in named:
            return True
        if call.name == "set" and call.args:
            if speaks_of_tenant(name_of(call.receiver), policy):
                return True
        elif (call.args or call.kwargs) and _is_put(call.name, want):
            return True
    return False


def names_tenant_object(values: Iterable[Value], policy: Policy) -> bool:
    """Whether the key of a tenant itself is among these: `bot.id`, `message.bot.id`, `workspace.slug`."""
    want = tenant_words(policy)
    for item in walk_all(values):
        if isinstance(item, Ref):
            dotted = item.dotted
            if not dotted.endswith(_KEY_ENDS):
                continue
        elif isinstance(item, Attr) and item.name in _KEYS:
            dotted = f"{name_of(item.base)}.{item.name}"
        else:
            continue
        parts = dotted.split(".")
        if len(parts) > 1 and parts[-1] in _KEYS:
            have = words(parts[-2])
            if have[-len(want) :] == want or have[-1:] == ["tenant"]:
                return True
    return False


def brings_tenant(parameter: Parameter, policy: Policy) -> bool:
    """Whether a parameter is the tenant, its key, or what an injected dependency gives of it.

    A `bot` that a library hands to its handlers is no tenant yet: what is read of it tells (`bot.id`).
    """
    if is_tenant_parameter(parameter, policy):
        return True
    want = tenant_words(policy)
    if want != ["bot"] and words(parameter.name) == want:
        return True
    for value in (parameter.default, parameter.annotation):
        for item in walk(value) if value is not None else ():
            depends = isinstance(item, Call) and item.name.endswith("Depends") and bool(item.args)
            if depends and isinstance(item, Call) and speaks_of_tenant(name_of(item.args[0]), policy):
                return True
    return False


def has_tenant(function: FunctionFacts, policy: Policy) -> bool:
    """Whether a function has a tenant of its own in hand: takes, sets or reads one; what it asks of the context is not counted."""
    if any(brings_tenant(item, policy) for item in function.params) or puts_tenant(function, policy):
        return True
    if any(speaks_of_tenant(name_of(item), policy) for item in function.decorators if name_of(item)):
        return True
    values = [value for call in function.calls for value in (*call.args, *(item for _, item in call.kwargs))]
    values.extend(sink.value for sink in function.sinks)
    if names_tenant_object(values, policy):
        return True
    return knows_tenant(function, policy) and not asks_context(function, policy)


def asks_context(function: FunctionFacts, policy: Policy) -> str:
    """The name of the policy's getter that a function calls, else ""."""
    names = context_names(policy)
    return next((call.name for call in function.calls if call.name in names), "")
