"""Reads expressions into values; see `merge_tool.rulekit.values`. `FlowReader` follows them through statements."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from merge_tool.index.branches import dotted_of, holds_query
from merge_tool.index.calls import read_call
from merge_tool.index.texts import combine
from merge_tool.index.words import COMPREHENSION, ELEMENT, SETTINGS
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
    Query,
    Record,
    Ref,
    Star,
    Test,
    Text,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from merge_tool.index.flow import FlowReader

_SIGNS = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_UNKNOWN = Unknown()


def read(reader: FlowReader, node: ast.expr) -> Value:
    """What an expression is. Every part of it is read, so that no call inside is missed."""
    handler = _HANDLERS.get(type(node))
    if handler is not None:
        return handler(reader, node)
    inside = tuple(read(reader, child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
    return Unknown(inside=inside) if inside else _UNKNOWN


def annotation(reader: FlowReader, node: ast.expr) -> Value:
    """An annotation; one in quotes is read as what it quotes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            quoted = ast.parse(node.value.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return Unknown("an annotation in quotes that is no expression")
        if any(isinstance(item, ast.Call) for item in ast.walk(quoted)):
            return Unknown("a call in a quoted annotation")
        return read(reader, quoted)
    return read(reader, node)


def declared(kind: Value, value: Value | None) -> Value:
    """A value of which only the declared type is known, as a call of that type."""
    inside = (kind,) if value is None else (kind, value)
    return Unknown("declared", inside) if not isinstance(value, Const) or value.value is None else value


def _name(reader: FlowReader, node: ast.Name) -> Value:
    found = reader.env.vars.get(node.id)
    return found if found is not None else Ref(node.id)


def _constant(_: FlowReader, node: ast.Constant) -> Value:
    return Const(None) if node.value is ... else Const(node.value)


def _attribute(reader: FlowReader, node: ast.Attribute) -> Value:
    base = read(reader, node.value)
    reader.scope.attributes_read.add(node.attr)
    note_read(reader, base, node.attr, node)
    if isinstance(base, Ref):
        dotted = f"{base.dotted}.{node.attr}"
        found = reader.env.vars.get(dotted)
        return found if found is not None else Ref(dotted)
    return Attr(base, node.attr)


def note_read(reader: FlowReader, base: Value, name: str, node: ast.expr) -> None:
    """Notes a read that may be one of a setting: by its capitals, or by what it is read from."""
    if not name.isupper():
        said = base.dotted if isinstance(base, Ref) else base.name if isinstance(base, Attr | Call) else ""
        if not any(word in said.lower() for word in SETTINGS):
            return
    reader.scope.reads.append(Read(base, name, reader.source.span(node)))


def _subscript(reader: FlowReader, node: ast.Subscript) -> Value:
    base = read(reader, node.value)
    key = read(reader, node.slice)
    if isinstance(key, Const) and isinstance(key.value, str):
        reader.scope.constants_read.add(key.value)
        note_read(reader, base, key.value, node)
    if isinstance(base, Record) and isinstance(key, Const):
        for entry in reversed(base.entries):
            if isinstance(entry, Entry) and isinstance(entry.key, Const) and entry.key.value == key.value:
                return entry.value
    return Item(base, key)


def _compare(reader: FlowReader, node: ast.Compare) -> Value:
    left = read(reader, node.left)
    result: list[Value] = []
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = read(reader, comparator)
        sign = _SIGNS[type(op)]
        if sign in ("in", "not in") and isinstance(left, Const) and isinstance(left.value, str):
            reader.scope.constants_read.add(left.value)
        result.append(Compare(left, sign, right))
        left = right
    return result[0] if len(result) == 1 else Logic("and", tuple(result), python=True)


def _bool_op(reader: FlowReader, node: ast.BoolOp) -> Value:
    word = "and" if isinstance(node.op, ast.And) else "or"
    values = tuple([read(reader, item) for item in node.values])
    if word == "or":
        reader.scope.fallbacks.append(Fallback(values, reader.source.span(node)))
    return Logic(word, values, python=True)


def _unary(reader: FlowReader, node: ast.UnaryOp) -> Value:
    value = read(reader, node.operand)
    if isinstance(node.op, ast.Invert | ast.Not):
        return Logic("not", (value,), python=isinstance(node.op, ast.Not))
    return Unknown(inside=(value,))


def _bin_op(reader: FlowReader, node: ast.BinOp) -> Value:
    # A long chain such as "a" + "b" + … leans left; it is read without going down once a link.
    chain: list[tuple[ast.operator, ast.expr]] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp):
        chain.append((left.op, left.right))
        left = left.left
    value = read(reader, left)
    for op, right in reversed(chain):
        value = combine(op, value, read(reader, right))
    return value


def _if_exp(reader: FlowReader, node: ast.IfExp) -> Value:
    test, positive = test_of(reader, node.test)
    then = read(reader, node.body)
    orelse = read(reader, node.orelse)
    arms = (then, orelse) if positive else (orelse, then)
    reader.scope.fallbacks.append(Fallback(arms, reader.source.span(node)))
    return Choice(arms, test)


def test_of(reader: FlowReader, node: ast.expr) -> tuple[Test, bool]:
    """What a test asks, and whether its first branch is the one on which the name is present."""
    value = read(reader, node)
    if isinstance(value, Compare | Logic):
        reader.scope.checks.append(value)
    name, positive = _presence(node)
    return Test(name, "", _kind_of(node)), positive


def _kind_of(node: ast.expr) -> str:
    """The name whose kind a test asks for, else ""."""
    if isinstance(node, ast.Call) and not node.keywords and node.args:
        called = dotted_of(node.func).rpartition(".")[2]
        if (called == "isinstance" and len(node.args) == 2) or (
            called.startswith("is_") and len(node.args) == 1
        ):
            return dotted_of(node.args[0])
    if (
        isinstance(node, ast.Compare)
        and len(node.ops) == 1
        and isinstance(node.ops[0], ast.Eq | ast.Is | ast.In)
    ):
        owner, _, last = dotted_of(node.left).rpartition(".")
        return owner if last in ("type", "kind", "role", "scope") else ""
    return ""


def _presence(node: ast.expr) -> tuple[str, bool]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        name, positive = _presence(node.operand)
        return name, not positive
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        right = node.comparators[0]
        if (
            isinstance(right, ast.Constant)
            and right.value is None
            and isinstance(node.ops[0], ast.Is | ast.IsNot | ast.Eq | ast.NotEq)
        ):
            return dotted_of(node.left), isinstance(node.ops[0], ast.IsNot | ast.NotEq)
        return "", True
    if isinstance(node, ast.NamedExpr):
        return node.target.id, True
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("isinstance", "bool")
        and node.args
    ):
        return dotted_of(node.args[0]), True
    return dotted_of(node), True


def _joined(reader: FlowReader, node: ast.JoinedStr) -> Value:
    parts: list[Value] = []
    for item in node.values:
        if isinstance(item, ast.FormattedValue):
            parts.append(read(reader, item.value))
            if item.format_spec is not None:
                read(reader, item.format_spec)
        else:
            parts.append(read(reader, item))
    return Text(tuple(parts))


def _list(reader: FlowReader, node: ast.List | ast.Tuple | ast.Set) -> Value:
    return Items(tuple([read(reader, item) for item in node.elts]))


def _dict(reader: FlowReader, node: ast.Dict) -> Value:
    entries: list[Value] = []
    for key, value in zip(node.keys, node.values, strict=True):
        entries.append(Entry(read(reader, key) if key is not None else None, read(reader, value)))
    return Record(tuple(entries))


def _starred(reader: FlowReader, node: ast.Starred) -> Value:
    return Star(read(reader, node.value))


def _await(reader: FlowReader, node: ast.Await) -> Value:
    return read(reader, node.value)


def _named(reader: FlowReader, node: ast.NamedExpr) -> Value:
    value = read(reader, node.value)
    reader.bind(node.target, value)
    return value


def _yield(reader: FlowReader, node: ast.Yield | ast.YieldFrom) -> Value:
    if node.value is not None:
        value = read(reader, node.value)
        reader.scope.returns.append(value)
        if holds_query(value):
            reader.sink(value, "return", reader.source.span(node.value))
    return Unknown("sent in")


def _lambda(reader: FlowReader, node: ast.Lambda) -> Value:
    saved = reader.env
    reader.env = saved.copy()
    params = reader.parameters(node.args)
    for item in params:
        reader.env.vars.pop(item.name, None)
    body = read(reader, node.body)
    reader.env = saved
    return Function("", tuple(item.name for item in params), body)


def _comprehension(
    reader: FlowReader, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
) -> Value:
    saved = reader.env
    reader.env = saved.copy()
    known = False
    for generator in node.generators:
        source = read(reader, generator.iter)
        if isinstance(source, Query | Call):
            reader.sink(source, "iterate", reader.source.span(generator.iter))
        known = (
            isinstance(source, Items)
            and bool(source.items)
            and len(node.generators) == 1
            and not generator.ifs
        )
        if isinstance(source, Items):
            reader.bind(generator.target, source.items[0] if len(source.items) == 1 else source)
        else:
            reader.bind(generator.target, Unknown(ELEMENT, (source,)))
        for test in generator.ifs:
            read(reader, test)
    if isinstance(node, ast.DictComp):
        entry = Entry(read(reader, node.key), read(reader, node.value))
        reader.env = saved
        return Record((entry, Entry(None, Unknown("entries of a comprehension"))))
    element = read(reader, node.elt)
    reader.env = saved
    if known and isinstance(element, Items):
        return element
    # How many there will be is not known: perhaps none.
    return Items((element,)) if known else Items((Star(Unknown(COMPREHENSION, (element,))),))


_HANDLERS: dict[type[ast.expr], Callable[[FlowReader, Any], Value]] = {
    ast.Name: _name,
    ast.Constant: _constant,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Call: read_call,
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.UnaryOp: _unary,
    ast.BinOp: _bin_op,
    ast.IfExp: _if_exp,
    ast.JoinedStr: _joined,
    ast.List: _list,
    ast.Tuple: _list,
    ast.Set: _list,
    ast.Dict: _dict,
    ast.Starred: _starred,
    ast.Await: _await,
    ast.NamedExpr: _named,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
    ast.Lambda: _lambda,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
}
