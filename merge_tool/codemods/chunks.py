"""Edits only the statements of a file that change: libcst parses and walks those, and every other byte is not even read.

libcst costs about twenty times what `ast` does, and more with positions. A file of two thousand lines in which three methods
change is cut, by the lines of `ast`, into those three methods and the imports at its top.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from merge_tool.codemods.imports import ImportNeed, add_imports
from merge_tool.codemods.text import parse_python

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
_CLASS = "class _:"

Rewrite = Callable[[str, range, int, "cst.PartialParserConfig"], str]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines `first` (from 0) to `last` (exclusive) of a text; `inside`: they stand in the body of a class."""

    first: int
    last: int
    inside: bool = False


def edit_chunks(text: str, rows: Iterable[int], rewrite: Rewrite) -> str:
    """Rewrites the statements that hold some rows.

    Args:
        text: the file's text.
        rows: the lines, from 1, on which edits wait.
        rewrite: gets a chunk's text, the rows that stand in it, the number to take off a row to have its row in the chunk's
            text, and how to parse it; gives the new text.

    Raises:
        SyntaxError: `ast` cannot parse the text.
        LookupError: no statement stands on a row.
        libcst.ParserSyntaxError: libcst cannot parse a chunk.
    """
    lines = _LINE.findall(text)
    tree = parse_python(text)
    config = parser_config(text, tree, lines)
    waiting = sorted(set(rows))
    newline = config.default_newline
    assert isinstance(newline, str)
    made = list(lines)
    chunks = list(_chunks(tree, lines, waiting))
    for row in waiting:
        if not any(chunk.first < row <= chunk.last for chunk in chunks):
            raise LookupError(f"no statement stands at line {row}")
    for chunk in reversed(chunks):
        body = "".join(lines[chunk.first : chunk.last])
        # What stands above a statement belongs to it only where another comes before it.
        head = f"{_CLASS}{newline}" if chunk.inside else f"pass{newline}" if chunk.first else ""
        own = range(chunk.first + 1, chunk.last + 1)
        new = rewrite(head + body, own, chunk.first - bool(head), config).removeprefix(head)
        # libcst ends a text with a line end where a statement is added last; the file's own end is kept.
        if not body.endswith(("\n", "\r")) and new.endswith(newline):
            new = new[: -len(newline)]
        made[chunk.first : chunk.last] = [new]
    return "".join(made)


def parser_config(text: str, tree: ast.Module, lines: Sequence[str]) -> cst.PartialParserConfig:
    """How libcst is to read a part of a text: with the whole text's indentation and line ends."""
    indent = "    "
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.stmt) and isinstance(body, list) and body and body[0].lineno != node.lineno:
            own, inner = (re.match(r"[ \t]*", lines[item.lineno - 1]) for item in (node, body[0]))
            step = (inner[0] if inner else "").removeprefix(own[0] if own else "")
            if step:
                indent = step
                break
    first = re.search(r"\r\n|\n|\r", text)
    return cst.PartialParserConfig(default_indent=indent, default_newline=first[0] if first else "\n")


def with_imports(text: str, needs: Sequence[ImportNeed], own: str, package: bool, limit: int) -> str:
    """The text with the imports that it needs, see `add_imports`; libcst reads no further than its last import.

    Raises:
        SyntaxError: `ast` cannot parse the text.
    """
    if not needs:
        return text
    lines = _LINE.findall(text)
    tree = parse_python(text)
    imports = [at for at, item in enumerate(tree.body) if isinstance(item, ast.Import | ast.ImportFrom)]
    docstring = bool(tree.body) and isinstance(tree.body[0], ast.Expr)
    after = imports[-1] + 1 if imports else int(docstring)
    config = parser_config(text, tree, lines)
    newline = config.default_newline
    rest = ""
    mark = ""
    if after < len(tree.body):
        start = _start(tree.body[after]) - 1
        if after and tree.body[after - 1].end_lineno == start + 1:
            start = len(lines)  # it shares its line with the import
        else:
            # A statement stands for all that follow: how the import is set apart depends on there being one.
            mark = f"pass{newline}"
            rest = "".join(lines[start:])
    else:
        start = len(lines)
    head = "".join(lines[:start]) + mark
    made = add_imports(cst.parse_module(head, config=config), needs, own, package, limit).code
    return made.removesuffix(mark) + rest if mark else made


def _chunks(tree: ast.Module, lines: Sequence[str], rows: Sequence[int]) -> Iterator[Chunk]:
    for first, last, nodes in _parts(tree.body, lines, 0):
        own = [row for row in rows if first < row <= last]
        if not own:
            continue
        node = nodes[0]
        if len(nodes) == 1 and isinstance(node, ast.ClassDef) and node.body[0].lineno > node.lineno:
            parts = list(_parts(node.body, lines, node.lineno))
            if parts and all(row > parts[0][0] for row in own):
                for begin, end, _ in parts:
                    if any(begin < row <= end for row in own):
                        yield Chunk(begin, end, inside=True)
                continue
        yield Chunk(first, last)


def _parts(
    body: Sequence[ast.stmt], lines: Sequence[str], floor: int
) -> Iterator[tuple[int, int, list[ast.stmt]]]:
    """The lines of each statement with the comments above it; those that share a line come together."""
    group: list[ast.stmt] = []
    first = last = 0
    for node in body:
        start, end = _start(node) - 1, node.end_lineno or node.lineno
        if group and start < last:
            group.append(node)
            last = max(last, end)
            continue
        if group:
            yield first, last, group
        lowest = last if group else floor
        while start > lowest and re.match(r"[ \t\f]*(?:#|[\r\n]|$)", lines[start - 1]):
            start -= 1
        group, first, last = [node], start, end
    if group:
        yield first, last, group


def _start(node: ast.stmt) -> int:
    """The first line of a statement, from 1, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(item.lineno for item in decorators)])
