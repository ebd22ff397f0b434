"""Places of `ast` nodes in the measure of libcst: characters, not bytes."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from merge_tool.codemods.edits import Span, Start


@lru_cache(maxsize=64)
def _lines(text: str) -> tuple[str, ...]:
    return tuple(re.split(r"\r\n|\n|\r", text))


def _column(text: str, line: int, offset: int) -> int:
    row = _lines(text)[line - 1]
    return offset if row.isascii() else len(row.encode()[:offset].decode(errors="replace"))


def start_of(text: str, node: ast.stmt | ast.expr) -> Start:
    """Line (from 1) and column (from 0) where a statement or expression starts; decorators are not part of it."""
    return (node.lineno, _column(text, node.lineno, node.col_offset))


def span_of(text: str, node: ast.expr) -> Span:
    """Line and column of an expression's start and end; brackets around it are not part of it."""
    end_line, end_offset = node.end_lineno or node.lineno, node.end_col_offset or 0
    return (*start_of(text, node), end_line, _column(text, end_line, end_offset))
