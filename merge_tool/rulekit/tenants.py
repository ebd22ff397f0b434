"""Whether a name, a value or a function speaks of the tenant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from merge_tool.model.policy import Policy
from merge_tool.rulekit.facts import FunctionFacts, Parameter
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.values import Attr, Call, Const, Item, Ref, Text, Value, walk, walk_all


def last_part(dotted: str) -> str:
    """The part behind the last dot."""
    return dotted.rpartition(".")[2]


@lru_cache(maxsize=4096)
def _says(name: str, column: str, parameter: str) -> bool:
    have = name.lower()
    if have.endswith("ids"):
        have = have[:-1]
    for known in (column.lower(), parameter.lower()):
        if have == known or have.endswith(f"_{known}") or have.startswith(f"{known}_"):
            return True
    return "tenant" in words(name)


def says_tenant(name: str, policy: Policy) -> bool:
    """Whether one part of a dotted name is the tenant column or parameter, holds it, or holds the word tenant."""
    return _says_dotted(name, policy.column, policy.parameter)


@lru_cache(maxsize=65536)
def _says_dotted(name: str, column: str, parameter: str) -> bool:
    return any(_says(part, column, parameter) for part in name.split(".") if part)


def spoken(key: str) -> str:
    """A header's or mapping's key as an identifier: `X-Tenant-ID` as `x_tenant_id`."""
    return re.sub(r"[^0-9a-zA-Z]+", "_", key).strip("_").lower()


def tenant_functions(policy: Policy) -> frozenset[str]:
    """The last parts of the names of the policy's functions that give the tenant."""
    context, routes = policy.context, policy.routes
    return last_parts(context.getters, context.requirers, routes.dependencies)


@lru_cache(maxsize=64)
def last_parts(*several: tuple[str, ...]) -> frozenset[str]:
    """The last parts of several tuples of dotted names."""
    return frozenset(last_part(name) for names in several for name in names)


def mentions_tenant(value: Value, policy: Policy, function: FunctionFacts | None = None) -> bool:
    """Whether a tenant stands anywhere in a value; a variable is looked up once where `function` is given."""
    return any_mentions_tenant((value,), policy, function)


def any_mentions_tenant(
    values: Iterable[Value], policy: Policy, function: FunctionFacts | None = None
) -> bool:
    """The same for several values, in which each object is looked at once."""
    getters = tenant_functions(policy)
    for item in walk_all(values):
        match item:
            case Ref(dotted):
                if says_tenant(dotted, policy) or last_part(dotted) in getters:
                    return True
                held = function.variables.get(dotted) if function is not None else None
                if held is not None and held is not item and mentions_tenant(held, policy):
                    return True
            case Attr(_, name):
                if says_tenant(name, policy):
                    return True
            case Call():
                if item.name in getters or any(says_tenant(key, policy) for key, _ in item.kwargs):
                    return True
            case Item(_, Const(str() as key)):
                if says_tenant(key, policy):
                    return True
            case Const(str() as text) if text in (policy.claim, policy.parameter, policy.column):
                return True
            case _:
                continue
    return False


def takes_tenant(function: FunctionFacts, policy: Policy) -> bool:
    """Whether a parameter of a function is, or by its annotation holds, the tenant."""
    return any(is_tenant_parameter(item, policy) for item in function.params)


def is_tenant_parameter(parameter: Parameter, policy: Policy) -> bool:
    """Whether a parameter is, or by its name or annotation holds, the tenant."""
    if says_tenant(parameter.name, policy):
        return True
    return parameter.annotation is not None and any(
        isinstance(item, Ref) and says_tenant(item.dotted, policy) for item in walk(parameter.annotation)
    )


def name_of(value: Value | None) -> str:
    """The dotted name that a value is, or ends in: `settings` for `get().settings`, `get_settings` for `get_settings()`."""
    match value:
        case Ref(dotted):
            return dotted
        case Attr(_, name):
            return name
        case Call():
            return value.dotted or value.name
        case _:
            return ""


def text_of(value: Value | None) -> str:
    """A string as far as it is written: its literal parts, `*` for each other part; "" for anything else."""
    match value:
        case Const(str() as text):
            return text
        case Const(bytes() as raw):
            return raw.decode("utf-8", "replace")
        case Text(parts):
            return "".join(text_of(part) or "*" for part in parts)
        case _:
            return ""


def knows_tenant(function: FunctionFacts, policy: Policy) -> bool:
    """Whether a function's text deals with the tenant at all: a parameter, a key, an attribute, a call, a variable."""
    if takes_tenant(function, policy):
        return True
    if any(
        says_tenant(spoken(name), policy) for name in (*function.constants_read, *function.attributes_read)
    ):
        return True
    if any(says_tenant(name, policy) for name in function.variables):
        return True
    getters = tenant_functions(policy)
    for call in function.calls:
        if call.name in getters or says_tenant(call.name, policy):
            return True
        if any(says_tenant(key, policy) for key, _ in call.kwargs):
            return True
    return any_mentions_tenant((item for call in function.calls for item in call.args), policy)
