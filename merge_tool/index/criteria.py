"""Listeners that add the tenant to every ORM statement: `do_orm_execute` with `with_loader_criteria`, `before_compile` of a Query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.model.source import Span
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import Guard, Model
from merge_tool.rulekit.tenancy import holds_tenant
from merge_tool.rulekit.values import Call, Const, Function, Op, Ref, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_EVENTS = {"do_orm_execute": "orm", "before_compile": "query", "before_compile_update": "query", "before_compile_delete": "query"}  # fmt: skip
_QUERY_EVENTS = {"update": "before_compile_update", "delete": "before_compile_delete"}
_DEPTH = 2


def read_guards(index: ProjectIndex) -> tuple[Guard, ...]:
    """The listeners of a project that hold ORM statements to the tenant, in order of their files."""
    found = []
    for function, event in _listeners(index):
        guard = _guard(index, function, event)
        if guard is not None:
            found.append(guard)
    return tuple(found)


def guarded(
    guards: tuple[Guard, ...], model: Model, kind: str, *, legacy: bool = False, alias: bool = False
) -> bool:
    """Whether a listener holds every statement of a kind on a model. What a listener leaves open is told at the listener.

    Args:
        guards: the project's listeners.
        model: the model.
        kind: `select`, `update`, `delete`, `get`, …
        legacy: whether it is a legacy Query: `before_compile` and its kin see nothing else.
        alias: whether the model is read under an alias.
    """
    for guard in guards:
        covers = not guard.targets or bool({model.qualified, *model.bases}.intersection(guard.targets))
        if _EVENTS[guard.event] == "query":
            seen = legacy and guard.event == _QUERY_EVENTS.get(kind, "before_compile")
        else:
            seen = (kind not in ("update", "delete") or guard.changes) and not (
                alias and "aliases" in guard.faults
            )
        if covers and seen:
            return True
    return False


def _listeners(index: ProjectIndex) -> Iterator[tuple[FunctionFacts, str]]:
    for function in index.functions_in("listens"):
        for item in function.decorators:
            if isinstance(item, Call) and item.name == "listens_for":
                event = item.argument(1, "identifier")
                if isinstance(event, Const) and event.value in _EVENTS:
                    yield function, str(event.value)
        for call in function.calls:
            if call.name == "listen" and len(call.args) >= 3:
                event = call.args[1]
                if isinstance(event, Const) and event.value in _EVENTS:
                    name = index.types.name_of(function.path, function, call.args[2])
                    target = index.function(name) if name else None
                    if target is not None:
                        yield target, str(event.value)


def _guard(index: ProjectIndex, function: FunctionFacts, event: str) -> Guard | None:
    """What a listener holds; None where it adds no tenant."""
    criteria = list(_criteria(index, function, _DEPTH))
    if _EVENTS[event] == "query":
        if not _filters(function, index.policy.column):
            return None
        # Updates and deletes of a Query have events of their own, so that none of the three is found wanting.
        return Guard(function.path, function.qualname, event, (), True, _optional(index, function, None), ())
    if not criteria:
        return None
    targets: list[str] = []
    every = False
    faults: list[str] = []
    for holder, call in criteria:
        target = call.argument(0, "entity_or_base")
        name = index.resolve(holder.path, target.dotted, holder) if isinstance(target, Ref) else ""
        name = index.names.canonical(name) if name else ""
        if name and (index.find_class(name) is not None or index.model(name) is not None):
            targets.append(name)
        else:
            every = True  # `for model in tenant_models: …`
        faults += _faults(call)
    reads = function.attributes_read
    only_select = "is_select" in reads and not reads & {"is_update", "is_delete"}
    optional = _optional(index, function, criteria[0][1])
    return Guard(
        function.path,
        function.qualname,
        event,
        () if every else tuple(dict.fromkeys(targets)),
        not only_select,
        optional,
        tuple(dict.fromkeys(faults)),
    )


def _criteria(
    index: ProjectIndex, function: FunctionFacts, depth: int
) -> Iterator[tuple[FunctionFacts, Call]]:
    """The calls of `with_loader_criteria` that compare the tenant, in a listener or a function that it calls."""
    for call in function.calls:
        if call.name == "with_loader_criteria" and len(call.args) >= 2:
            column = index.policy.column
            if any(_names(item, column) for item in walk(_body(call.args[1]))):
                yield function, call
        elif depth > 0 and call.name not in ("listen", "listens_for"):
            target = index.callee(function.path, function, call)
            if target is not None and target is not function and len(target.calls) < 60:
                yield from _criteria(index, target, depth - 1)


def _filters(function: FunctionFacts, column: str) -> bool:
    """Whether a listener gives the query back with a condition on the tenant."""
    for value in (*function.returns, *function.variables.values()):
        for item in walk(value):
            if isinstance(item, Op) and item.name in ("filter", "filter_by", "where"):
                named = any(_names(part, column) for arg in item.args for part in walk(arg))
                if named or any(key == column for key, _ in item.kwargs):
                    return True
    return False


def _body(value: Value) -> Value:
    return value.body if isinstance(value, Function) else value


def _names(value: Value, column: str) -> bool:
    if isinstance(value, Ref):
        return value.last == column
    return getattr(value, "name", "") == column


def _faults(call: Call) -> Iterator[str]:
    """What a call of `with_loader_criteria` leaves open."""
    criteria = call.args[1]
    if isinstance(criteria, Function) and any(
        isinstance(item, Call) and not item.name.endswith("_") and _within(item.span, call.span)
        for item in walk(criteria.body)
    ):
        yield "calls"
    options = dict(call.kwargs)
    aliases = options.get("include_aliases")
    if not (isinstance(aliases, Const) and aliases.value is True) and not call.has_star:
        yield "aliases"
    loaders = options.get("propagate_to_loaders")
    if isinstance(loaders, Const) and loaders.value is False:
        yield "loaders"


def _within(inner: Span, outer: Span) -> bool:
    """Whether one place lies in another; what a variable holds was called elsewhere."""
    first, last = (outer.line, outer.column), (outer.end_line, outer.end_column)
    return first <= (inner.line, inner.column) and (inner.end_line, inner.end_column) <= last


def _optional(index: ProjectIndex, function: FunctionFacts, criteria: Call | None) -> bool:
    """Whether the listener does nothing where there is no tenant: it tests for one, and no function that it asks raises."""
    context = index.policy.context
    raising = {name.rpartition(".")[2] for name in context.requirers}
    if any(call.name in raising for call in function.calls) or function.raises:
        return False
    if criteria is not None and any(holds_tenant(Ref(name), index.policy) for name in criteria.present):
        return True
    return any(holds_tenant(item, index.policy) for check in function.checks for item in walk(check))
