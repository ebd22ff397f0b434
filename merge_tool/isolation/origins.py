"""Where a parameter goes: the columns that it is compared with or stored in, through the calls that it is handed on to."""

from __future__ import annotations

from collections.abc import Iterator

from merge_tool.index.passing import passed_for
from merge_tool.index.project import ProjectIndex
from merge_tool.isolation.model import Origin
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import Model
from merge_tool.rulekit.values import (
    Attr,
    Call,
    Choice,
    Compare,
    Const,
    Items,
    Logic,
    Ref,
    Value,
    walk,
)

_DEPTH = 4
_PLAIN_WRAPS = frozenset(("int", "str", "UUID", "bool"))
_METHODS = frozenset(("upper", "lower", "strip", "casefold"))


def all_values(function: FunctionFacts) -> Iterator[Value]:
    """Every value of a function, each object once."""
    seen: set[int] = set()
    roots: list[Value] = [sink.value for sink in function.sinks]
    roots += [*function.calls, *function.returns, *function.checks, *function.variables.values()]
    for root in roots:
        for item in walk(root):
            if id(item) not in seen:
                seen.add(id(item))
                yield item


def column_of(index: ProjectIndex, path: str, value: Value) -> tuple[Model, str] | None:
    """The model and attribute that `User.email` names."""
    if not isinstance(value, Ref) or "." not in value.dotted:
        return None
    owner, _, name = value.dotted.rpartition(".")
    owner = owner.removesuffix(".c")
    model = index.models.find(index.resolve(path, owner)) or index.models.find(owner)
    return (model, name) if model is not None and name in model.columns else None


def wraps_of(index: ProjectIndex, function: FunctionFacts, value: Value, name: str) -> tuple[str, ...] | None:
    """What is applied to a name in a value, innermost first; None where the value is not made of it alone."""
    if isinstance(value, Ref):
        return () if value.dotted == name else None
    if isinstance(value, Choice):
        for arm in value.arms:
            found = wraps_of(index, function, arm, name)
            if found is not None:
                return found
        return None
    if isinstance(value, Call):
        if value.name in _METHODS and not value.args and value.receiver is not None:
            inner = wraps_of(index, function, value.receiver, name)
            return (*inner, f".{value.name}") if inner is not None else None
        if len(value.args) == 1 and not value.kwargs:
            inner = wraps_of(index, function, value.args[0], name)
            if inner is None:
                return None
            if value.name in _PLAIN_WRAPS:
                return inner
            qualified = index.callee_name(function.path, function, value)
            made = index.function(qualified) if qualified else None
            if made is not None and not made.is_async and not made.class_name:
                return (*inner, index.qualified(made))
            # One that returns its argument in another case: `_normalize(email)`.
        return None
    if isinstance(value, Logic) and value.python and value.op == "or":
        return wraps_of(index, function, value.items[0], name)
    return None


def origins(
    index: ProjectIndex, function: FunctionFacts, name: str, depth: int = _DEPTH, before: tuple[str, ...] = ()
) -> Iterator[Origin]:
    """The columns that a parameter (or an attribute of one: `request.token`) comes to, the nearest first.

    Args:
        before: what was applied to it on the way here.
    """
    later: list[tuple[FunctionFacts, str, tuple[str, ...]]] = []
    for value in all_values(function):
        if isinstance(value, Compare) and value.op in ("==", "in_", "is_"):
            for one, other in ((value.left, value.right), (value.right, value.left)):
                column = column_of(index, function.path, one)
                if column is None:
                    continue
                items = other.items if isinstance(other, Items) else (other,)
                for item in items:
                    wraps = wraps_of(index, function, item, name)
                    if wraps is not None:
                        yield Origin(*column, "equal", (*before, *wraps))
        elif isinstance(value, Call):
            yield from _of_call(index, function, value, name, before, later)
    for callee, parameter, wraps in later:
        if depth > 0:
            yield from origins(index, callee, parameter, depth - 1, wraps)


def _of_call(
    index: ProjectIndex,
    function: FunctionFacts,
    call: Call,
    name: str,
    before: tuple[str, ...],
    later: list[tuple[FunctionFacts, str, tuple[str, ...]]],
) -> Iterator[Origin]:
    arguments = [*call.args, *(item for _, item in call.kwargs)]
    if not any(wraps_of(index, function, item, name) is not None for item in arguments):
        return
    if call.name in ("get", "get_one") and len(call.args) >= 2 and isinstance(call.args[0], Ref):
        model = index.models.find(index.resolve(function.path, call.args[0].dotted))
        wraps = wraps_of(index, function, call.args[1], name)
        if model is not None and wraps is not None and len(model.primary) == 1:
            yield Origin(model, model.primary[0], "equal", (*before, *wraps))
        return
    if call.name == "filter_by":
        model = _queried(index, function, call)
        for key, item in call.kwargs:
            wraps = wraps_of(index, function, item, name)
            if model is not None and key in model.columns and wraps is not None:
                yield Origin(model, key, "equal", (*before, *wraps))
        return
    made = index.models.find(index.callee_name(function.path, function, call) or "")
    if made is not None:
        for key, item in call.kwargs:
            wraps = wraps_of(index, function, item, name)
            if wraps is not None and key in made.columns:
                yield Origin(made, key, "stored", (*before, *wraps))
        return
    callee = index.callee(function.path, function, call)
    if callee is None or callee is function:
        return
    for parameter in callee.params:
        passed = passed_for(callee, call, parameter.name)
        wraps = wraps_of(index, function, passed, name) if passed is not None else None
        if wraps is not None:
            later.append((callee, parameter.name, (*before, *wraps)))


def _queried(index: ProjectIndex, function: FunctionFacts, call: Call) -> Model | None:
    """The model of `session.query(User).filter_by(…)`."""
    receiver = call.receiver
    for item in walk(receiver) if receiver is not None else ():
        if isinstance(item, Ref):
            model = index.models.find(index.resolve(function.path, item.dotted))
            if model is not None:
                return model
    return None


def conditions(
    index: ProjectIndex, function: FunctionFacts, depth: int = 1
) -> dict[str, dict[str, list[tuple[str, Value]]]]:
    """What the statements of a function, and of those that it calls, ask of columns besides the tenant.

    Returns:
        model (absolute name) -> attribute -> the operators with what stands on the other side, in order.
    """
    found: dict[str, dict[str, list[tuple[str, Value]]]] = {}
    for value in all_values(function):
        if isinstance(value, Compare):
            column = column_of(index, function.path, value.left)
            if column is not None:
                place = found.setdefault(column[0].qualified, {}).setdefault(column[1], [])
                place.append((value.op, value.right))
        elif isinstance(value, Call) and depth > 0:
            callee = index.callee(function.path, function, value)
            if callee is not None and callee is not function:
                for model, columns in conditions(index, callee, depth - 1).items():
                    for name, tests in columns.items():
                        # Names of another file are not those of this one: only literals come over.
                        kept = [
                            item
                            for item in tests
                            if isinstance(item[1], Const) or callee.path == function.path
                        ]
                        found.setdefault(model, {}).setdefault(name, []).extend(kept)
    return found


def attribute_reads(function: FunctionFacts, name: str) -> set[str]:
    """The attributes of a parameter that a function reads: `token` of `request.token`."""
    found = set()
    for value in all_values(function):
        if isinstance(value, Ref) and value.dotted.startswith(f"{name}."):
            found.add(value.dotted.split(".")[1])
        elif isinstance(value, Attr) and isinstance(value.base, Ref) and value.base.dotted == name:
            found.add(value.name)
    return found
