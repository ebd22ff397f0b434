"""Reads calls: steps of statements, SQL functions, changes to lists and mappings, and all others."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from merge_tool.index.branches import dotted_of, holds_query
from merge_tool.index.texts import BRACES, capped, filled
from merge_tool.index.words import (
    COMPARING,
    EXECUTORS,
    JOINED,
    RUNNING,
    STEPS,
    TELLING,
    TERMINALS,
    TEXT_METHODS,
)
from merge_tool.rulekit.facts import Fallback, Read
from merge_tool.rulekit.values import (
    Attr,
    Call,
    Choice,
    Compare,
    Const,
    Entry,
    Function,
    Item,
    Items,
    Logic,
    Op,
    Query,
    Record,
    Ref,
    Root,
    Star,
    Text,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from merge_tool.index.flow import FlowReader

_UNKNOWN = Unknown()
_ROOTS = {
    "select": "select",
    "exists": "exists",
    "update": "update",
    "delete": "delete",
    "insert": "insert",
    "Query": "query",
}
_SETS = {
    "union": "union",
    "union_all": "union",
    "intersect": "union",
    "except_": "union",
    "intersect_all": "union",
    "except_all": "union",
}
_SQL_NAMES = frozenset(("sa", "sql", "sqla", "sqlalchemy", "sqlmodel"))
_BOOLEANS = {"and_": "and", "or_": "or", "not_": "not"}


def read_call(reader: FlowReader, node: ast.Call) -> Value:
    func = node.func
    if isinstance(func, ast.Attribute):
        base = reader.value(func.value)
        args, kwargs = _arguments(reader, node)
        return _method(reader, node, base, func, args, kwargs)
    target = reader.value(func)
    args, kwargs = _arguments(reader, node)
    if isinstance(target, Ref):
        found = _sql_function(reader, node, target, args, None)
        if found is not None:
            return found
        if (
            target.dotted == "getattr"
            and len(args) >= 2
            and isinstance(args[1], Const)
            and isinstance(args[1].value, str)
        ):
            reader.scope.attributes_read.add(args[1].value)
            reader.scope.reads.append(Read(args[0], args[1].value, reader.source.span(node)))
            got: Value = (
                Ref(f"{args[0].dotted}.{args[1].value}")
                if isinstance(args[0], Ref)
                else Attr(args[0], args[1].value)
            )
            if len(args) > 2:
                reader.scope.fallbacks.append(Fallback((got, args[2]), reader.source.span(node)))
            return got
        if target.dotted in ("list", "tuple", "set") and len(args) == 1 and isinstance(args[0], Items):
            return args[0]
        if target.dotted == "str" and len(args) == 1:
            return Text((args[0],))
        if target.dotted == "dict":
            return Record(
                (
                    *(Entry(None, item) for item in args),
                    *(Entry(Const(key) if key else None, item) for key, item in kwargs),
                )
            )
    if isinstance(target, Function) and not isinstance(target.body, Unknown):
        return _noted(
            reader, Call(Ref(target.name), args, kwargs, reader.source.span(node), tuple(reader.env.present))
        )
    return _noted(reader, Call(target, args, kwargs, reader.source.span(node), tuple(reader.env.present)))


def _arguments(reader: FlowReader, node: ast.Call) -> tuple[tuple[Value, ...], tuple[tuple[str, Value], ...]]:
    args = tuple([reader.value(arg) for arg in node.args])
    kwargs = tuple([(item.arg or "", reader.value(item.value)) for item in node.keywords])
    return args, kwargs


def _method(
    reader: FlowReader,
    node: ast.Call,
    base: Value,
    func: ast.Attribute,
    args: tuple[Value, ...],
    kwargs: tuple[tuple[str, Value], ...],
) -> Value:
    name = func.attr
    span = reader.source.span(node)
    if isinstance(base, Choice) and holds_query(base):
        arms = tuple(_method(reader, node, arm, func, args, kwargs) for arm in base.arms)
        return Choice(arms, base.test)
    if isinstance(base, Ref):
        whole = Ref(f"{base.dotted}.{name}")
        found = _sql_function(reader, node, whole, args, base)
        if found is not None:
            return found
    elif (
        name == "query"
        and isinstance(base, Call | Attr | Item | Unknown | Choice)
        and args
        and all(_like_entity(arg) for arg in args)
    ):
        # `with Session(engine) as session`, `session = SessionLocal()`: the session is a call's result.
        return _root(reader, node, "query", args, base)
    if isinstance(base, Query) or (name in TELLING and _may_be_query(base, args, kwargs)):
        query = base if isinstance(base, Query) else Query(base)
        if name in STEPS or name not in TERMINALS:
            result = Query(query.root, (*query.ops, Op(name, args, kwargs, span)))
            if isinstance(query.root, Root):
                reader.scope.roots[id(query.root)] = result
            if name not in STEPS:
                # A step that this tool does not know: it may be a helper of the project's own.
                reader.scope.calls.append(
                    Call(Attr(query, name), args, kwargs, span, tuple(reader.env.present))
                )
            return result
        call = _note(reader, Call(Attr(query, name), args, kwargs, span, tuple(reader.env.present)))
        reader.sink(query, "execute", span, call)
        return call
    if isinstance(base, Call) and name in RUNNING and not args and not kwargs:
        # `users_of(db).all()`: the function may give a legacy Query, which runs here. `Session().scalar(stmt)` runs what it is given.
        call = _note(reader, Call(Attr(base, name), args, kwargs, span, tuple(reader.env.present)))
        reader.sink(base, "execute", span, call)
        return call
    changed = _collection_method(reader, func, base, name, args, kwargs)
    if changed is not None:
        return changed
    if name in ("get", "pop") and args and isinstance(args[0], Const) and isinstance(args[0].value, str):
        reader.scope.constants_read.add(args[0].value)
    if (
        name in COMPARING
        and args
        and (isinstance(base, Ref | Attr | Item) or (isinstance(base, Call) and base.name == "tuple_"))
    ):
        return Compare(base, name, args[0])
    if name == "format" and isinstance(base, Const | Text):
        return filled(BRACES, base, args, dict(kwargs))
    if name == "join" and isinstance(base, Const | Text):
        return Text((Unknown(JOINED, (base, *args)),))
    if name in TEXT_METHODS and isinstance(base, Const | Text):
        return base
    target: Value = Ref(f"{base.dotted}.{name}") if isinstance(base, Ref) else Attr(base, name)
    return _noted(reader, Call(target, args, kwargs, span, tuple(reader.env.present)))


def _note(reader: FlowReader, call: Call) -> Call:
    reader.scope.calls.append(call)
    return call


def _noted(reader: FlowReader, call: Call) -> Value:
    """Notes a call, and where it takes a statement, that the statement left there."""
    reader.scope.calls.append(call)
    name = call.name
    if name in ("with_loader_criteria", "and_", "or_", "not_", "case", "cast", "func", "aliased", "coalesce"):
        return call
    for position, arg in enumerate(call.args):
        inner = arg.value if isinstance(arg, Star) else arg
        if holds_query(inner):
            reader.sink(inner, "execute" if name in EXECUTORS else "argument", call.span, call, position)
        elif position == 0 and name in EXECUTORS and isinstance(inner, Call | Ref | Choice):
            reader.sink(inner, "execute", call.span, call, position)
    for key, arg in call.kwargs:
        if holds_query(arg):
            reader.sink(arg, "execute" if name in EXECUTORS else "argument", call.span, call, key)
    return call


def _may_be_query(base: Value, args: tuple[Value, ...], kwargs: tuple[tuple[str, Value], ...]) -> bool:
    """Whether a telling step on something unknown makes it a statement; arguments are, or are like, SQL expressions."""
    if isinstance(base, Call | Ref | Attr | Unknown):
        return not (not args and not kwargs and isinstance(base, Ref) and base.last[:1].isupper())
    return False


def _collection_method(
    reader: FlowReader,
    func: ast.Attribute,
    base: Value,
    name: str,
    args: tuple[Value, ...],
    kwargs: tuple[tuple[str, Value], ...],
) -> Value | None:
    if isinstance(base, Items):
        items: tuple[Value, ...] | None = None
        if name in ("append", "add") and len(args) == 1:
            items = (*base.items, args[0])
        elif name == "insert" and len(args) == 2:
            items = (args[1], *base.items)
        elif name in ("extend", "update", "union") and len(args) == 1:
            items = (*base.items, *(args[0].items if isinstance(args[0], Items) else (Star(args[0]),)))
        elif name == "copy":
            return base
        elif name == "clear":
            items = ()
        if items is None:
            return None
        target = dotted_of(func.value)
        if target:
            reader.env.vars[target] = Items(capped(items, Star(Unknown("more items than are followed"))))
        return _UNKNOWN
    if isinstance(base, Record):
        if name == "copy":
            return base
        entries: tuple[Value, ...] | None = None
        if name == "update":
            added = [*(item.entries if isinstance(item, Record) else (Entry(None, item),) for item in args)]
            flat = [entry for group in added for entry in group]
            entries = (
                *base.entries,
                *flat,
                *(Entry(Const(key) if key else None, item) for key, item in kwargs),
            )
        elif name == "setdefault" and len(args) == 2:
            entries = (*base.entries, Entry(args[0], args[1]))
        target = dotted_of(func.value)
        if entries is not None and target:
            reader.env.vars[target] = Record(
                capped(entries, Entry(None, Unknown("more entries than are followed")))
            )
            return _UNKNOWN
    return None


def _sql_function(
    reader: FlowReader,
    node: ast.Call,
    target: Ref,
    args: tuple[Value, ...],
    base: Ref | None,
) -> Value | None:
    """`select(…)`, `and_(…)`, `session.query(…)` and the like; None where the call is none of them."""
    last = _imported_last(reader, target)
    if last == "query" and base is not None and args and all(_like_entity(arg) for arg in args):
        return _root(reader, node, "query", args, base)
    if last not in _ROOTS and last not in _SETS and last not in _BOOLEANS:
        return None
    if not _is_sql(reader, target, last, bool(args)):
        return None
    if last in _BOOLEANS:
        return Logic(_BOOLEANS[last], args)
    if last in _SETS:
        return _root(reader, node, "union", args, None)
    return _root(reader, node, _ROOTS[last], args, None)


def _imported_last(reader: FlowReader, target: Ref) -> str:
    """The name itself where it came in under another one: `from sqlalchemy import delete as sql_delete`."""
    if "." in target.dotted:
        return target.last
    imported = reader.lookup_import(target.dotted)
    return imported.rpartition(".")[2] if imported.startswith(("sqlalchemy", "sqlmodel")) else target.dotted


def _is_sql(reader: FlowReader, target: Ref, last: str, has_args: bool) -> bool:
    head, dot, rest = target.dotted.partition(".")
    imported = reader.lookup_import(head)
    full = f"{imported}.{rest}" if dot and imported else imported
    if full.startswith(("sqlalchemy", "sqlmodel")):
        return True
    if dot and "." not in rest and head in _SQL_NAMES and imported.rpartition(".")[2] in _SQL_NAMES:
        return has_args  # `from app.database import sql`, which hands SQLAlchemy's own on
    if full and last in ("select", "and_", "or_"):  # handed on by a module of the project's own
        return (
            not dot
            and full.endswith(f".{last}")
            and not full.startswith(("select.", "operator.", "selectors."))
        )
    return (
        not imported
        and not dot
        and bool(reader.stars)
        and has_args
        and last in ("select", "and_", "or_", "not_", "exists")
    )


def _root(
    reader: FlowReader, node: ast.Call, kind: str, columns: tuple[Value, ...], receiver: Value | None
) -> Query:
    root = Root(kind, columns, reader.source.span(node), receiver)
    query = Query(root)
    reader.scope.roots[id(root)] = query
    return query


def _like_entity(value: Value) -> bool:
    if isinstance(value, Ref):
        return any(part[:1].isupper() for part in value.dotted.split(".")) or any(
            word in value.last.lower() for word in ("model", "entity", "klass", "cls", "table", "column")
        )
    if isinstance(value, Star):
        return True
    if isinstance(value, Call):
        return value.name not in ("", "str", "len", "int")
    return isinstance(value, Attr | Query | Item | Unknown | Choice)
