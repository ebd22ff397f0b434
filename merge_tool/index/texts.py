"""Values put together by operators and templates: text, lists, mappings, SQL's `&` and `|`."""

from __future__ import annotations

import ast
import re

from merge_tool.rulekit.values import Const, Entry, Items, Logic, Record, Ref, Star, Text, Unknown, Value

BRACES = re.compile(r"\{([^{}]*)\}")
_PERCENT = re.compile(r"%(?:\(([^)]*)\)|(?=[-#0 +.\d]*[a-zA-Z]))[-#0 +.\d]*[a-zA-Z]")
_MAX_PARTS = 300
END = "\0"  # behind the last piece of a template stands no placeholder


def combine(op: ast.operator, left: Value, right: Value) -> Value:
    """`left op right`: text, lists, SQL's `&` and `|`."""
    if isinstance(op, ast.BitAnd):
        return Logic("and", (left, right))
    if isinstance(op, ast.BitOr):
        if isinstance(left, Record) and isinstance(right, Record):
            return Record((*left.entries, *right.entries))
        return Logic("or", (left, right))
    if isinstance(op, ast.Add):
        if isinstance(left, Items):
            items = (*left.items, *(right.items if isinstance(right, Items) else (Star(right),)))
            return Items(capped(items, Star(Unknown("more items than are followed"))))
        if isinstance(left, Text):
            return Text(capped((*left.parts, right), Unknown("more text than is followed")))
        return Text((left, right))
    if isinstance(op, ast.Mod) and isinstance(left, Const | Text | Ref):
        named = (
            {
                str(item.key.value): item.value
                for item in right.entries
                if isinstance(item, Entry) and isinstance(item.key, Const)
            }
            if isinstance(right, Record)
            else {}
        )
        return filled(_PERCENT, left, right.items if isinstance(right, Items) else (right,), named)
    return Unknown(inside=(left, right))


def capped(values: tuple[Value, ...], rest: Value) -> tuple[Value, ...]:
    """Values that were built step by step, cut where their number would make each further step dearer; `rest` stands for the others."""
    return values if len(values) <= _MAX_PARTS else (*values[:_MAX_PARTS], rest)


def filled(
    pattern: re.Pattern[str], template: Value, args: tuple[Value, ...], named: dict[str, Value]
) -> Text:
    """A template with its arguments in their places; where a place cannot be told, the arguments follow the text."""
    if not isinstance(template, Const) or not isinstance(template.value, str):
        return Text((template, *args, *named.values()))
    parts: list[Value] = []
    left = list(args)
    pieces = pattern.split(template.value)
    for text, name in zip(pieces[::2], [*((piece or "") for piece in pieces[1::2]), END], strict=False):
        if text:
            parts.append(Const(text))
        if name is END:
            continue
        field = re.split(r"[.\[:!]", name)[0]
        if field in named:
            parts.append(named[field])
        elif field.isdecimal() and int(field) < len(args):
            parts.append(args[int(field)])
        else:
            parts.append(left.pop(0) if left else Unknown("a placeholder"))
    return Text(tuple(parts))
