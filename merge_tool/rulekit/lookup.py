"""What a name of a module's top level holds."""

from __future__ import annotations

from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import Project
from merge_tool.rulekit.values import Ref, Value


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
    modules = (here,) if here.module == owner else index.modules.values()
    for module in modules:
        if module.module == owner and name in module.top.variables:
            return module.top.variables[name]
    return value
