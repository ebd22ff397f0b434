"""The ways in which a value can be a statement."""

from __future__ import annotations

from collections.abc import Iterator

from merge_tool.index.words import STEPS
from merge_tool.rulekit.operators import is_staff
from merge_tool.rulekit.values import (
    Call,
    Choice,
    Fork,
    Items,
    Op,
    Query,
    Ref,
    Star,
    Unknown,
    Value,
    children,
)


def stepped(value: Value) -> Value:
    """`base().limit(3)` and `query.limit(3)` as a statement with that step, where `value` is such a call."""
    ops: list[Value] = []
    root = value.root if isinstance(value, Query) else value
    while isinstance(root, Call) and root.name in STEPS and isinstance(root.receiver, Call | Ref):
        ops.insert(0, Op(root.name, root.args, root.kwargs, root.span))
        root = root.receiver
    if not ops:
        return value
    return Query(root, (*ops, *(value.ops if isinstance(value, Query) else ())))


def ways(value: Value) -> Iterator[Value]:
    if isinstance(value, Choice):
        for number, arm in enumerate(value.arms):
            for way in ways(arm):
                yield _for_staff(way, value, number)
    elif isinstance(value, Items):
        for item in value.items:
            yield from ways(item.value if isinstance(item, Star) else item)
    elif isinstance(value, Fork):
        for item in (*value.then, *value.orelse):
            yield from ways(item)
    elif isinstance(value, Query) and isinstance(value.root, Choice):
        for way in ways(value.root):
            if isinstance(way, Query):
                yield Query(way.root, (*way.ops, *value.ops))
            else:
                yield Query(way, value.ops)
    else:
        yield value


def _for_staff(way: Value, choice: Choice, number: int) -> Value:
    """A statement of the arm that only the platform's own staff comes to, marked as not decided; any other way as it is."""
    asked = choice.test.present if choice.test is not None and len(choice.arms) == 2 else ""
    if number or not asked or not is_staff(asked.replace(".", "_")):
        return way
    why = Unknown(f"only where {asked} holds, which looks like the platform's own staff")
    if isinstance(way, Query):
        return Query(way.root, (*way.ops, why))
    return way


def queries(value: Value) -> Iterator[Query]:
    """The statements in a value, not those inside of them."""
    stack = [value]
    seen: set[int] = set()
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Query):
            yield item
        else:
            stack.extend(children(item))


def root_name(value: Value) -> str:
    root = value.root if isinstance(value, Query) else value
    return root.dotted if isinstance(root, Ref) else ""
