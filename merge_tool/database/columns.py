"""Columns and indexes as plans spell them, checked: types against SQLAlchemy's names, defaults that rows already there can take."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from merge_tool.errors import UserError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")
_TEXT_CALL = re.compile(r"""\A(?:sa\.|sqlalchemy\.)?text\((?P<literal>.*)\)\Z""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column type.

    Attributes:
        source: as written in a model without a module prefix: `String(255)`, `Boolean`, `JSONB`.
        names: the type names in `source`, each with the module it comes from.
        instance: the SQLAlchemy type object.
    """

    source: str
    names: tuple[tuple[str, str], ...]
    instance: Any


@dataclass(frozen=True, slots=True)
class ServerDefault:
    """What the database fills in. `quoted`: a plain string that SQLAlchemy quotes; else an SQL expression."""

    value: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column to add. `default` is the Python source of the model's own default; empty where it has none."""

    name: str
    type: ColumnType
    nullable: bool
    default: str
    server_default: ServerDefault | None


@dataclass(frozen=True, slots=True)
class Index:
    """An index to add."""

    name: str
    columns: tuple[str, ...]
    unique: bool


def read_columns(raw: Sequence[Mapping[str, Any]], table: str) -> tuple[Column, ...]:
    """The columns that `raw` describes, each `{name, type, nullable, default, server_default}`.

    Args:
        raw: the mappings. `type` is an expression such as `String(255)`. `default` is a Python literal, or Python
            source as in a model. `server_default` is an SQL expression, or for string types the text itself.
        table: the table's name, for messages and names of indexes.

    Raises:
        UserError: an unknown key or type, a name twice, or a NOT NULL column without a default for the rows there.
    """
    columns = tuple(_column(item, table) for item in raw)
    _unique([column.name for column in columns], f"{table}: column")
    return columns


def read_indexes(raw: Sequence[Mapping[str, Any]], table: str) -> tuple[Index, ...]:
    """The indexes that `raw` describes, each `{name, columns, unique}`; the name may be left out. Raises as `read_columns`."""
    indexes = []
    for item in raw:
        where = f"index {item.get('name') or '?'} of {table}"
        _known(item, {"name", "columns", "unique"}, where)
        columns = item.get("columns")
        if isinstance(columns, str) or not isinstance(columns, Sequence) or not columns:
            raise UserError(f"{where}: columns is not a list of column names")
        names = tuple(identifier(name, f"{where}: column") for name in columns)
        _unique(list(names), f"{where}: column")
        name = item.get("name") or f"ix_{table.rpartition('.')[2]}_{'_'.join(names)}"
        unique = item.get("unique", False)
        if not isinstance(unique, bool):
            raise UserError(f"{where}: unique is not true or false")
        indexes.append(Index(identifier(name, where), names, unique))
    _unique([index.name for index in indexes], f"{table}: index")
    return tuple(indexes)


def identifier(name: object, what: str) -> str:
    """`name`, if it is a plain SQL identifier of at most 63 characters (PostgreSQL cuts longer ones). Raises `UserError`."""
    if not isinstance(name, str) or not _IDENTIFIER.match(name):
        raise UserError(
            f"{what}: {name!r} is not a plain identifier",
            hint="letters, digits and underscores, at most 63 characters",
        )
    return name


def read_type(text: object, where: str) -> ColumnType:
    """The type that `text` names: `String(255)`, `Boolean`, `sa.Numeric(10, 2)`, `postgresql.JSONB`. Nothing is evaluated.

    Raises:
        UserError: it is no type expression, the name is unknown, or the arguments do not fit.
    """
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{where}: type is missing", hint="for example: String(255), Boolean, DateTime")
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise UserError(
            f"{where}: {text!r} is not a type", hint="for example: String(255), Boolean, DateTime"
        ) from error
    names: dict[str, str] = {}
    instance = _build(node, names, where)
    if inspect.isclass(instance):
        instance = _called(instance, [], {}, ast.unparse(node), where)
    _check_type(instance, where)
    return ColumnType(_bare(node), tuple(sorted(names.items())), instance)


def _build(node: ast.expr, names: dict[str, str], where: str) -> Any:
    """The type class or instance of an expression of names, calls and literals."""
    if isinstance(node, ast.Call):
        arguments = [_argument(item, names, where) for item in node.args]
        keywords = {
            item.arg: _argument(item.value, names, where) for item in node.keywords if item.arg is not None
        }
        if len(keywords) != len(node.keywords):
            raise UserError(f"{where}: ** cannot stand in a type")
        kind = _build(node.func, names, where)
        return _called(kind, arguments, keywords, ast.unparse(node), where)
    if isinstance(node, ast.Name):
        return _type_class(node.id, "", names, where)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return _type_class(node.attr, node.value.id, names, where)
    raise UserError(
        f"{where}: {ast.unparse(node)!r} is not a type", hint="for example: String(255), Boolean, DateTime"
    )


def _called(kind: Any, arguments: list[Any], keywords: dict[str, Any], source: str, where: str) -> Any:
    if not inspect.isclass(kind):
        raise UserError(
            f"{where}: {source!r} is not a type", hint="for example: String(255), Boolean, DateTime"
        )
    try:
        return kind(*arguments, **keywords)
    except Exception as error:
        raise UserError(f"{where}: {source} does not fit: {error}") from error


def _argument(node: ast.expr, names: dict[str, str], where: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return _build(node, names, where)


def _type_class(name: str, prefix: str, names: dict[str, str], where: str) -> Any:
    import sqlalchemy
    from sqlalchemy.dialects import postgresql

    modules = {
        "": (sqlalchemy, postgresql),
        "sa": (sqlalchemy,),
        "sqlalchemy": (sqlalchemy,),
        "postgresql": (postgresql,),
    }
    if prefix not in modules:
        raise UserError(
            f"{where}: unknown module {prefix} in a type", hint="use sa. or postgresql., or no prefix"
        )
    for module in modules[prefix]:
        kind = getattr(module, name, None)
        if inspect.isclass(kind) and issubclass(kind, sqlalchemy.types.TypeEngine):
            names[name] = module.__name__
            return kind
    known = [
        item
        for item in dir(sqlalchemy)
        if inspect.isclass(getattr(sqlalchemy, item))
        and issubclass(getattr(sqlalchemy, item), sqlalchemy.types.TypeEngine)
    ]
    near = difflib.get_close_matches(name, known, 1) or [
        item for item in known if item.lower() == name.lower()
    ]
    hint = (
        f"did you mean {near[0]}?"
        if near
        else "SQLAlchemy's names: String(255), Boolean, DateTime, Integer, …"
    )
    raise UserError(f"{where}: SQLAlchemy has no type {name}", hint=hint)


def _check_type(instance: Any, where: str) -> None:
    """Refuses types that make no column: those without a name in SQL, and native enumerations."""
    import sqlalchemy
    from sqlalchemy.dialects import postgresql

    try:
        instance.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    except (sqlalchemy.exc.SQLAlchemyError, AttributeError, TypeError) as error:
        raise UserError(f"{where}: {instance!r} is not the type of a column: {error}") from error

    if isinstance(instance, sqlalchemy.Enum) and instance.native_enum:
        raise UserError(
            f"{where}: a native Enum needs a CREATE TYPE that ALTER TABLE does not make",
            hint="use String(…) or Enum(…, native_enum=False)",
        )


def _bare(node: ast.expr) -> str:
    """The expression without module prefixes."""

    class Strip(ast.NodeTransformer):
        def visit_Attribute(self, inner: ast.Attribute) -> ast.AST:
            return ast.Name(inner.attr, ast.Load())

    return ast.unparse(Strip().visit(node))


def _column(raw: Mapping[str, Any], table: str) -> Column:
    name = identifier(raw.get("name"), f"a column of {table}")
    where = f"column {table}.{name}"
    _known(raw, {"name", "type", "nullable", "default", "server_default"}, where)
    kind = read_type(raw.get("type"), where)
    nullable = raw.get("nullable", True)
    if not isinstance(nullable, bool):
        raise UserError(f"{where}: nullable is not true or false")
    default = raw.get("default")
    server = raw.get("server_default")
    given = _server_default(server, kind, where) if server is not None else None
    if given is None and not nullable:
        given = _derived(default, kind, where)
    return Column(name, kind, nullable, _python_default(default, kind), given)


def _python_default(value: object, kind: ColumnType) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return repr(value)
    source = value.strip()
    if _is_boolean(kind) and source.lower() in ("true", "false"):
        return source.capitalize()
    if _is_string(kind) and not _is_expression(source):
        return repr(value)  # a plain word for a string column is the text itself
    return source


def _is_expression(source: str) -> bool:
    """Whether a default is Python source (a literal, `uuid.uuid4`, `make()`), and not plain text such as `active`."""
    try:
        node = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError):
        return False
    return isinstance(node, ast.Constant | ast.Attribute | ast.Call | ast.Lambda | ast.JoinedStr)


def _derived(default: object, kind: ColumnType, where: str) -> ServerDefault:
    """The server default that does for rows there what `default` does for new ones."""
    hint = "give server_default, or make the column nullable first and fill it in a later revision"
    if default is None:
        raise UserError(
            f"{where} is NOT NULL and has no default: rows already in the table have no value for it",
            hint=hint,
        )
    source = _python_default(default, kind)
    literal = _literal(source)
    if literal is None or not isinstance(literal[0], bool | int | float | str):
        raise UserError(
            f"{where} is NOT NULL, and its default {source} is not a literal that the database can be given",
            hint=hint,
        )
    return _server_default(literal[0], kind, where)


def _server_default(value: object, kind: ColumnType, where: str) -> ServerDefault:
    if isinstance(value, bool):
        return ServerDefault("true" if value else "false", quoted=False)
    if isinstance(value, int | float):
        if _is_boolean(kind):
            return _server_default(bool(value), kind, where)
        return ServerDefault(str(value), quoted=_is_string(kind))
    if not isinstance(value, str):
        raise UserError(f"{where}: server_default {value!r} is neither text, number nor true or false")
    if match := _TEXT_CALL.match(value.strip()):
        literal = _literal(match["literal"])
        if literal is None or not isinstance(literal[0], str):
            raise UserError(f"{where}: {value} does not hold a string")
        return ServerDefault(literal[0], quoted=False)
    if _is_boolean(kind) and value.strip().lower() in ("0", "1", "true", "false"):
        # PostgreSQL refuses a number as the default of a boolean.
        return ServerDefault("true" if value.strip().lower() in ("1", "true") else "false", quoted=False)
    if _is_string(kind):
        literal = _literal(value.strip())
        if literal is not None and isinstance(literal[0], str):
            return ServerDefault(literal[0], quoted=True)
        return ServerDefault(value, quoted=True)
    if not value.strip():
        raise UserError(f"{where}: server_default is empty")
    return ServerDefault(value.strip(), quoted=False)


def _literal(source: str) -> tuple[Any] | None:
    """The value of a literal, in a tuple; None where the source is none."""
    try:
        return (ast.literal_eval(source),)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _is_boolean(kind: ColumnType) -> bool:
    import sqlalchemy

    return isinstance(kind.instance, sqlalchemy.Boolean)


def _is_string(kind: ColumnType) -> bool:
    import sqlalchemy

    return isinstance(kind.instance, sqlalchemy.String)


def _known(raw: Mapping[str, Any], keys: set[str], where: str) -> None:
    if unknown := sorted(set(raw) - keys):
        raise UserError(f"{where}: unknown key {unknown[0]}", hint=f"known keys: {', '.join(sorted(keys))}")


def _unique(names: list[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{what} {name} is given twice")
