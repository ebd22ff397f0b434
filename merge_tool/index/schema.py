"""The tables of all models, with columns, indexes and constraints; mixins and declared attributes folded in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from merge_tool.index.columns import COLUMN_CALLS, plain_column, read_column, read_keys
from merge_tool.index.migrations import is_revision
from merge_tool.rulekit.facts import ClassFacts, ModuleFacts
from merge_tool.rulekit.project import Model
from merge_tool.rulekit.schema import SchemaColumn, SchemaKey, SchemaTable
from merge_tool.rulekit.values import Call, Const, Entry, Ref, Value, walk

if TYPE_CHECKING:
    from merge_tool.index.project import ProjectIndex


def read_schema(index: ProjectIndex) -> tuple[SchemaTable, ...]:
    """Every table that a model declares, by file and line. A subclass that shares its parent's table adds none.

    Classes in revisions are no models: they hold the columns that one step of data needs, as the table was then.
    """
    indexes = _module_indexes(index)
    found = [
        _table(index, model, indexes.get(model.qualified, []))
        for model in index.models.by_name.values()
        if not is_revision(index.modules[model.path])
    ]
    merged: dict[str, SchemaTable] = {}
    for item in sorted(found, key=lambda item: (item.path, item.span)):
        first = merged.setdefault(item.table, item)
        if first is not item and first.path == item.path:  # single-table inheritance
            columns = {**item.columns, **first.columns}
            merged[item.table] = replace(first, columns=columns, keys=(*first.keys, *item.keys))
    return tuple(merged.values())


def _table(index: ProjectIndex, model: Model, extra: list[Call]) -> SchemaTable:
    columns: dict[str, SchemaColumn] = {}
    keys: list[SchemaKey] = []
    values: list[tuple[str, Value]] = []
    owner = index.modules[model.path]
    facts = owner.classes.get(model.qualified.removeprefix(f"{owner.module}."))
    if facts is None:
        made = owner.top.variables.get(model.name)
        if isinstance(made, Call):
            values.append((model.path, made))
    else:
        for module, item in index.models.bodies(owner, facts):
            columns.update(_own_columns(module, item, model))
            values.extend(_table_args(module, item))
    for path, value in values:
        if isinstance(value, Call) and value.name == "Table":
            for arg in value.args:
                if isinstance(arg, Call) and arg.name == "Column":
                    column = read_column(arg, path)
                    columns[column.name] = column
    names = dict(model.columns)
    for path, value in values:
        keys.extend(read_keys([value], path, names))
    for call in extra:
        keys.extend(read_keys([call], model.path, names))
    tables = index.policy.tables
    return SchemaTable(
        model.table,
        model.name,
        model.path,
        model.span,
        {item.name: _pointed(index, item) for item in columns.values()},
        tuple(keys),
        index.models.is_tenant(model),
        model.table in tables.tenant or "*" in tables.tenant,
        model.table in tables.shared,
        model.known,
        any(_is_view(value) for _, value in values),
    )


def _is_view(value: Value) -> bool:
    """Whether table arguments say `{"info": {"is_view": True}}`, as revisions that leave views alone ask for."""
    return any(
        isinstance(item, Entry)
        and isinstance(item.key, Const)
        and item.key.value in ("is_view", "view")
        and isinstance(item.value, Const)
        and item.value.value is True
        for item in walk(value)
    )


def _pointed(index: ProjectIndex, column: SchemaColumn) -> SchemaColumn:
    """A column that points at a class (`ForeignKey(User.id)`) points at the class's table."""
    if not column.foreign or column.foreign in index.models.by_table:
        return column
    model = index.models.find(index.resolve(column.path, column.foreign))
    return replace(column, foreign=model.table) if model is not None else column


def _own_columns(module: ModuleFacts, facts: ClassFacts, model: Model) -> Iterator[tuple[str, SchemaColumn]]:
    path = module.path
    for name, value in facts.attributes.items():
        if isinstance(value, Call) and value.name in COLUMN_CALLS:
            yield name, read_column(value, path, name, facts.fields.get(name))
    for name, kind in facts.fields.items():
        if name in model.columns and name not in facts.attributes:
            yield name, plain_column(model.columns[name], path, facts.span, kind)
    for name in sorted(facts.methods):
        function = module.functions.get(f"{facts.qualname}.{name}")
        if function is None or not any(
            isinstance(item, Ref) and "declared_attr" in item.dotted for item in function.decorators
        ):
            continue
        for value in function.returns:
            if isinstance(value, Call) and value.name in COLUMN_CALLS:
                yield name, read_column(value, path, name, function.result)


def _table_args(module: ModuleFacts, facts: ClassFacts) -> Iterator[tuple[str, Value]]:
    for name in ("__table_args__", "__table__"):
        if name in facts.attributes:
            yield module.path, facts.attributes[name]
    function = module.functions.get(f"{facts.qualname}.__table_args__")
    for value in function.returns if function is not None else ():
        yield module.path, value


def _module_indexes(index: ProjectIndex) -> dict[str, list[Call]]:
    """`Index("…", User.bot_id)` that stands beside the classes or in a class's body, by the model that it is for."""
    found: dict[str, list[Call]] = {}
    for path, _ in index.tables.find("indexes"):
        module = index.modules[path]
        for call in module.top.calls:
            if call.name not in ("Index", "UniqueConstraint"):
                continue
            for arg in call.args:
                if isinstance(arg, Ref) and "." in arg.dotted:
                    owner = (
                        arg.dotted.split(".c.")[0] if ".c." in arg.dotted else arg.dotted.rpartition(".")[0]
                    )
                    model = index.models.find(index.resolve(module.path, owner))
                    if model is not None:
                        found.setdefault(model.qualified, []).append(call)
                    break
            else:
                around = _class_around(module, call) if call.span.column > 1 else None
                if around is not None:
                    found.setdefault(f"{module.module}.{around.qualname}", []).append(_named(call, around))
    return found


def _class_around(module: ModuleFacts, call: Call) -> ClassFacts | None:
    """The class in whose body a call of the top level stands."""
    around = [
        item
        for item in module.classes.values()
        if item.span.line < call.span.line <= item.span.end_line and item.span.column < call.span.column
    ]
    return max(around, key=lambda item: item.span.line, default=None)


def _named(call: Call, owner: ClassFacts) -> Call:
    """`Index("…", bot_id)` in a class's body, its columns by their names instead of the calls that make them."""
    names = {item.span: name for name, item in owner.attributes.items() if isinstance(item, Call)}
    args = tuple(
        Ref(names[item.span]) if isinstance(item, Call) and item.span in names else item for item in call.args
    )
    return Call(call.func, args, call.kwargs, call.span, call.present)
