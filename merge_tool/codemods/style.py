"""How a file is written: separators, quotes, line length; and items added to its lists in that manner."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import libcst as cst

_Item = TypeVar("_Item", bound=cst.CSTNode)
_SHORTEST, _LONGEST = 88, 120


def line_limit(text: str) -> int:
    """The line length that a file seems to keep: its longest line, at least 88 and at most 120 characters."""
    longest = max((len(line) for line in re.split(r"\r\n|\n|\r", text)), default=0)
    return min(max(longest, _SHORTEST), _LONGEST)


def quote(text: str, source: str) -> str:
    """A string literal for `text` in the quotes that `source` uses more."""
    mark = "'" if source.count("'") > 2 * source.count('"') else '"'
    escaped = text.replace("\\", "\\\\").replace(mark, "\\" + mark).replace("\n", "\\n")
    return f"{mark}{escaped}{mark}"


def statements(code: str, module: cst.Module) -> list[cst.BaseStatement]:
    """Parses code written with four spaces and `\\n` as statements with the indentation and line ends of `module`."""
    lines = []
    for line in code.strip("\n").split("\n"):
        body = line.lstrip(" ")
        depth = (len(line) - len(body)) // 4
        lines.append(module.default_indent * depth + body)
    text = module.default_newline.join(lines) + module.default_newline
    return [
        item
        for item in cst.parse_module(text, config=module.config_for_parsing).body
        if isinstance(item, cst.BaseStatement)
    ]


def plain(whitespace: Any) -> cst.BaseParenthesizableWhitespace:
    """Whitespace without its comments and empty lines."""
    if isinstance(whitespace, cst.ParenthesizedWhitespace):
        return whitespace.with_changes(
            first_line=whitespace.first_line.with_changes(comment=None, whitespace=cst.SimpleWhitespace("")),
            empty_lines=(),
        )
    return cst.SimpleWhitespace(whitespace.value if isinstance(whitespace, cst.SimpleWhitespace) else " ")


def separator(items: Sequence[Any], before: Any) -> cst.BaseParenthesizableWhitespace:
    """What stands between two items of a list: as between its last two, or as before its first.

    Args:
        items: the list's items, each with a `comma`.
        before: the whitespace between the opening bracket and the first item.
    """
    commas = [item.comma for item in items[:-1] if isinstance(item.comma, cst.Comma)]
    if commas:
        return plain(commas[-1].whitespace_after)
    return plain(before) if isinstance(before, cst.ParenthesizedWhitespace) else cst.SimpleWhitespace(" ")


def append(
    items: Sequence[_Item], new: _Item, before: Any, closing: Any = None, tail: str = ""
) -> tuple[list[_Item], Any]:
    """Adds an item at the end of a bracketed list, with or without trailing comma as it was.

    Args:
        items: the list's items, each with a `comma`.
        new: the item to add.
        before: the whitespace after the opening bracket.
        closing: the whitespace before the closing bracket, where the bracket holds it.
        tail: the attribute of an item that holds that whitespace where there is no trailing comma.

    Returns:
        The new items, and the new `closing`.
    """
    if not items:
        return [new], closing
    last: Any = items[-1]
    sep = separator(items, before)
    has_comma = isinstance(last.comma, cst.Comma)
    tail = tail if hasattr(last, tail) else ""
    inner = last.comma.whitespace_after if has_comma else getattr(last, tail) if tail else None
    held = inner if _breaks(inner) else closing if _breaks(closing) else None
    changed = last.with_changes(comma=cst.Comma(whitespace_after=_with_comment(sep, held)))
    added: Any = new
    if has_comma:
        added = added.with_changes(comma=cst.Comma(whitespace_after=plain(inner)))
    elif tail:
        added = added.with_changes(**{tail: plain(inner) if _breaks(inner) else inner})
        changed = changed.with_changes(**{tail: cst.SimpleWhitespace("")})
    if held is closing and held is not None:
        closing = plain(closing)
    return [*items[:-1], changed, added], closing


def insert(items: Sequence[_Item], index: int, new: _Item, before: Any) -> list[_Item]:
    """Adds an item before `items[index]`, which exists."""
    sep = separator(items, before)
    if index == 0:
        comma = cst.Comma(whitespace_after=sep)
    else:
        previous: Any = items[index - 1]
        comma = cst.Comma(whitespace_after=plain(previous.comma.whitespace_after))
    added: Any = new
    return [*items[:index], added.with_changes(comma=comma), *items[index:]]


def _breaks(whitespace: Any) -> bool:
    return isinstance(whitespace, cst.ParenthesizedWhitespace)


def _with_comment(sep: cst.BaseParenthesizableWhitespace, held: Any) -> cst.BaseParenthesizableWhitespace:
    """`sep` with the comments that stood before the closing bracket: they belong to what was the last item."""
    if not isinstance(held, cst.ParenthesizedWhitespace) or (
        held.first_line.comment is None and not held.empty_lines
    ):
        return sep
    if isinstance(sep, cst.ParenthesizedWhitespace):
        return sep.with_changes(first_line=held.first_line, empty_lines=held.empty_lines)
    return held.with_changes(last_line=cst.SimpleWhitespace("    "))


def one_per_line(
    items: Sequence[_Item], indent: str, tail: str = ""
) -> tuple[cst.ParenthesizedWhitespace, list[_Item]]:
    """Lays a one-line list out with one item a line and a trailing comma.

    Returns:
        The whitespace after the opening bracket, and the items.
    """
    line = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(indent))
    end = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(""))
    laid: list[Any] = []
    for index, item in enumerate(items):
        whitespace = end if index == len(items) - 1 else line
        changes: dict[str, Any] = {"comma": cst.Comma(whitespace_after=whitespace)}
        if tail and hasattr(item, tail):
            changes[tail] = cst.SimpleWhitespace("")
        laid.append(item.with_changes(**changes))
    return line, laid
