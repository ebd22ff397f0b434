"""What names hold where branches of the control flow meet again."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from merge_tool.rulekit.values import (
    Call,
    Choice,
    Fork,
    Function,
    Items,
    Logic,
    Query,
    Record,
    Ref,
    Test,
    Text,
    Unknown,
    Value,
)

_MAX_ARMS = 12
KEPT = (Query, Items, Record, Text, Choice, Call, Function)


@dataclass(slots=True)
class Env:
    """What names hold at one point. `present` are names known not to be None; `dead` means control never gets here."""

    vars: dict[str, Value] = field(default_factory=dict)
    present: frozenset[str] = frozenset()
    dead: bool = False

    def copy(self) -> Env:
        return Env(dict(self.vars), self.present, self.dead)


def holds_query(value: Value) -> bool:
    """Whether a value is a statement, or a choice or list of statements."""
    if isinstance(value, Query):
        return True
    if isinstance(value, Choice):
        return any(holds_query(arm) for arm in value.arms)
    if isinstance(value, Items):
        return any(holds_query(item) for item in value.items)
    return False


def dotted_of(node: ast.AST) -> str:
    """`a.b.c` for a chain of names; "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    parts.append(node.id)
    return ".".join(reversed(parts))


def join(then: Env, orelse: Env, test: Test, positive: bool) -> Env:
    """What names hold after a branch, by the branch's test."""
    if then.dead and orelse.dead:
        return Env(then.vars, then.present, True)
    if then.dead:
        return orelse
    if orelse.dead:
        return then
    if not positive:
        then, orelse = orelse, then
    merged = dict(orelse.vars)
    for name, value in then.vars.items():
        other = orelse.vars.get(name)
        if other is not value:
            merged[name] = _either(value, other if other is not None else Ref(name), test)
    for name, value in orelse.vars.items():
        if name not in then.vars:
            merged[name] = _either(Ref(name), value, test)
    return Env(merged, then.present & orelse.present)


def _either(then: Value, other: Value, test: Test) -> Value:
    """A value that depends on a branch. Steps common to both stay; what only one has goes into a `Fork`."""
    if isinstance(then, Query) and isinstance(other, Query) and then.root is other.root:
        common, left, right = _split(then.ops, other.ops)
        return Query(then.root, (*common, Fork(test, left, right)))
    if isinstance(then, Query) and isinstance(other, Ref) and _same_ref(then.root, other):
        return Query(then.root, (Fork(test, then.ops, ()),))
    if isinstance(other, Query) and isinstance(then, Ref) and _same_ref(other.root, then):
        return Query(other.root, (Fork(test, (), other.ops),))
    if isinstance(then, Items) and isinstance(other, Items):
        common, left, right = _split(then.items, other.items)
        if (
            common
            or not then.items
            or not other.items
            or any(isinstance(item, Fork) for item in (*left, *right))
        ):
            return Items((*common, Fork(test, left, right)))
    if isinstance(then, Record) and isinstance(other, Record):
        common, left, right = _split(then.entries, other.entries)
        return Record((*common, Fork(test, left, right)))
    if (
        not isinstance(then, KEPT)
        and not isinstance(other, KEPT)
        and not (isinstance(then, Ref) and isinstance(other, Ref))
    ):
        return Choice((then, other), test)
    arms = [*_arms(then), *_arms(other)]
    if len(arms) > _MAX_ARMS:
        queries = [arm for arm in arms if holds_query(arm)]
        return (
            Choice(tuple(queries), test)
            if queries and len(queries) <= 4 * _MAX_ARMS
            else Unknown("one of many values")
        )
    return Choice((then, other), test)


def _arms(value: Value) -> Iterable[Value]:
    if isinstance(value, Choice):
        for arm in value.arms:
            yield from _arms(arm)
    else:
        yield value


def _same_ref(left: Value, right: Ref) -> bool:
    return isinstance(left, Ref) and left.dotted == right.dotted


def _split(
    left: tuple[Value, ...], right: tuple[Value, ...]
) -> tuple[tuple[Value, ...], tuple[Value, ...], tuple[Value, ...]]:
    count = 0
    for one, other in zip(left, right, strict=False):
        if one is not other:
            break
        count += 1
    return left[:count], left[count:], right[count:]


def captures(pattern: ast.pattern) -> Iterable[str]:
    for node in ast.walk(pattern):
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if isinstance(name, str):
            yield name


def kinds_told_apart(fork: Fork) -> list[tuple[Value, ...]]:
    """What each branch of `if is_user(who): … elif is_bot(who): …` adds, all of which ask for the kind of one name; else nothing."""
    arms: list[tuple[Value, ...]] = []
    current = fork
    while fork.test.kind_of and current.test.kind_of == fork.test.kind_of:
        arms.append(current.then)
        rest = list(current.orelse)
        while len(rest) == 1 and isinstance(rest[0], Logic):
            rest = list(rest[0].items)
        if not rest:
            return arms if len(arms) > 1 else []
        if len(rest) != 1 or not isinstance(rest[0], Fork):
            break
        current = rest[0]
    return []
