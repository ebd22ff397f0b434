"""What a name of a module's top level holds, and whether a function deals with a tenant's rows."""

from __future__ import annotations

from merge_tool.model.policy import Policy
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import Project
from merge_tool.rulekit.values import Ref, Value, walk


def module_value(index: Project, path: str, function: FunctionFacts | None, value: Value) -> Value:
    """The value that a name of a module's top level was given, or `value` itself where it is no such name."""
    if not isinstance(value, Ref) or (
        function is not None and function.parameter(value.dotted.partition(".")[0]) is not None
    ):
        return value
    qualified = index.resolve(path, value.dotted, function)
    if not qualified:
        return value
    owner, _, name = qualified.rpartition(".")
    here = index.modules[path]
    modules = (here,) if here.module == owner else index.named(owner)
    for module in modules:
        if module.module == owner and name in module.top.variables:
            return module.top.variables[name]
    return value


def tenant_data(index: Project, function: FunctionFacts, policy: Policy, depth: int = 2) -> str:
    """What makes a function's result one tenant's own, itself or a few calls deep; "" where nothing does."""
    getters = frozenset(
        name.rpartition(".")[2]
        for name in (*policy.context.getters, *policy.context.requirers, policy.config_getter)
        if name
    )
    for sink in function.sinks:
        for item in walk(sink.value):
            if isinstance(item, Ref) and item.dotted[:1].isalpha():
                head = item.dotted if item.last[:1].isupper() else item.dotted.rpartition(".")[0]
                name = index.resolve(function.path, head, function) if head else ""
                if name and index.is_tenant_model(name):
                    return f"it reads {name.rpartition('.')[2]}"
    for call in function.calls:
        if call.name in getters:
            return f"it calls {call.name}()"
    if depth > 0:
        for call in function.calls:
            target = index.callee(function.path, function, call)
            if target is not None and target is not function:
                found = tenant_data(index, target, policy, depth - 1)
                if found:
                    return f"{target.name}(): {found}"
    return ""
