"""From bytes to a syntax tree, as the interpreter itself reads them, or a reason why not. Nothing is ever executed."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
import warnings
from dataclasses import field

from merge_tool.model.plain import plain
from merge_tool.model.source import Span
from merge_tool.rulekit.facts import Unreadable

MAX_BYTES = 10_000_000
_NEWLINE = re.compile(r"\r\n|\r|\n")


@plain()
class Source:
    """One file's text and tree. `ascii` spares the conversion of columns where bytes and characters agree."""

    path: str
    text: str
    tree: ast.Module
    ascii: bool
    _lines: list[str] = field(default_factory=list)
    _wide: set[int] = field(default_factory=set)  # lines in which bytes and characters disagree

    def lines(self) -> list[str]:
        """The text's lines as the parser counts them: only CR, LF and CRLF end one."""
        if not self._lines:
            self._lines.extend(split_lines(self.text))
            if not self.ascii:
                self._wide.update(number for number, line in enumerate(self._lines, 1) if not line.isascii())
        return self._lines

    def column(self, line: int, offset: int) -> int:
        """The column, from 1 in characters, of a byte offset of the parser."""
        if not self._lines:
            self.lines()
        if line not in self._wide:
            return offset + 1
        text = self._lines[line - 1]
        return len(text.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "ignore")) + 1

    def span(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword | ast.alias | ast.excepthandler) -> Span:
        """Where a node stands."""
        line, start = node.lineno, node.col_offset
        end_line = node.end_lineno or line
        end = node.end_col_offset if node.end_col_offset is not None else start
        if self.ascii or (self._lines and line not in self._wide and end_line not in self._wide):
            return Span(line, start + 1, end_line, end + 1)
        return Span(line, self.column(line, start), end_line, self.column(end_line, end))

    def header_span(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Span:
        """The `def` line of a function, up to its end or the parameters' last line."""
        args = node.args
        named = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
        parts = (*named, *args.defaults, *args.kw_defaults)
        last = max((item.end_lineno or 0 for item in parts if item is not None), default=node.lineno)
        if node.returns is not None:
            last = max(last, node.returns.end_lineno or last)
        last = max(last, node.lineno)
        start = self.column(node.lineno, node.col_offset)
        word = len("async def ") if isinstance(node, ast.AsyncFunctionDef) else len("def ")
        return Span(node.lineno, start, last, start + word + len(node.name))


def split_lines(text: str) -> list[str]:
    """A text's lines as the parser counts them: a form feed or a Unicode separator ends none."""
    return _NEWLINE.split(text) if "\r" in text else text.split("\n")


def decode(data: bytes) -> str:
    """A Python file's text by its byte order mark and coding cookie; UTF-8 where it has none.

    Raises:
        SyntaxError: the cookie names an unknown encoding or contradicts the mark.
        UnicodeDecodeError: the bytes are not in that encoding.
    """
    if data.isascii() and b"coding" not in data[:400]:
        return data.decode("ascii")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    text = data.decode(encoding)
    return text.removeprefix("\ufeff")


def read_source(path: str, source: bytes | str) -> Source | Unreadable:
    """Parses one file.

    Args:
        path: its path, for messages.
        source: bytes as on disk, or text that was decoded already.

    Returns:
        the text with its tree, or the reason why there is none. Never raises for what a file may hold.
    """
    if len(source) > MAX_BYTES:
        return Unreadable(path, f"larger than {MAX_BYTES // 1_000_000} MB")
    try:
        text = source.removeprefix("\ufeff") if isinstance(source, str) else decode(source)
    except SyntaxError as error:
        return Unreadable(path, f"wrong encoding: {error.msg}")
    except (UnicodeDecodeError, LookupError, ValueError) as error:
        return Unreadable(path, f"wrong encoding: {error}", *_place_of(source, error))
    if "\0" in text:
        before = text[: text.index("\0")]
        return Unreadable(path, "holds a NUL byte", len(_NEWLINE.findall(before)) + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a stray backslash in the checked code is its own affair
            # The text, not the bytes: it is decoded already, and a cookie in a str is ignored.
            try:
                tree = ast.parse(text, path or "<text>")
            except SyntaxError as error:
                text, tree = _newer(text, path, error)
    except SyntaxError as error:
        return Unreadable(
            path, error.msg or "not valid Python", max(error.lineno or 1, 1), max(error.offset or 1, 1)
        )
    except (RecursionError, MemoryError):
        return Unreadable(path, "nested too deeply to be parsed")
    except (ValueError, UnicodeError) as error:
        return Unreadable(path, str(error))
    return Source(path, text, tree, text.isascii())


def _newer(text: str, path: str, error: SyntaxError) -> tuple[str, ast.Module]:
    """The text and tree of a file in newer syntax than this Python's.

    Raises:
        SyntaxError: `error`, where it is not that.
    """
    from merge_tool.index.newer import written_for_older

    older = written_for_older(text)
    if older == text:
        raise error
    try:
        return older, ast.parse(older, path or "<text>")
    except SyntaxError:
        raise error from None


def _place_of(source: bytes | str, error: Exception) -> tuple[int, int]:
    if (
        isinstance(error, UnicodeDecodeError)
        and isinstance(source, bytes)
        and not source.startswith(codecs.BOM_UTF16)
    ):
        before = source[: error.start]
        return before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
    return 1, 1
