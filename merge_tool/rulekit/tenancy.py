"""Small questions about tenants that rules on jobs, contexts and logs share."""

from __future__ import annotations

from merge_tool.model.policy import Policy
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.values import Attr, Call, Const, Item, Ref, Value, walk

_TAILS = ("id", "uuid", "slug", "key")


def tenant_words(policy: Policy) -> list[str]:
    """The words of what a tenant is: `org` of `org_id`."""
    have = words(policy.parameter or policy.column)
    return have[:-1] if len(have) > 1 and have[-1] in _TAILS else have


def speaks_of_tenant(name: str, policy: Policy) -> bool:
    """Whether an identifier holds the word for a tenant, the policy's own or `tenant`."""
    have, want = words(name), tenant_words(policy)
    return "tenant" in have or any(have[at : at + len(want)] == want for at in range(len(have)) if want)


def tenant_parameter(function: FunctionFacts, policy: Policy) -> str:
    """The name of the parameter that brings the tenant, or ""."""
    own = {policy.parameter, policy.column}
    return next((item.name for item in function.params if item.name in own), "")


def holds_tenant(value: Value, policy: Policy) -> bool:
    """Whether a value names the tenant anywhere."""
    for item in walk(value):
        name = item.dotted if isinstance(item, Ref) else item.name if isinstance(item, Attr | Call) else ""
        if name and any(speaks_of_tenant(part, policy) for part in name.split(".")):
            return True
    return False


def asks_for_tenant(function: FunctionFacts, policy: Policy) -> bool:
    """Whether a function calls what the policy names for the context: getters, requirers, setters, session factories."""
    context = policy.context
    wanted = {
        name.rpartition(".")[2]
        for name in (*context.getters, *context.requirers, *context.setters, *context.session_factories)
    }
    return any(call.name in wanted for call in function.calls)


def is_setting(value: Value) -> str:
    """The name of the setting that a value reads: `settings.BOT_TOKEN`, `getattr(settings, "X")`, `os.environ["X"]`; else ""."""
    if isinstance(value, Ref | Attr):
        owner = value.dotted.rpartition(".")[0] if isinstance(value, Ref) else ""
        holds = {"settings", "config", "conf", "env", "cfg"}.intersection(words(owner))
        return (value.last if isinstance(value, Ref) else value.name) if holds else ""
    if isinstance(value, Item) and isinstance(value.key, Const) and isinstance(value.key.value, str):
        named = value.base.last if isinstance(value.base, Ref) else ""
        return value.key.value if named in ("environ", "settings", "config") else ""
    if isinstance(value, Call):
        at = 1 if value.name == "getattr" else 0
        first = value.argument(at, "key", "name")
        known = value.name in ("getattr", "getenv") or value.dotted in (
            "os.environ.get",
            "environ.get",
            "config",
            "env",
        )
        if known and isinstance(first, Const) and isinstance(first.value, str):
            return first.value
        if value.name == "get_secret_value" and value.receiver is not None:
            return is_setting(value.receiver)
        return is_setting(value.func) if isinstance(value.func, Ref) and not value.args else ""
    return ""


def per_tenant_field(value: Value, policy: Policy) -> str:
    """The field of the policy's per-tenant `settings` that a value reads, by name or accessor; else ""."""
    name = is_setting(value)
    if isinstance(value, Call) and isinstance(value.func, Ref | Attr):
        name = name or value.name
    for item in policy.settings:
        if name and (name == item.field or name in item.accessors):
            return item.field
    return ""
