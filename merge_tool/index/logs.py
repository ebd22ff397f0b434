"""Whether a project's log lines carry the tenant without each of them saying so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merge_tool.index.names import all_functions
from merge_tool.rulekit.facts import ClassFacts, FunctionFacts, ModuleFacts
from merge_tool.rulekit.tenants import knows_tenant, name_of, says_tenant
from merge_tool.rulekit.values import Call, Const, Entry, Record, Ref, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_BASES = ("Filter", "Formatter", "LoggerAdapter", "LogRecord")
# structlog and loguru: what these are given stands in every line until it is taken out.
_BINDERS = frozenset(("bind_contextvars", "bound_contextvars", "bind_threadlocal", "contextualize"))
# What is handed a function that every line goes through.
_TAKERS = frozenset(("setLogRecordFactory", "configure", "ProcessorFormatter", "addFilter", "add_processor"))


def names_tenant(index: ProjectIndex) -> bool:
    """Whether a filter, formatter, record factory, processor or bound context of the project adds the tenant to log lines."""
    for module in index.modules.values():
        for owner in module.classes.values():
            if _of_logging(owner) and _methods_know(index, module, owner):
                return True
    return any(
        _binds(index, call) or _hands_over(index, function, call)
        for function in all_functions(index.modules.values())
        for call in function.calls
    )


def _of_logging(owner: ClassFacts) -> bool:
    return any(name_of(base).endswith(_BASES) for base in owner.bases)


def _methods_know(index: ProjectIndex, module: ModuleFacts, owner: ClassFacts) -> bool:
    return any(
        item.class_name == owner.qualname and _knows(index, item) for item in module.functions.values()
    )


def _knows(index: ProjectIndex, function: FunctionFacts) -> bool:
    if knows_tenant(function, index.policy):
        return True
    return any(says_tenant(item.name, index.policy) for item in function.writes) or any(
        isinstance(item.key, Const) and says_tenant(str(item.key.value), index.policy)
        for item in function.stores
    )


def _binds(index: ProjectIndex, call: Call) -> bool:
    if call.name not in _BINDERS:
        return False
    names = {key for key, _ in call.kwargs}
    for key, value in call.kwargs:
        if not key and isinstance(value, Record):
            names.update(
                str(item.key.value)
                for item in value.entries
                if isinstance(item, Entry) and isinstance(item.key, Const)
            )
    return any(says_tenant(name, index.policy) for name in names)


def _hands_over(index: ProjectIndex, function: FunctionFacts, call: Call) -> bool:
    if call.name not in _TAKERS:
        return False
    given: list[Value] = [*call.args, *(value for _, value in call.kwargs)]
    for value in given:
        for item in walk(value):
            if isinstance(item, Ref):
                name = index.resolve(function.path, item.dotted, function)
                found = index.function(name) if name else None
                if found is not None and _knows(index, found):
                    return True
    return False
