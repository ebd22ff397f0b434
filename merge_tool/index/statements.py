"""Reads a statement: its tables, how they are tied, its conditions; then lets each table's scope reach the tables tied to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merge_tool.index.entities import Frame, entity_of, strip
from merge_tool.index.tables import Flow, Statement, TableReader, TableUse, strip_ref
from merge_tool.index.ties import tenant_columns
from merge_tool.index.ways import queries
from merge_tool.index.words import STEPS_WITHOUT_SCOPE
from merge_tool.rulekit.project import Scoped
from merge_tool.rulekit.values import (
    Call,
    Compare,
    Const,
    Entry,
    Fork,
    Logic,
    Op,
    Query,
    Record,
    Ref,
    Root,
    Unknown,
    Value,
    walk,
)

if TYPE_CHECKING:
    pass

_SET_STEPS = frozenset(("union", "union_all", "intersect", "intersect_all", "except_", "except_all"))
_WHERE = frozenset(("where", "filter", "having"))
_JOINS = frozenset(("join", "outerjoin", "join_from", "outerjoin_from"))
_CORRELATED = frozenset(("exists", "scalar_subquery", "as_scalar", "correlate", "correlate_except"))


class StatementReader(TableReader):
    """Reads statements for one project and policy."""

    def read(self, flow: Flow, around: frozenset[str]) -> Statement:
        """A statement with the scope of each table; `around` are the tables of the statement that it stands in."""
        statement = self._read(flow)
        self._implied(statement, around)
        if not statement.correlated:
            self._mentioned(statement, around)
        self._spread(statement, around)
        return statement

    def _read(self, flow: Flow) -> Statement:
        statement = Statement()
        assert isinstance(flow.root, Root)
        if flow.root.kind == "union":
            for column in flow.root.columns:
                for query in queries(column):
                    statement.arms.append((query, flow.frame))
        else:
            for column in flow.root.columns:
                self._column(statement, column, flow.frame)
            self._dynamic(statement, flow.root.columns, flow.frame)
        statement.correlated = flow.root.kind == "exists"
        for op, frame in flow.ops:
            self._step(statement, op, frame)
        return statement

    def _step(self, statement: Statement, op: Value, frame: Frame) -> None:
        if isinstance(op, Unknown):
            statement.opaque.append(op.why)
            return
        if isinstance(op, Fork):
            conditions: list[Value] = []
            for arm in (op.then, op.orelse):
                inner = Statement(
                    entities=statement.entities,
                    edges=statement.edges,
                    nested=statement.nested,
                    arms=statement.arms,
                )
                for item in arm:
                    self._step(inner, item, frame)
                conditions.append(_conjunction(inner.conditions))
                statement.opaque.extend(inner.opaque)
                statement.correlated |= inner.correlated
            statement.conditions.append((Fork(op.test, (conditions[0],), (conditions[1],)), frame))
            return
        if not isinstance(op, Op):
            return
        name = op.name
        if name in _WHERE:
            for arg in op.args:
                self._condition(statement, arg, frame)
        elif name == "filter_by":
            self._filter_by(statement, op, frame)
        elif name in _JOINS:
            self._join(statement, op, frame)
        elif name in (
            "select_from",
            "with_only_columns",
            "add_columns",
            "add_column",
            "with_entities",
            "columns",
            "add_entity",
        ):
            for arg in op.args:
                self._column(statement, arg, frame)
        elif name in _SET_STEPS:
            for arg in op.args:
                for query in queries(arg):
                    statement.arms.append((query, frame))
        elif name == "from_select" and len(op.args) > 1:
            for query in queries(op.args[1]):
                statement.nested.append((query, frame))
        elif name == "options":
            self._options(statement, op, frame)
        elif name in _CORRELATED:
            statement.correlated = True
        elif name not in STEPS_WITHOUT_SCOPE:
            self._own_step(statement, op, frame)

    def _own_step(self, statement: Statement, op: Op, frame: Frame) -> None:
        """A step of the project's own query class: decided by what it mentions, else not decided."""
        word = self._index.policy.parameter
        mentioned = [
            item
            for arg in (*op.args, *(value for _, value in op.kwargs))
            for item in walk(arg)
            if isinstance(item, Ref)
        ]
        if any(item.last in (word, self._index.policy.column) for item in mentioned) or any(
            key == word for key, _ in op.kwargs
        ):
            for entity in statement.entities.values():
                entity.scoped = Scoped.YES
        else:
            statement.opaque.append(f".{op.name}() is a step that this tool does not know")

    def _options(self, statement: Statement, op: Op, frame: Frame) -> None:
        for arg in op.args:
            if isinstance(arg, Call) and arg.name == "with_loader_criteria" and len(arg.args) >= 2:
                for item in walk(arg.args[1]):
                    if isinstance(item, Ref) and item.last == self._index.policy.column:
                        entity = self._entity(arg.args[0], frame)
                        for known in statement.entities.values():
                            if entity is None or known.key == entity.key:
                                known.scoped = Scoped.YES

    def _condition(self, statement: Statement, value: Value, frame: Frame) -> None:
        statement.conditions.append((value, frame))
        for item in queries(value):
            if f"#{id(item.root)}" in statement.entities or any(
                item is known for known, _ in statement.nested
            ):
                continue
            statement.nested.append((item, frame))

    def keepers(self, statement: Statement) -> dict[int, TableUse]:
        """By the root of a subquery, the table whose key must be among the subquery's rows."""
        found: dict[int, TableUse] = {}
        for value, frame in statement.conditions:
            for item in walk(value):
                if not isinstance(item, Compare) or item.op != "in_":
                    continue
                key = self._predicates.foreign_of(item.left, frame)
                entity = statement.entities.get(key) if key else None
                if entity is not None and entity.tenant:
                    for query in queries(item.right):
                        found[id(query.root)] = entity
        return found

    def _filter_by(self, statement: Statement, op: Op, frame: Frame) -> None:
        primary = next((item for item in statement.entities.values() if item.primary), None)
        last = list(statement.entities.values())[-1] if statement.entities else None
        pairs: list[tuple[str, Value]] = []
        for key, value in op.kwargs:
            if (
                not key
                and isinstance(value, Record)
                and all(isinstance(item, Entry) for item in value.entries)
            ):
                pairs.extend(
                    (str(item.key.value), item.value) if isinstance(item.key, Const) else ("", item.value)
                    for item in value.entries
                    if isinstance(item, Entry)
                )
            else:
                pairs.append((key, value))
        for key, value in pairs:
            if key == self._index.policy.column or self._names_tenant(key, primary):
                for entity in {id(item): item for item in (primary, last) if item is not None}.values():
                    status = self._predicates.value_status(value, frame)
                    entity.scoped = max(entity.scoped, status)
            elif not key:
                statement.opaque.append("filter_by(**…) takes conditions that are built elsewhere")

    def _names_tenant(self, key: str, entity: TableUse | None) -> bool:
        """Whether a column of a table without the policy's column is its key of the tenants' table."""
        model = self._index.models.by_name.get(entity.key.partition("@")[0]) if entity is not None else None
        return model is not None and not model.has_tenant and key in tenant_columns(self._index, model)

    def _join(self, statement: Statement, op: Op, frame: Frame) -> None:
        outer = op.name.startswith("outer") or any(
            key in ("isouter", "full", "outer") for key, _ in op.kwargs
        )
        args = list(op.args)
        if op.name.endswith("_from") and args:
            self._column(statement, args.pop(0), frame)
        onclause = next((value for key, value in op.kwargs if key == "onclause"), None)
        targets = args[:1]
        if len(args) > 1 and onclause is None:
            onclause = args[1]
        for target in targets:
            before = list(statement.entities)
            key = self._join_target(statement, target, frame)
            if key is None:
                continue
            if onclause is None:
                for other in before:
                    if other != key and self._related(statement, other, key):
                        statement.edges.append((other, key, "join"))
                if (
                    isinstance(strip(target), Ref)
                    and self._relationship(target, frame) is not None
                    and before
                ):
                    parent = entity_of(self._index, frame, Ref(strip_ref(target).rpartition(".")[0]))
                    statement.edges.append(
                        (parent.key if parent is not None else before[0], key, "relationship")
                    )
            else:
                relation = self._relationship(onclause, frame)
                if relation is not None:
                    parent = entity_of(self._index, frame, Ref(strip_ref(onclause).rpartition(".")[0]))
                    statement.edges.append(
                        (parent.key if parent is not None else (before or [key])[0], key, "relationship")
                    )
                elif outer:
                    self._outer_condition(statement, onclause, key, frame)
                else:
                    self._condition(statement, onclause, frame)

    def _outer_condition(self, statement: Statement, onclause: Value, key: str, frame: Frame) -> None:
        """An outer join's ON holds the joined table only; the rows before it stay."""
        for left, right in self._predicates.equalities(onclause, frame):
            statement.edges.append((left, right, "on"))
        entity = statement.entities.get(key)
        if entity is not None:
            if entity.inner is not None:
                entity.source = False
            status, parameter = self._predicates.status(onclause, frame, key)
            if status > entity.scoped:
                entity.scoped, entity.parameter, entity.source = status, parameter, False

    def _join_target(self, statement: Statement, target: Value, frame: Frame) -> str | None:
        value = strip(target)
        if isinstance(value, Query) and self._is_table(value):
            self._add_inner(statement, value, frame, primary=False)
            return f"#{id(value.root)}"
        entity = self._entity(value, frame)
        relation = self._relationship(value, frame)
        if relation is not None:
            model = self._index.model(relation)
            if model is None:
                return None
            key = model.qualified
            statement.entities.setdefault(
                key, TableUse(key, model.name, self._index.models.is_tenant(model), False)
            )
            return key
        if entity is None:
            return None
        entity.primary = False
        statement.entities.setdefault(entity.key, entity)
        return entity.key

    def _spread(self, statement: Statement, around: frozenset[str]) -> None:
        """Gives each table its own predicates' status, then lets it pass along foreign keys and equal tenants."""
        for value, frame in statement.conditions:
            for left, right in self._predicates.equalities(value, frame):
                statement.edges.append((left, right, "where"))
            statement.opaque.extend(self._predicates.opaque(value, frame))
            for key in self._predicates.keys(value, frame):
                if key not in statement.entities and key not in around and not key.startswith("#"):
                    statement.outside = True
        for entity in statement.entities.values():
            for value, frame in statement.conditions:
                status, parameter = self._predicates.status(value, frame, entity.key)
                if status > entity.scoped:
                    entity.scoped, entity.parameter = status, parameter
            if entity.inner is not None and entity.frame is not None and entity.scoped < Scoped.YES:
                entity.scoped = self._inner_status(entity.inner, entity.frame)
        changed = True
        while changed:
            changed = False
            for left, right, _ in statement.edges:
                for one, other in ((left, right), (right, left)):
                    source, target = statement.entities.get(one), statement.entities.get(other)
                    if source is None:
                        if target is None or target.scoped is Scoped.YES:
                            continue
                        if one in around:
                            # Tied to the statement that it stands in: it is held as far as that one, which is judged.
                            target.scoped = Scoped.YES
                            changed = True
                        elif statement.correlated:
                            statement.outside = True
                        continue
                    if target is not None and source.source and source.scoped > target.scoped:
                        target.scoped, target.parameter = source.scoped, source.parameter
                        changed = True

    def _inner_status(self, query: Query, frame: Frame) -> Scoped:
        """How far a subquery that is read as a table is held by itself; `NO` where it reads no tenant's table."""
        judge = self._index.statements
        found = [
            verdict.scoped for flow in judge.flows(query, frame, 1) for verdict in judge.judge(flow, depth=1)
        ]
        return min(found, default=Scoped.NO)


def _conjunction(conditions: list[tuple[Value, Frame]]) -> Value:
    return Logic("and", tuple(value for value, _ in conditions))
