"""Models as text: the columns of a class and its bases, its indexes, how the file writes columns."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from merge_tool.codemods.importing import dotted
from merge_tool.codemods.names import Names, Thing
from merge_tool.database.columns import Column, Index

_MAKERS = ("Column", "mapped_column")
_NOT_TYPES = ("ForeignKey", "Sequence", "Identity", "Computed", "CheckConstraint")


@dataclass(frozen=True)
class Attribute:
    """Something that a model's class body binds: the file and line, and the value where it is a plain assignment."""

    path: str
    line: int
    value: ast.expr | None


@dataclass(frozen=True)
class ColumnStyle:
    """How a file writes columns: the function called, the prefix of types with its dot, whether with `Mapped[…]`."""

    call: str
    prefix: str
    mapped: bool


def targets_of(node: ast.stmt) -> list[str]:
    """The plain names that a statement assigns."""
    if isinstance(node, ast.Assign):
        return [item.id for item in node.targets if isinstance(item, ast.Name)]
    return [node.target.id] if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else []


def value_of(node: ast.stmt) -> ast.expr | None:
    """What a statement assigns."""
    return node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None


def column_call(value: ast.expr | None) -> ast.Call | None:
    """`value`, if it is a call of `Column` or `mapped_column`."""
    if isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] in _MAKERS:
        return value
    return None


def table_of(node: ast.ClassDef) -> str:
    """The literal `__tablename__` of a class; "" where it has none."""
    for item in node.body:
        value = value_of(item)
        if (
            "__tablename__" in targets_of(item)
            and isinstance(value, ast.Constant)
            and isinstance(value.value, str)
        ):
            return value.value
    return ""


def attributes_of(names: Names, owner: Thing) -> dict[str, Attribute]:
    """What a model and its bases in the project bind, by the name in Python and by a column's name in the table."""
    found: dict[str, Attribute] = {}
    for thing, _, node in names.lineage(owner):
        for item in node.body:
            attribute = Attribute(thing.path, item.lineno, value_of(item))
            for name in targets_of(item):
                found.setdefault(name, attribute)
            call = column_call(attribute.value)
            if (
                call
                and call.args
                and isinstance(call.args[0], ast.Constant)
                and isinstance(call.args[0].value, str)
            ):
                found.setdefault(call.args[0].value, attribute)
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
                found.setdefault(item.name, attribute)
    return found


def difference(column: Column, value: ast.expr | None) -> str:
    """How a column that is there differs from the one asked for, in words; "" where it does not."""
    call = column_call(value)
    if call is None:
        return "it is no plain column"
    types = [item for item in call.args if not isinstance(item, ast.Constant)]
    if types and _plain(types[0]) != _plain(ast.parse(column.type.source, mode="eval").body):
        return f"it is of type {ast.unparse(types[0])}, not {column.type.source}"
    given = next((item.value for item in call.keywords if item.arg == "nullable"), None)
    nullable = given.value if isinstance(given, ast.Constant) else None
    if given is None and dotted(call.func).rpartition(".")[2] == "Column":
        nullable = not any(item.arg == "primary_key" for item in call.keywords)
    if nullable is not None and nullable is not column.nullable:
        return "it is NOT NULL" if column.nullable else "it may be NULL"
    return ""


def _plain(node: ast.expr) -> str:
    """A type without its module, an empty bracket and the name of String's only argument."""
    if isinstance(node, ast.Call):
        inner = ", ".join(
            [
                *map(ast.unparse, node.args),
                *(
                    ast.unparse(item.value) if item.arg == "length" else ast.unparse(item)
                    for item in node.keywords
                ),
            ]
        )
        name = dotted(node.func).rpartition(".")[2]
        return f"{name}({inner})" if inner else name
    return dotted(node).rpartition(".")[2] or ast.unparse(node)


def style_of(tree: ast.Module, node: ast.ClassDef) -> ColumnStyle:
    """The style that most columns of the class have; of the file, where the class has none."""
    for classes in ([node], [item for item in ast.walk(tree) if isinstance(item, ast.ClassDef)]):
        found = [
            (item, call) for each in classes for item in each.body if (call := column_call(value_of(item)))
        ]
        if found:
            kinds = Counter((dotted(call.func), isinstance(item, ast.AnnAssign)) for item, call in found)
            (called, mapped), _ = kinds.most_common(1)[0]
            prefixes = Counter(prefix for _, call in found for prefix in _prefixes(call))
            prefix = prefixes.most_common(1)[0][0] if prefixes else called.rpartition(".")[0]
            return ColumnStyle(called, f"{prefix}." if prefix else "", mapped)
    return ColumnStyle("Column", "", mapped=False)


def _prefixes(call: ast.Call) -> list[str]:
    names = [dotted(item.func if isinstance(item, ast.Call) else item) for item in call.args]
    return [name.rpartition(".")[0] for name in names if name and name.rpartition(".")[2] not in _NOT_TYPES]


def is_default_name(index: Index, table: str) -> bool:
    """Whether `index=True` on its one column makes this very index."""
    return len(index.columns) == 1 and index.name == f"ix_{table}_{index.columns[0]}"


def has_index(tree: ast.Module, node: ast.ClassDef, index: Index, present: Mapping[str, Attribute]) -> bool:
    """Whether an index of that name is in the file, or comes of `index=True` on the model's column."""
    for item in ast.walk(tree):
        if isinstance(item, ast.Call) and dotted(item.func).rpartition(".")[2] == "Index" and item.args:
            first = item.args[0]
            if isinstance(first, ast.Constant) and first.value == index.name:
                return True
    if not is_default_name(index, table_of(node)) or index.columns[0] not in present:
        return False
    call = column_call(present[index.columns[0]].value)
    words = call.keywords if call else []
    return any(
        word.arg == "index" and isinstance(word.value, ast.Constant) and word.value.value is True
        for word in words
    )
