"""The tables that a statement reads: by its columns, its joins, its conditions, or chosen at run time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from merge_tool.index.entities import Frame, entity_of, held_row, strip
from merge_tool.index.predicates import Predicates
from merge_tool.index.words import ELEMENT, UNPACKED
from merge_tool.model.plain import plain
from merge_tool.model.source import Span
from merge_tool.rulekit.project import Scoped
from merge_tool.rulekit.values import (
    Call,
    Choice,
    Item,
    Items,
    Op,
    Query,
    Ref,
    Star,
    Unknown,
    Value,
    children,
    walk,
)

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex


@plain()
class Flow:
    """One way that a statement can be built: a root, its steps, and where the reader came through to it.

    Attributes:
        site: where it is told instead of at the root: the call that gives a generic builder (`select(self.model)`) its table.
    """

    root: Value
    ops: tuple[tuple[Value, Frame], ...]
    frame: Frame
    trail: tuple[str, ...] = ()
    kind: str = ""  # what a legacy Query ends in, where that says more than its root
    core: bool = False  # run on a connection, past the session and its listeners
    site: tuple[Frame, Span] | None = None


@dataclass(slots=True, eq=False)
class TableUse:
    """A table in a statement, by the name under which its columns are written."""

    key: str
    label: str
    tenant: bool
    primary: bool
    known: bool = True
    inner: Query | None = None  # a subquery used as a table
    scoped: Scoped = Scoped.NO
    source: bool = True  # whether its scope can reach others: not where it comes from an outer join's ON
    parameter: str = ""
    frame: Frame | None = None


@dataclass(slots=True, eq=False)
class Statement:
    """What has been read of one flow."""

    entities: dict[str, TableUse] = field(default_factory=dict)
    edges: list[tuple[str, str, str]] = field(default_factory=list)
    conditions: list[tuple[Value, Frame]] = field(default_factory=list)
    opaque: list[str] = field(default_factory=list)
    nested: list[tuple[Query, Frame]] = field(default_factory=list)
    arms: list[tuple[Query, Frame]] = field(default_factory=list)  # of a UNION
    correlated: bool = False
    outside: bool = False  # a predicate names an entity of the statement around it


class TableReader:
    """Finds tables for one project and policy."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._predicates = Predicates(index)

    def _column(self, statement: Statement, value: Value, frame: Frame, primary: bool = True) -> None:
        """The tables that a selected column brings in."""
        value = strip(value)
        if isinstance(value, Star | Items):
            items = value.items if isinstance(value, Items) else (value.value,)
            for item in items:
                self._column(statement, item, frame, primary)
            return
        if isinstance(value, Choice):
            for arm in value.arms:
                self._column(statement, arm, frame, primary)
            return
        entity = self._entity(value, frame)
        if entity is not None:
            known = statement.entities.get(entity.key)
            if known is None:
                entity.primary = primary
                statement.entities[entity.key] = entity
            else:
                known.primary |= primary
            return
        if isinstance(value, Query):
            if self._is_table(value):
                self._add_inner(statement, value, frame, primary)
            else:
                statement.nested.append((value, frame))
            return
        if isinstance(value, Ref | Unknown):
            if isinstance(value, Ref) and self._may_be_model(value, frame):
                # `self.model.id` is a column of `self.model`; conditions name the table so.
                depth = 2 if value.dotted.startswith(("self.", "cls.")) else 1
                key = ".".join(value.dotted.split(".")[:depth])
                statement.entities.setdefault(key, TableUse(key, key, False, primary, known=False))
            elif isinstance(value, Unknown):
                for item in value.inside:
                    self._column(statement, item, frame, primary)
            return
        types = [item for key, item in value.kwargs if key == "type_"] if isinstance(value, Call) else []
        for child in children(value):
            if any(child is item for item in types):
                continue  # literal(1, type_=Order.__table__.c.total.type) reads no table
            if not (isinstance(value, Call) and child is value.func and isinstance(child, Ref)):
                self._column(statement, child, frame, primary)

    def _is_table(self, query: Query) -> bool:
        return any(
            isinstance(op, Op) and op.name in ("subquery", "cte", "alias", "lateral") for op in query.ops
        )

    def _add_inner(self, statement: Statement, query: Query, frame: Frame, primary: bool) -> None:
        key = f"#{id(query.root)}"
        statement.entities.setdefault(key, TableUse(key, "subquery", True, primary, inner=query, frame=frame))

    def _may_be_model(self, ref: Ref, frame: Frame) -> bool:
        """A parameter or attribute used as a table: `select(model)`, `select(self.model)`."""
        head, dot, rest = ref.dotted.partition(".")
        bound = frame.bindings.get(head)
        if bound is not None and not dot:
            return False
        if frame.function.parameter(head) is not None and head not in ("self", "cls"):
            parameter = frame.function.parameter(head)
            kind = parameter.annotation if parameter is not None else None
            told = (
                next(
                    (item for item in walk(kind) if isinstance(item, Ref) and item.last in ("Type", "type")),
                    None,
                )
                if kind is not None
                else None
            )
            return (not dot and told is not None) or head.rstrip("_") in (
                "model",
                "cls",
                "klass",
                "entity",
                "table",
                "model_class",
                "orm_model",
            )
        first = rest.partition(".")[0]
        return head in ("self", "cls") and ("model" in first.lower() or first[:1].isupper())

    def _entity(self, value: Value, frame: Frame) -> TableUse | None:
        found = entity_of(self._index, frame, value)
        if found is None:
            return None
        if isinstance(found.inner, Query):
            return TableUse(found.key, "subquery", True, True, inner=found.inner, frame=frame)
        model = found.model
        if model is None:
            return None
        tenant = self._index.models.is_tenant(model)
        return TableUse(found.key, model.name, tenant, True)

    def _dynamic(self, statement: Statement, columns: tuple[Value, ...], frame: Frame) -> None:
        """A table that is chosen at run time: `for model in models: select(model)`, `select(tables[name])`."""
        if statement.entities or statement.nested or statement.arms:
            return
        for column in columns:
            value = strip(column)
            chosen = isinstance(value, Item) or (
                isinstance(value, Unknown) and value.why in (ELEMENT, UNPACKED, "declared", "matched")
            )
            row = held_row(value)
            if row is not None:
                chosen = True
            elif isinstance(value, Ref) and "." not in value.dotted:
                chosen = (
                    frame.function.parameter(value.dotted) is not None and value.dotted not in frame.bindings
                )
            if chosen:
                key = value.dotted if isinstance(value, Ref) else f"?{id(value)}"
                label = value.dotted if isinstance(value, Ref) else "a table chosen at run time"
                if row is not None:
                    label = f"the class of {row.dotted}" if isinstance(row, Ref) else "the class of a row"
                statement.entities.setdefault(key, TableUse(key, label, False, True, known=False))

    def _implied(self, statement: Statement, around: frozenset[str]) -> None:
        """`select(func.count()).where(User.id == 1)` and `exists().where(…)` read the tables that their conditions name."""
        if statement.entities:
            return
        for value, frame in statement.conditions:
            for key in self._predicates.keys(value, frame):
                model = self._index.models.by_name.get(key.partition("@")[0])
                if model is not None and key not in around:
                    statement.entities.setdefault(
                        key, TableUse(key, model.name, self._index.models.is_tenant(model), True)
                    )

    def _mentioned(self, statement: Statement, around: frozenset[str]) -> None:
        """Tables that only a condition names are read too: `select(User).where(Order.email == User.email)`."""
        for value, frame in statement.conditions:
            for key in self._predicates.keys(value, frame):
                model = self._index.models.by_name.get(key.partition("@")[0])
                if model is not None and key not in around and key not in statement.entities:
                    statement.entities[key] = TableUse(
                        key, model.name, self._index.models.is_tenant(model), False
                    )

    def _relationship(self, value: Value, frame: Frame) -> str | None:
        """The model on the other side of `User.orders`, "" where it is not told, None where it is no relationship."""
        value = strip(value)
        if not isinstance(value, Ref) or "." not in value.dotted:
            return None
        owner, _, name = value.dotted.rpartition(".")
        found = entity_of(self._index, frame, Ref(owner))
        if found is None or found.model is None or name not in found.model.relationships:
            return None
        return found.model.relationships[name] or name

    def _related(self, statement: Statement, left: str, right: str) -> bool:
        """Whether a foreign key ties two tables, so that a bare join follows it."""
        one, other = (self._index.model(key.partition("@")[0]) for key in (left, right))
        if one is None or other is None:
            return False
        return other.table in one.foreign_keys.values() or one.table in other.foreign_keys.values()


def strip_ref(value: Value) -> str:
    """The dotted name of a value that is one, else ""."""
    value = strip(value)
    return value.dotted if isinstance(value, Ref) else ""
