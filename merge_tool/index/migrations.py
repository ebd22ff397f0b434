"""Alembic's revisions: what each upgrade and downgrade does, read from the facts; nothing is executed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from merge_tool.index.columns import column_name, read_column, read_keys, string, truth
from merge_tool.index.unroll import Bound, Scene, Unroller
from merge_tool.model.source import Span
from merge_tool.rulekit.facts import FunctionFacts, ModuleFacts
from merge_tool.rulekit.schema import Migrations, Revision, SchemaColumn, SchemaKey, Step
from merge_tool.rulekit.sqlsplit import HOLE, unfolded
from merge_tool.rulekit.values import Attr, Call, Const, Items, Ref, Root, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex

_DEPTH = 4
_KEY_KINDS = {
    "create_index": "index",
    "create_unique_constraint": "unique",
    "create_primary_key": "primary",
    "create_foreign_key": "foreign",
}
_PLAIN = frozenset(
    (
        "drop_table",
        "drop_column",
        "drop_index",
        "drop_constraint",
        "alter_column",
        "add_column",
        "rename_table",
    )
)
_RUNS = frozenset(("execute", "exec_driver_sql", "scalar"))


def read_migrations(index: ProjectIndex) -> Migrations:
    """Every revision, parents before children; a circle leaves them in the order of their paths."""
    reader = _Reader(index)
    found = [
        item for path, _ in index.tables.find("revisions") if (item := reader.revision(index.modules[path]))
    ]
    by_id = {item.id: item for item in found}
    graph = {item.id: set(item.parents) & set(by_id) for item in found}
    try:
        order = [by_id[key] for key in TopologicalSorter(graph).static_order()]
    except CycleError:
        order = list(by_id.values())
    followed = {parent for item in found for parent in item.parents}
    heads = tuple(item for item in order if item.id not in followed)
    return Migrations(
        tuple(order), heads, tuple(sorted(followed - set(by_id))), frozenset(item.path for item in found)
    )


def is_revision(module: ModuleFacts) -> bool:
    """Whether a file is an Alembic revision: it names itself and what it follows, and has an upgrade."""
    names = module.top.variables
    return "revision" in names and "down_revision" in names and "upgrade" in module.functions


class _Reader:
    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._unroll = Unroller(index)

    def revision(self, module: ModuleFacts) -> Revision | None:
        """The revision of a file, or None where it is none."""
        if not is_revision(module):
            return None
        identity = string(module.top.variables["revision"])
        if not identity:
            return None
        parents = tuple(
            item.value
            for item in walk(module.top.variables["down_revision"])
            if isinstance(item, Const) and isinstance(item.value, str)
        )
        labels = module.top.variables.get("branch_labels")
        up, down = module.functions["upgrade"], module.functions.get("downgrade")
        return Revision(
            identity,
            parents,
            module.path,
            up.header,
            tuple(self._steps(up, Scene(module.path, up), _DEPTH)),
            tuple(self._steps(down, Scene(module.path, down), _DEPTH)) if down is not None else (),
            down is not None,
            tuple(
                item.value for item in walk(labels) if isinstance(item, Const) and isinstance(item.value, str)
            )
            if labels is not None
            else (),
            down is not None and down.raises,
            down.header if down is not None else None,
        )

    def _steps(self, function: FunctionFacts, scene: Scene, depth: int) -> Iterator[Step]:
        calls = sorted(
            function.calls, key=lambda call: (call.span.line, call.span.column, -call.span.end_line)
        )
        for call in calls:
            if call.name in _RUNS and call.args:
                yield from self._runs(call, scene)
            elif call.name in _KEY_KINDS or call.name in _PLAIN or call.name == "create_table":
                yield from self._operation(call, scene)
            elif _creates_all(call):
                yield Step("create_all", "", scene.path, call.span)
            elif depth > 0:
                inner = self._index.callee(scene.path, function, call)
                if inner is not None and inner is not function:
                    yield from self._steps(inner, self._unroll.enter(scene, inner, call), depth - 1)

    def _runs(self, call: Call, scene: Scene) -> Iterator[Step]:
        argument = call.args[0]
        kind = _statement_kind(argument)
        if kind:
            yield Step(kind, "", scene.path, call.span)
            return
        ways = self._unroll.strings(argument, scene)
        for text, _ in ways:
            if text.strip() in ("", HOLE):
                yield Step("execute", "", scene.path, call.span)
                continue
            for part in unfolded(text):
                yield Step("execute", "", scene.path, call.span, sql=part)

    def _operation(self, call: Call, scene: Scene) -> Iterator[Step]:
        batch = _batch(call)
        kind = call.name
        named = kind in _KEY_KINDS or kind in ("drop_index", "drop_constraint")
        if batch is not None:
            table = batch.argument(0, "table_name")
            rest = call.args
        else:
            position = 1 if named else 0
            table = call.argument(position, "table_name", "source_table", "table", "name")
            rest = tuple(item for number, item in enumerate(call.args) if number != position)
        ways = self._unroll.strings(table, scene) if table is not None else [("", {})]
        for name, bound in ways:
            label = ""
            if named:
                first = rest[0] if rest else call.argument(99, "constraint_name", "index_name")
                if isinstance(first, Call) and first.name == "f" and first.args:  # op.f(…)
                    first = first.args[0]
                options = self._unroll.strings(first, scene, bound) if first is not None else []
                label = options[0][0] if options else ""
            plain = "" if HOLE in name else name.rpartition(".")[2]
            yield self._step(call, kind, plain, label, rest, scene, bound)

    def _step(
        self,
        call: Call,
        kind: str,
        table: str,
        label: str,
        rest: tuple[Value, ...],
        scene: Scene,
        bound: Bound,
    ) -> Step:
        path, span = scene.path, call.span
        if kind in ("create_table", "add_column"):
            columns = tuple(
                self._column(item, scene, bound)
                for item in [*rest, *(value for key, value in call.kwargs if key == "column")]
                if not isinstance(item, Call) or item.name == "Column"
            )
            return Step(kind, table, path, span, columns, tuple(read_keys(rest, path, {})))
        if kind in _KEY_KINDS:
            return Step(
                kind, table, path, span, keys=(self._key(call, kind, label, rest, scene, bound),), name=label
            )
        if kind in ("alter_column", "drop_column"):
            first = rest[0] if rest else call.argument(99, "column_name")
            new = string(call.argument(99, "new_column_name"))
            return Step(
                kind,
                table,
                path,
                span,
                name=self._name(first, scene, bound),
                nullable=truth(call.argument(99, "nullable")),
                new=new,
            )
        if kind == "rename_table":
            new = string(rest[0] if rest else call.argument(99, "new_table_name"))
            return Step(kind, table, path, span, new=new)
        return Step(kind, table, path, span, name=label)

    def _column(self, value: Value, scene: Scene, bound: Bound) -> SchemaColumn:
        """One column; `*` where it cannot be told which, or how many."""
        if not isinstance(value, Call):
            return SchemaColumn("*", scene.path, Span(1, 1, 1, 1))
        column = read_column(value, scene.path)
        if column.name:
            return column
        return replace(column, name=self._name(value.args[0] if value.args else None, scene, bound) or "*")

    def _name(self, value: Value | None, scene: Scene, bound: Bound) -> str:
        """A column's name, constants of the project followed; "" for an expression."""
        if value is None or (isinstance(value, Call) and value.name == "text"):
            return ""
        if isinstance(value, Call):
            return column_name(value, {})
        text = next(iter(self._unroll.strings(value, scene, bound)), ("", {}))[0]
        return "" if HOLE in text else text

    def _key(
        self, call: Call, kind: str, label: str, rest: tuple[Value, ...], scene: Scene, bound: Bound
    ) -> SchemaKey:
        path, span = scene.path, call.span
        listed = [
            item for item in [*rest[1:], *(value for _, value in call.kwargs)] if isinstance(item, Items)
        ]
        local, remote = call.argument(99, "local_cols"), call.argument(99, "remote_cols")
        if isinstance(local, Items) and isinstance(remote, Items):
            listed = [local, remote]
        columns = tuple(self._name(item, scene, bound) for item in listed[0].items) if listed else ()
        unique = _KEY_KINDS[kind] == "unique" or truth(call.argument(99, "unique")) is True
        if kind != "create_foreign_key":
            return SchemaKey(_KEY_KINDS[kind], columns, path, span, label, unique)
        target = string(rest[1] if len(rest) > 1 else call.argument(99, "referent_table"))
        refers = tuple(self._name(item, scene, bound) for item in listed[1].items) if len(listed) > 1 else ()
        return SchemaKey(_KEY_KINDS[kind], columns, path, span, label, unique, target, refers)


def _statement_kind(value: Value) -> str:
    """`update`, `insert`, `delete` or `select` where a value is a statement built by SQLAlchemy; "" for text."""
    kinds = {item.kind for item in walk(value) if isinstance(item, Root)}
    kinds |= {item.name for item in walk(value) if isinstance(item, Call)}
    return next((kind for kind in ("update", "insert", "delete", "select") if kind in kinds), "")


def _creates_all(call: Call) -> bool:
    """`metadata.create_all(…)` or `Model.__table__.create(…)`: tables that no operation names."""
    return call.name == "create_all" or (
        call.name == "create" and isinstance(call.func, Ref) and "__table__" in call.func.dotted
    )


def _batch(call: Call) -> Call | None:
    """The `batch_alter_table(…)` that a call is made on."""
    base = call.func.base if isinstance(call.func, Attr) else None
    return base if isinstance(base, Call) and base.name == "batch_alter_table" else None
