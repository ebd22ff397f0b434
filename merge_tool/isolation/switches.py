"""The settings object of a project, and the switches that must be on for its application to have all of its routes."""

from __future__ import annotations

from merge_tool.index.project import ProjectIndex
from merge_tool.rulekit.facts import ClassFacts
from merge_tool.rulekit.values import Call, Const, Ref

_BASES = frozenset(("BaseSettings",))


def settings_object(index: ProjectIndex) -> tuple[str, ClassFacts] | None:
    """The module-level object that holds the settings, by absolute name, and its class."""
    for module in index.modules.values():
        for name, value in module.top.variables.items():
            if not isinstance(value, Call):
                continue
            qualified = index.callee_name(module.path, None, value)
            facts = index.find_class(qualified) if qualified else None
            if facts is None:
                made = index.function(qualified) if qualified else None
                kind = (
                    index.types.annotated(made.path, made, made.result)
                    if made is not None and made.result is not None
                    else ""
                )
                facts = index.find_class(kind) if kind else None
                qualified = kind
            bases = (
                {base.rpartition(".")[2] for base in index.types.bases(qualified)}
                if facts is not None
                else set()
            )
            if facts is not None and (bases & _BASES or facts.name in ("Settings", "Config")):
                return f"{module.module}.{name}", facts
    return None


def switch_settings(index: ProjectIndex, factory: str) -> tuple[str, dict[str, object]]:
    """What the settings are set to while tests run.

    Args:
        factory: absolute name of the function that makes the application; switches that it asks for and that are off are put on.

    Returns:
        The absolute name of the settings object, "" where there is none, and attribute -> value.
    """
    found = settings_object(index)
    if found is None:
        return "", {}
    name, facts = found
    switched: dict[str, object] = {}
    function = index.function(factory) if factory else None
    for call in function.calls if function is not None else ():
        receiver = call.receiver
        if (
            function is None
            or not isinstance(receiver, Ref)
            or index.resolve(function.path, receiver.dotted, function) != name
        ):
            continue
        method = index.types.method(facts, call.name)
        for read in sorted(method.attributes_read) if method is not None and not call.args else ():
            default = facts.attributes.get(read)
            if isinstance(default, Const) and default.value is False:
                switched[read] = True
    for read in sorted(function.attributes_read) if function is not None else ():
        default = facts.attributes.get(read)
        if isinstance(default, Const) and default.value is False and read.upper().endswith("ENABLED"):
            switched[read] = True
    return name, switched
