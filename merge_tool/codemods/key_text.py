"""How a key's expression is written with the tenant in it."""

from __future__ import annotations

import re
from collections.abc import Callable

import libcst as cst

_SEGMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*:")


def with_tenant(tenant: str, infix: bool) -> Callable[[cst.BaseExpression], cst.BaseExpression]:
    """What writes an expression with the tenant.

    Args:
        tenant: the tenant's code, a name or an attribute.
        infix: whether the tenant comes behind the first part of the key, as in `cart:{bot_id}:{user_id}`; only where the
            text begins with a part that ends in a colon, else it comes first, as in `{bot_id}:cart:{user_id}`.

    Returns:
        A function from the expression to the new one. Strings and f-strings are changed inside; at a sum, its first
        operand is; names and attributes become `f"{tenant}:{name}"`; the rest is added to `f"{tenant}:"`.
    """

    def write(node: cst.BaseExpression) -> cst.BaseExpression:
        return _write(node, tenant, infix)

    return write


def as_first_argument(tenant: str) -> Callable[[cst.BaseExpression], cst.BaseExpression]:
    """What gives a call the tenant as its first argument: `cache_key("cart", i)` becomes `cache_key(bot_id, "cart", i)`."""

    def write(node: cst.BaseExpression) -> cst.BaseExpression:
        assert isinstance(node, cst.Call)
        if not node.args:
            return node.with_changes(args=[cst.Arg(cst.parse_expression(tenant))])
        space = cst.SimpleWhitespace(" ")
        first = cst.Arg(cst.parse_expression(tenant), comma=cst.Comma(whitespace_after=space))
        broken = isinstance(node.whitespace_before_args, cst.ParenthesizedWhitespace)
        if broken:
            comma = cst.Comma(whitespace_after=node.whitespace_before_args)
            first = cst.Arg(cst.parse_expression(tenant), comma=comma)
        return node.with_changes(args=[first, *node.args])

    return write


def _write(node: cst.BaseExpression, tenant: str, infix: bool) -> cst.BaseExpression:
    if isinstance(node, cst.SimpleString):
        return _in_string(node, tenant, infix)
    if isinstance(node, cst.FormattedString):
        return _in_formatted(node, tenant, infix)
    if isinstance(node, cst.ConcatenatedString):
        return node.with_changes(left=_write(node.left, tenant, infix))
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
        return node.with_changes(left=_write(node.left, tenant, infix))
    if isinstance(node, cst.Name | cst.Attribute):
        parts = [_field(tenant), cst.FormattedStringText(":"), cst.FormattedStringExpression(node)]
        return cst.FormattedString(parts)
    head = cst.FormattedString([_field(tenant), cst.FormattedStringText(":")])
    if not isinstance(node, cst.Call | cst.Subscript) and not node.lpar and not _binds(node):
        node = node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.BinaryOperation(head, cst.Add(), node)


def _binds(node: cst.BaseExpression) -> bool:
    """Whether an operation binds tighter than a sum."""
    return isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Modulo | cst.Multiply)


def _field(tenant: str) -> cst.FormattedStringExpression:
    return cst.FormattedStringExpression(cst.parse_expression(tenant))


def _in_string(node: cst.SimpleString, tenant: str, infix: bool) -> cst.BaseExpression:
    body = node.raw_value.replace("{", "{{").replace("}", "}}")
    prefix = node.prefix.replace("u", "").replace("U", "")
    code = f"f{prefix}{node.quote}{_joined(body, '{' + tenant + '}', infix)}{node.quote}"
    made = cst.parse_expression(code)
    return made.with_changes(lpar=node.lpar, rpar=node.rpar)


def _joined(text: str, field: str, infix: bool) -> str:
    found = _SEGMENT.match(text) if infix else None
    if found is not None:
        return f"{found[0]}{field}:{text[found.end() :]}" if text[found.end() :] else f"{found[0]}{field}"
    return f"{field}:{text}" if text else field


def _in_formatted(node: cst.FormattedString, tenant: str, infix: bool) -> cst.FormattedString:
    first = node.parts[0] if node.parts else None
    found = None
    if infix and isinstance(first, cst.FormattedStringText):
        found = _SEGMENT.match(first.value)
    if found is not None and isinstance(first, cst.FormattedStringText):
        rest = first.value[found.end() :]
        more = [cst.FormattedStringText(f":{rest}")] if rest or len(node.parts) > 1 else []
        return node.with_changes(
            parts=[cst.FormattedStringText(found[0]), _field(tenant), *more, *node.parts[1:]]
        )
    return node.with_changes(parts=[_field(tenant), cst.FormattedStringText(":"), *node.parts])
