"""Rows in the hands of a function: which one a condition names again, whether its tenant is compared, where it goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from merge_tool.index.entities import Frame, entity_of
from merge_tool.index.ties import all_tenant_columns, column_of
from merge_tool.rulekit.facts import FunctionFacts
from merge_tool.rulekit.project import CallSite
from merge_tool.rulekit.values import Attr, Call, Compare, Ref, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_MAX_DEPTH = 3
# What a request brings is named so; anything may stand in it.
SENT_IN = frozenset(("payload", "data", "body", "request", "req", "form", "query", "params", "callback", "message", "input", "dto", "schema"))  # fmt: skip


def same_row(index: ProjectIndex, value: Compare, frame: Frame) -> str:
    """The name of a loaded row that `Order.id == order.id` names again, where `order` is known to be an Order; else ""."""
    if value.op != "==":
        return ""
    for side, other in ((value.left, value.right), (value.right, value.left)):
        name = side.last if isinstance(side, Ref) else ""
        if (name != "id" and not name.endswith(("_id", "uuid"))) or name == index.policy.column:
            continue
        held = owner_of(other, name)
        if held is None:
            continue
        entity = entity_of(index, frame, side)
        if entity is None or entity.model is None or name in entity.model.foreign_keys:
            continue
        if model_of(index, frame.path, frame.function, held) == entity.model.qualified:
            return held.dotted if isinstance(held, Ref) else entity.model.name.lower()
    return ""


def owner_of(value: Value, name: str = "") -> Value | None:
    """What an attribute is read from: `order` for `order.user_id`; None where it is no attribute, or not that one."""
    if isinstance(value, Ref) and "." in value.dotted and name in ("", value.last):
        return Ref(value.dotted.rpartition(".")[0])
    if isinstance(value, Attr) and name in ("", value.name):
        return value.base
    return None


def model_of(index: ProjectIndex, path: str, function: FunctionFacts, value: Value) -> str:
    """The absolute name of the class whose instance a value is, re-exports followed; "" where it cannot be told."""
    kind = index.types.type_of(path, function, value)
    return index.names.canonical(kind) if kind else ""


class Rows:
    """Follows a row from where it was loaded or made."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._columns = all_tenant_columns(index)
        self._known: dict[int, tuple[set[str], set[int]]] = {}

    @classmethod
    def of(cls, index: ProjectIndex) -> Rows:
        """The one of an index."""
        return index.once("rows", lambda: cls(index))

    def compared(self, function: FunctionFacts, row: Value, depth: int = 0) -> bool:
        """Whether the function, or one that it hands the row to, compares the row's tenant."""
        names, values = self._owners(function)
        if (row.dotted in names) if isinstance(row, Ref) else (id(row) in values):
            return True
        if depth > _MAX_DEPTH:
            return False
        for call in function.given().with_value(row):
            for target, name in self.handed(function, call, row):
                if self.compared(target, Ref(name), depth + 1):
                    return True
        return False

    def _owners(self, function: FunctionFacts) -> tuple[set[str], set[int]]:
        """The rows whose tenant a function compares: by name, and by `id` where they are values."""
        known = self._known.get(id(function))
        if known is None:
            names: set[str] = set()
            values: set[int] = set()
            for compare in function.compares():
                for side in (compare.left, compare.right):
                    owner = owner_of(side)
                    if owner is None or column_of(side) not in self._columns:
                        continue
                    if isinstance(owner, Ref):
                        names.add(owner.dotted)
                    else:
                        values.update(map(id, (owner,) if isinstance(owner, Call | Attr) else walk(owner)))
            known = self._known[id(function)] = (names, values)
        return known

    def handed(self, function: FunctionFacts, call: Call, row: Value) -> Iterator[tuple[FunctionFacts, str]]:
        """The project's function that a call, which is handed the row, reaches, and the parameter that takes it."""
        from merge_tool.index.passing import passed_for

        if call is row:
            return
        target = self._index.callee(function.path, function, call)
        if target is None or target is function:
            return
        for item in target.params:
            value = passed_for(target, call, item.name)
            if value is not None and is_row(value, row):
                yield target, item.name

    def open_callers(
        self, function: FunctionFacts, row: Value, depth: int = 0
    ) -> tuple[list[CallSite], bool]:
        """The callers that are handed the row and do not compare its tenant either.

        Returns:
            those callers, and whether there is any caller at all that gets the row.
        """
        if not any(is_row(value, row) for value in function.returns):
            return [], False
        left: list[CallSite] = []
        sites = self._index.callers(self._index.qualified(function))
        for site in sites:
            if self.compared(site.function, site.call):
                continue
            if depth < _MAX_DEPTH:
                further, passed_on = self.open_callers(site.function, site.call, depth + 1)
                if passed_on and not further:
                    continue
            left.append(site)
        return left, bool(sites)

    def key_from(self, path: str, function: FunctionFacts, key: Value, table: str, model: str) -> str:
        """Where the primary key that a row is loaded by comes from.

        Returns:
            `row` for a foreign key, or the own key, of a loaded row; `object` for an attribute of what is not known;
            "" for all else: a parameter, a part of a request.
        """
        owner = owner_of(key)
        if owner is None:
            return ""
        name = key.last if isinstance(key, Ref) else key.name if isinstance(key, Attr) else ""
        kind = model_of(self._index, path, function, owner)
        known = self._index.models.by_name.get(kind) if kind else None
        if known is not None:
            return "row" if known.foreign_keys.get(name) == table or kind == model else ""
        written = owner.dotted if isinstance(owner, Ref) else ""
        if self._index.find_class(kind) is not None or set(written.lower().split(".")) & SENT_IN:
            return ""
        return "object" if name == "id" or name.endswith("_id") else ""


def is_row(value: Value, row: Value) -> bool:
    """Whether a value is the row: the very call that loaded it, on some way, or the parameter of that name."""
    if isinstance(row, Ref):
        return isinstance(value, Ref) and value.dotted == row.dotted
    if isinstance(value, Call | Attr | Ref):
        return value is row
    return any(item is row for item in walk(value))
