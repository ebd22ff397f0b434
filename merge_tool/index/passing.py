"""What a call passes for a parameter."""

from __future__ import annotations

from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.values import Call, Const, Items, Value


def passed_for(function: FunctionFacts, call: Call, name: str) -> Value | None:
    """What a call passes for a parameter: its argument, else the parameter's default, else None (left out or hidden in a star)."""
    positions = [item.name for item in function.params if item.kind == "positional"]
    bound = bool(positions) and positions[0] in ("self", "cls") and function.class_name
    if bound:
        positions = positions[1:]
    position = positions.index(name) if name in positions else 10_000
    found = call.argument(position, name)
    if found is not None:
        return found
    parameter = function.parameter(name)
    if parameter is None or call.has_star:
        return None
    if parameter.kind == "*":
        return Items(call.args[len(positions) :])
    return parameter.default


def leaves_out(function: FunctionFacts, call: Call, name: str) -> bool:
    """Whether a call surely passes nothing, or None, for a parameter."""
    if call.has_star:
        return False
    value = passed_for(function, call, name)
    return value is None or (isinstance(value, Const) and value.value is None)
