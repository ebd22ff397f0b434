"""Reads branches, loops and handlers: each way on its own, then joined."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from merge_tool.index import expressions
from merge_tool.index.branches import Env, captures, join
from merge_tool.index.words import ELEMENT
from merge_tool.rulekit.values import Call, Items, Query, Test, Unknown

if TYPE_CHECKING:
    from merge_tool.index.flow import FlowReader


def read_if(reader: FlowReader, node: ast.If) -> None:
    test, positive = expressions.test_of(reader, node.test)
    then, orelse = read_branches(reader, test, positive, node.body, node.orelse)
    reader.env = join(then, orelse, test, positive)


def read_branches(
    reader: FlowReader, test: Test, positive: bool, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt]
) -> tuple[Env, Env]:
    start = reader.env
    certain = test.present and test.present in start.present
    name = frozenset((test.present,)) if test.present else frozenset()
    reader.env = start.copy()
    if positive:
        reader.env.present |= name
    reader.block(body)
    then = reader.env
    reader.env = start.copy()
    if not positive:
        reader.env.present |= name
    reader.block(orelse)
    other = reader.env
    if certain:  # `if x is not None` where x was found present before: the other way is never taken
        (other if positive else then).dead = True
    return then, other


def read_for(reader: FlowReader, node: ast.For | ast.AsyncFor) -> None:
    items = reader.value(node.iter)
    if isinstance(items, Query | Call):  # a call may give a legacy Query, which runs when it is iterated
        reader.sink(items, "iterate", reader.source.span(node.iter))
    start = reader.env.copy()
    known = isinstance(items, Items) and items.items
    if isinstance(items, Items):
        # The steps that the body adds for one condition stand for all of them: the loop variable is every one at once.
        reader.bind(node.target, items.items[0] if len(items.items) == 1 else Items((*items.items,)))
    else:
        reader.bind(node.target, Unknown(ELEMENT, (items,)))
    reader.block(node.body)
    body = reader.env
    body.dead = False
    reader.env = body if known else join(body, start, Test(text="loop"), True)
    reader.block(node.orelse)


def read_while(reader: FlowReader, node: ast.While) -> None:
    test, positive = expressions.test_of(reader, node.test)
    start = reader.env.copy()
    reader.block(node.body)
    body = reader.env
    body.dead = False
    endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
    reader.env = (
        body if endless else join(body, start, Test(text="loop") if not test.present else test, positive)
    )
    reader.block(node.orelse)


def read_with(reader: FlowReader, node: ast.With | ast.AsyncWith) -> None:
    for item in node.items:
        value = reader.value(item.context_expr)
        if item.optional_vars is not None:
            reader.bind(item.optional_vars, value)
    reader.block(node.body)


def read_try(reader: FlowReader, node: ast.Try) -> None:
    start = reader.env.copy()
    reader.block(node.body)
    reader.block(node.orelse)
    ends = [reader.env]
    for handler in node.handlers:
        reader.env = start.copy()
        if handler.type is not None:
            reader.value(handler.type)
        reader.block(handler.body)
        ends.append(reader.env)
    result = ends[0]
    for other in ends[1:]:
        result = join(result, other, Test(text="an exception"), True)
    reader.env = result
    if node.finalbody:
        was_dead, reader.env.dead = reader.env.dead, False
        before = len(reader.scope.calls)
        reader.block(node.finalbody)
        reader.scope.finals.extend(reader.scope.calls[before:])
        reader.env.dead |= was_dead


def read_match(reader: FlowReader, node: ast.Match) -> None:
    reader.value(node.subject)
    start = reader.env
    ends: list[Env] = []
    exhaustive = False
    for case in node.cases:
        reader.env = start.copy()
        for name in captures(case.pattern):
            reader.env.vars[name] = Unknown("matched")
        if case.guard is not None:
            reader.value(case.guard)
        exhaustive |= (
            case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
        )
        reader.block(case.body)
        ends.append(reader.env)
    if not exhaustive:
        ends.append(start.copy())
    result = ends[0]
    for other in ends[1:]:
        result = join(result, other, Test(text="match"), True)
    reader.env = result


def read_raise(reader: FlowReader, node: ast.Raise) -> None:
    """`raise`: nothing behind it runs."""
    reader.scope.raises = True
    for child in (node.exc, node.cause):
        if child is not None:
            reader.discard(reader.value(child), child)
    reader.env.dead = True
