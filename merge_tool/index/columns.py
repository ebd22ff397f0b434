"""Columns, indexes and constraints as they are written: `Column`, `mapped_column`, `Field`, `Index`, `UniqueConstraint`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from merge_tool.model.source import Span
from merge_tool.rulekit.matchers import words
from merge_tool.rulekit.schema import SchemaColumn, SchemaKey
from merge_tool.rulekit.values import Attr, Call, Const, Item, Items, Logic, Ref, Value, walk

COLUMN_CALLS = frozenset(("Column", "mapped_column", "Field"))
_KEYS = {
    "UniqueConstraint": "unique",
    "Index": "index",
    "PrimaryKeyConstraint": "primary",
    "ForeignKeyConstraint": "foreign",
}


_RANDOM = frozenset(
    "uuid uuid1 uuid4 uuid7 guid token secrets random nanoid nano ulid cuid shortuuid urandom hex".split()  # noqa: SIM905
)


def truth(value: Value | None) -> bool | None:
    """True or False where a value is that literal, else None."""
    return value.value if isinstance(value, Const) and isinstance(value.value, bool) else None


def string(value: Value | None) -> str:
    """A string literal's text, else ""."""
    return value.value if isinstance(value, Const) and isinstance(value.value, str) else ""


def label(value: Value | None) -> str:
    """The name of an index or constraint: a string, or one that `op.f(…)` marks as final."""
    if isinstance(value, Call) and value.name in ("f", "conv", "quoted_name") and value.args:
        return string(value.args[0])
    return string(value)


def read_column(call: Call, path: str, default: str = "", annotation: Value | None = None) -> SchemaColumn:
    """A column by the call that makes it.

    Args:
        call: `Column(…)`, `mapped_column(…)` or SQLModel's `Field(…)`.
        default: the attribute that it is bound to.
        annotation: `Mapped[…]`, or SQLModel's plain type. SQLAlchemy reads nullability from it where the call has no
            `nullable` (https://docs.sqlalchemy.org/en/20/orm/declarative_tables.html#mapped-column-derives-the-datatype-and-nullability-from-the-mapped-annotation).
    """
    wrapped = next(
        (value for key, value in call.kwargs if key == "sa_column" and isinstance(value, Call)), None
    )
    if wrapped is not None:  # SQLModel takes it as it is: the annotation does not say whether it may be NULL
        return read_column(wrapped, path, default)
    kwargs = dict(call.kwargs)
    field = call.name == "Field"
    args = () if field else call.args
    name = string(args[0]) if args else ""
    name = name or string(kwargs.get("name")) or default
    primary = truth(kwargs.get("primary_key")) is True
    nullable = truth(kwargs.get("nullable"))
    if nullable is None and "nullable" not in kwargs:
        nullable = _nullable(call, annotation, primary)
    kind = next((_type_name(item) for item in [*args, kwargs.get("type_"), kwargs.get("sa_type")] if item is not None and _type_name(item)), "")  # fmt: skip
    return SchemaColumn(
        name,
        path,
        call.span,
        kind or _annotated_kind(annotation),
        nullable,
        primary,
        truth(kwargs.get("unique")) is True,
        truth(kwargs.get("index")) is True,
        _foreign(call),
        "server_default" in kwargs
        and not (isinstance(kwargs["server_default"], Const) and kwargs["server_default"].value is None),
        _target(call).rpartition(".")[2],
        _is_generated(kwargs),
    )


def _is_generated(kwargs: Mapping[str, Value]) -> bool:
    """Whether the column's default draws a value at random, so that no two rows ever have the same one."""
    for key in ("default", "default_factory", "server_default"):
        for item in walk(kwargs[key]) if key in kwargs else ():
            name = (
                item.last if isinstance(item, Ref) else item.name if isinstance(item, Call) else string(item)
            )
            if name == "generate" or _RANDOM.intersection(words(name)):
                return True
    return False


def plain_column(name: str, path: str, span: Span, annotation: Value) -> SchemaColumn:
    """A column that only an annotation declares: `bot_id: Mapped[int]`."""
    return SchemaColumn(name, path, span, _annotated_kind(annotation), _optional(annotation))


def _nullable(call: Call, annotation: Value | None, primary: bool) -> bool | None:
    if primary:
        return False
    if annotation is not None:
        return _optional(annotation)
    if call.name == "Column" or (call.name == "mapped_column" and not call.has_star):
        return True
    return None


def _optional(annotation: Value) -> bool | None:
    """Whether an annotation admits None; None where it is a name of the project's own, which may hide it."""
    inner = annotation
    if isinstance(inner, Item) and isinstance(inner.base, Ref) and inner.base.last == "Mapped":
        inner = inner.key
    if isinstance(inner, Item) and isinstance(inner.base, Ref) and inner.base.last == "Annotated":
        inner = inner.key.items[0] if isinstance(inner.key, Items) and inner.key.items else inner.key
    if isinstance(inner, Const) and isinstance(inner.value, str):
        return "Optional[" in inner.value or "None" in inner.value
    if isinstance(inner, Item) and isinstance(inner.base, Ref) and inner.base.last in ("Optional", "Union"):
        return inner.base.last == "Optional" or _holds_none(inner.key)
    if isinstance(inner, Logic):
        return _holds_none(inner)
    if isinstance(inner, Ref):
        return False if inner.last.lower() in _PLAIN else None
    return None


_PLAIN = frozenset(("int", "str", "uuid", "bool", "float", "bytes", "date", "datetime", "decimal", "uuid4"))


def _holds_none(value: Value) -> bool:
    return any(
        (isinstance(item, Const) and item.value is None) or (isinstance(item, Ref) and item.last == "None")
        for item in walk(value)
    )


def _annotated_kind(annotation: Value | None) -> str:
    if annotation is None:
        return ""
    names = [item.last for item in walk(annotation) if isinstance(item, Ref)]
    return next((name for name in names if name.lower() in _PLAIN), "")


def _type_name(value: Value) -> str:
    if isinstance(value, Call):
        return "" if value.name in ("ForeignKey", "Identity", "Computed", "Sequence", "text") else value.name
    return value.last if isinstance(value, Ref) else ""


def _foreign(call: Call) -> str:
    return _target(call).rpartition(".")[0].rpartition(".")[2]


def _target(call: Call) -> str:
    """What a column points at: `users.id`."""
    for value in [*call.args, *(item for _, item in call.kwargs)]:
        if isinstance(value, Call) and value.name == "ForeignKey" and value.args:
            target = value.args[0]
            return string(target) or (target.dotted if isinstance(target, Ref) else "")
    return string(dict(call.kwargs).get("foreign_key"))


def column_name(value: Value, names: Mapping[str, str]) -> str:
    """The column that an index or constraint names; "" for an expression. `names` gives an attribute's column."""
    if isinstance(value, Const) and isinstance(value.value, str):
        return names.get(value.value, value.value)
    if isinstance(value, Ref):
        return names.get(value.last, value.last)
    if isinstance(value, Attr):
        return names.get(value.name, value.name)
    if isinstance(value, Call) and value.name in COLUMN_CALLS:
        return string(value.args[0]) if value.args else ""
    if isinstance(value, Call) and value.name in ("desc", "asc", "nulls_last", "nulls_first"):
        inner = value.receiver or (value.args[0] if value.args else None)
        return column_name(inner, names) if inner is not None else ""
    return ""


def read_keys(values: Iterable[Value], path: str, names: Mapping[str, str]) -> Iterator[SchemaKey]:
    """The indexes and constraints among values, however they are put together."""
    for value in values:
        for call in walk(value):
            if isinstance(call, Call) and call.name in _KEYS:
                yield read_key(call, path, names)


def read_key(call: Call, path: str, names: Mapping[str, str]) -> SchemaKey:
    """One index or constraint by its call."""
    kind = _KEYS[call.name]
    kwargs = dict(call.kwargs)
    args = list(call.args)
    name = label(kwargs.get("name"))
    target = ""
    refers: tuple[str, ...] = ()
    if kind == "index":
        name = label(args[0]) if args else name
        args = args[1:]
    if kind == "foreign":
        local = call.argument(0, "columns")
        remote = call.argument(1, "refcolumns")
        args = list(local.items) if isinstance(local, Items) else []
        texts = [string(item) or (item.dotted if isinstance(item, Ref) else "") for item in remote.items] if isinstance(remote, Items) else []  # fmt: skip
        target = texts[0].rpartition(".")[0].rpartition(".")[2] if texts else ""
        refers = tuple(text.rpartition(".")[2] for text in texts)
    columns = tuple(column_name(item, names) for item in args)
    unique = kind == "unique" or truth(kwargs.get("unique")) is True
    where = " ".join(
        string(item) for key, value in call.kwargs if key.endswith("_where") for item in walk(value)
    )
    return SchemaKey(kind, columns, path, call.span, name, unique, target, refers, where)
