"""Reads columns and indexes of a table from SQLAlchemy models and Alembic revisions, as text: nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from merge_tool.vcs.workspace import Workspace


@dataclass(frozen=True)
class ColumnText:
    """A column as its model writes it. `nullable` is None where the text leaves it to the type or annotation."""

    name: str
    type: str
    nullable: bool | None


@dataclass(frozen=True)
class TableText:
    """A table: where its model stands, its columns by name, the names of its indexes."""

    path: str
    line: int
    columns: dict[str, ColumnText] = field(default_factory=dict)
    indexes: frozenset[str] = frozenset()


def table_text(workspace: Workspace, table: str) -> TableText | None:
    """The model of `table`, or None where no model has that `__tablename__`."""
    needle = table.encode()
    for path, data in workspace.python_files().items():
        if b"__tablename__" not in data or needle not in data:
            continue
        for node in _classes(data):
            if _tablename(node) == table:
                columns = {column.name: column for statement in node.body if (column := _column(statement))}
                return TableText(path, node.lineno, columns, frozenset(_index_names(node)))
    return None


def migrated_indexes(workspace: Workspace) -> set[str]:
    """The names of the indexes that Alembic revisions create."""
    names: set[str] = set()
    for path, data in workspace.python_files().items():
        if "/versions/" in path and b"create_index" in data:
            for node in _walk(data):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr == "create_index"
                ):
                    names |= {_string(arg) for arg in node.args[:1]}
                    for inner in ast.walk(node):  # op.create_index(op.f("name"), …)
                        if (
                            isinstance(inner, ast.Call)
                            and isinstance(inner.func, ast.Attribute)
                            and inner.func.attr == "f"
                        ):
                            names |= {_string(arg) for arg in inner.args[:1]}
    return names - {""}


def _walk(data: bytes) -> Iterator[ast.AST]:
    try:
        yield from ast.walk(ast.parse(data))
    except (SyntaxError, ValueError, RecursionError):
        return  # a file that does not parse has no readable model; the linters report it as T04


def _classes(data: bytes) -> Iterator[ast.ClassDef]:
    return (node for node in _walk(data) if isinstance(node, ast.ClassDef))


def _string(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _tablename(node: ast.ClassDef) -> str:
    for statement in node.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "__tablename__" for t in statement.targets
        ):
            return _string(statement.value)
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and statement.target.id == "__tablename__"
        ):
            return _string(statement.value) if statement.value else ""
    return ""


def _column(statement: ast.stmt) -> ColumnText | None:
    if (
        isinstance(statement, ast.Assign)
        and len(statement.targets) == 1
        and isinstance(statement.targets[0], ast.Name)
    ):
        name, value, annotation = statement.targets[0].id, statement.value, None
    elif (
        isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and statement.value is not None
    ):
        name, value, annotation = statement.target.id, statement.value, statement.annotation
    else:
        return None
    function = value.func if isinstance(value, ast.Call) else None
    called = (
        function.attr
        if isinstance(function, ast.Attribute)
        else function.id
        if isinstance(function, ast.Name)
        else ""
    )
    if not isinstance(value, ast.Call) or called not in ("Column", "mapped_column"):
        return None
    positional = [arg for arg in value.args if not isinstance(arg, ast.Starred)]
    if positional and _string(positional[0]):
        name = _string(positional.pop(0))
    nullable: bool | None = None
    for keyword in value.keywords:
        if keyword.arg == "nullable" and isinstance(keyword.value, ast.Constant):
            nullable = bool(keyword.value.value)
        elif keyword.arg == "primary_key" and isinstance(keyword.value, ast.Constant) and keyword.value.value:
            nullable = False
    if nullable is None and annotation is not None:
        text = ast.unparse(annotation)
        nullable = "Optional" in text or "None" in text
    elif nullable is None:
        nullable = True  # SQLAlchemy's default for a Column without nullable=
    return ColumnText(name, ast.unparse(positional[0]) if positional else "", nullable)


def _index_names(node: ast.ClassDef) -> Iterator[str]:
    for inner in ast.walk(node):
        if (
            isinstance(inner, ast.Call)
            and isinstance(inner.func, ast.Name)
            and inner.func.id in ("Index", "UniqueConstraint")
            and inner.args
        ):
            yield _string(inner.args[0])


def tables_by_class(texts: Iterable[str]) -> dict[str, str]:
    """The table of each model class in some source texts, by the class's name."""
    found: dict[str, str] = {}
    for text in texts:
        if "__tablename__" in text:
            found |= {node.name: table for node in _classes(text.encode()) if (table := _tablename(node))}
    return found
