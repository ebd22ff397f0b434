"""Which table an expression names, itself or by one of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from merge_tool.model.plain import plain
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import Model
from merge_tool.rulekit.values import Attr, Call, Query, Ref, Root, Value

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_MAX_DEPTH = 6


@plain()
class Frame:
    """Where a value was read: the file, the function, what its parameters are bound to, names known to be present."""

    path: str
    function: FunctionFacts
    bindings: Mapping[str, tuple[Value, Frame]]
    present: frozenset[str]


@plain()
class EntityRef:
    """A table as an expression names it. `key` tells aliases of one table apart."""

    key: str
    model: Model | None
    inner: Query | None = None


_CASTS = frozenset(("cast", "try_cast", "type_coerce", "col"))


def strip(value: Value) -> Value:
    """Without what does not change which table or column it is: `.c`, casts, SQLModel's `col()`."""
    while True:
        if isinstance(value, Attr) and value.name in ("c", "columns", "__table__", "selectable"):
            value = value.base
        elif isinstance(value, Ref) and value.dotted.endswith((".c", ".columns", ".__table__")):
            value = Ref(value.dotted.rpartition(".")[0])
        elif isinstance(value, Call) and value.name in _CASTS and not value.kwargs:
            inner = value.args[0] if len(value.args) == 2 or value.name == "col" else value.receiver
            if inner is None:
                return value
            value = inner
        else:
            return value


def held_row(value: Value) -> Value | None:
    """The row whose class an expression names, itself or by a column: `row` for `type(row)` and `row.__class__.id`; else None."""
    if isinstance(value, Ref):
        before, named, _ = f"{value.dotted}.".partition(".__class__.")
        return Ref(before) if named else None
    if isinstance(value, Attr) and value.name == "__class__":
        return value.base
    if isinstance(value, Call) and value.dotted == "type" and len(value.args) == 1:
        return value.args[0]
    return None


def entity_of(index: ProjectIndex, frame: Frame, value: Value, depth: int = 0) -> EntityRef | None:
    """The table that an expression names, itself or by one of its columns; None where it names none."""
    value = strip(value)
    if depth > _MAX_DEPTH:
        return None
    if (
        isinstance(value, Call)
        and value.name in ("aliased", "alias", "with_polymorphic", "tablesample")
        and value.args
    ):
        found = entity_of(index, frame, value.args[0], depth + 1)
        return EntityRef(f"{found.key}@{id(value)}", found.model, found.inner) if found is not None else None
    if isinstance(value, Call) and value.name in ("alias", "tablesample") and value.receiver is not None:
        found = entity_of(index, frame, value.receiver, depth + 1)
        return EntityRef(f"{found.key}@{id(value)}", found.model, found.inner) if found is not None else None
    row = held_row(value)
    if row is not None:
        kind = index.types.type_of(frame.path, frame.function, row)
        model = index.models.by_name.get(index.names.canonical(kind)) if kind else None
        return EntityRef(model.qualified, model) if model is not None else None
    if isinstance(value, Attr):
        return entity_of(index, frame, value.base, depth + 1)
    if isinstance(value, Query) and isinstance(value.root, Root):
        named = any(getattr(op, "name", "") in ("subquery", "cte", "alias", "lateral") for op in value.ops)
        return EntityRef(f"#{id(value.root)}", None, value) if named else None
    if not isinstance(value, Ref):
        return None
    head, _, rest = value.dotted.partition(".")
    bound = frame.bindings.get(head) if head not in ("self", "cls") else None
    if bound is not None:
        return entity_of(index, bound[1], bound[0], depth + 1)
    if frame.function.parameter(head) is not None and head not in ("self", "cls"):
        return None
    if head in ("self", "cls"):
        return _class_model(index, frame, rest, itself_named=head == "cls")
    dotted = value.dotted
    while dotted:
        qualified = index.resolve(frame.path, dotted, frame.function)
        model = index.models.by_name.get(qualified) if qualified else None
        if model is not None:
            return EntityRef(model.qualified, model)
        module, inside = index.names.split(qualified) if qualified else (None, "")
        held = module.top.variables.get(inside) if module is not None else None
        if module is not None and isinstance(held, Call | Query) and not isinstance(held, Ref):
            found = entity_of(index, Frame(module.path, module.top, {}, frozenset()), held, depth + 1)
            if found is not None:
                return found
        dotted = dotted.rpartition(".")[0]
    return None


def owner_class(index: ProjectIndex, frame: Frame) -> str:
    """The absolute name of the class that `self` is an instance of: the one that the outermost caller has in hand."""
    for _ in range(_MAX_DEPTH):
        bound = frame.bindings.get("self")
        if bound is None:
            break
        receiver, frame = bound
        if isinstance(receiver, Ref) and receiver.dotted in ("self", "cls"):
            continue
        if isinstance(receiver, Call) and receiver.dotted == "super":
            continue
        found = index.types.type_of(frame.path, frame.function, receiver)
        return found or index.types.name_of(frame.path, frame.function, receiver)
    if not frame.function.class_name:
        return ""
    return f"{index.modules[frame.path].module}.{frame.function.class_name}"


def _class_model(
    index: ProjectIndex, frame: Frame, rest: str, *, itself_named: bool = False
) -> EntityRef | None:
    """`self.model` where the class, or one that it is made of, binds it to one model."""
    name = rest.partition(".")[0]
    owner = owner_class(index, frame)
    itself = index.models.by_name.get(owner) if owner and itself_named else None
    if itself is not None and (not name or name in itself.columns or name in itself.relationships):
        return EntityRef(itself.qualified, itself)
    for base in index.types.bases(owner) if owner and name else ():
        facts = index.find_class(base)
        held = facts.attributes.get(name) if facts is not None else None
        if facts is not None and isinstance(held, Ref):
            model = index.models.by_name.get(index.resolve(facts.path, held.dotted))
            return EntityRef(model.qualified, model) if model is not None else None
    if "model" not in name.lower() and not name[:1].isupper():
        return None
    # A repository that subclasses, type arguments or constructors give just one model is that model's.
    found = index.statements.generics.models(frame.path, frame.function, f"self.{name}")
    return EntityRef(found[0].qualified, found[0]) if len(found) == 1 else None
