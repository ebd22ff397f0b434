"""Syntax colours of source text, worked out when a report is made, so that the page needs no highlighter."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from merge_tool.lint.digests import code_digest, digest
from merge_tool.model.text import printable

if TYPE_CHECKING:
    from pygments.lexer import Lexer

    from merge_tool.lint.cache import Cache

MAX_CHARS = 400_000  # of one side; what is longer is shown in one colour
# From a token's type to its colour's letter; the first that holds it counts.
_LETTERS = (
    ("Comment", "c"), ("Literal.String.Doc", "c"), ("Literal.String", "s"), ("Literal.Number", "n"), ("Operator.Word", "k"), ("Keyword", "k"),
    ("Name.Decorator", "a"), ("Name.Function", "f"), ("Name.Class", "t"), ("Name.Builtin", "b"), ("Name.Tag", "t"), ("Name.Attribute", "f"),
    ("Name.Exception", "t"),
)  # fmt: skip


def colours_of(
    path: str, lines: Sequence[str], ranges: Iterable[tuple[int, int]], cache: Cache | None = None
) -> dict[int, tuple[str, str]]:
    """Some lines of a text with their colours, by their index from 0; see `colour_runs`.

    Of a Python file nothing else is looked at, but for the string of several lines that one of them may stand in: most of a
    large file that changed in three places is not shown.

    Args:
        ranges: the wanted lines, as half open ranges in order.
    """
    pieces: list[list[int]] = []
    begins = _beginnings(lines) if path.endswith((".py", ".pyi")) else [0]
    for first, end in ranges:
        start = begins[bisect_right(begins, first) - 1]
        if begins != [0]:
            after = bisect_left(begins, end)  # a string is read to its end, by which a lexer knows its kind
            end = begins[after] if after < len(begins) else len(lines)
        if pieces and start < pieces[-1][1]:
            pieces[-1][1] = max(end, pieces[-1][1])
        else:
            pieces.append([start, end])
    found: dict[int, tuple[str, str]] = {}
    for start, end in pieces:
        part = lines[start:end]
        found.update(enumerate(colour_runs(path, part, len(part), cache), start))
    return found


def _beginnings(lines: Sequence[str]) -> list[int]:
    """The lines of a Python file at which a lexer may begin: those that are in no string of several lines, as far as
    can be seen without reading the file."""
    found, inside = [], False
    for number, line in enumerate(lines):
        if not inside:
            found.append(number)
        if (line.count('"""') + line.count("'''")) % 2:
            inside = not inside
    return found or [0]


def colour_runs(
    path: str, lines: Sequence[str], until: int, cache: Cache | None = None
) -> list[tuple[str, str]]:
    """The first lines of a text made safe to show, with their colours.

    Args:
        path: tells the language by its name.
        until: how many lines are wanted; the rest is not looked at.
        cache: where an earlier answer on the very same text is looked for, and this one kept: a report is written after
            every phase, and most of its files are as they were.

    Returns:
        for each line its text and its runs: `k3-1f5` is a keyword of three characters, one plain, a function's name of
        five, counted in UTF-16 units as JavaScript does. A plain end is left out; an unknown language has no runs.
    """
    wanted = lines[:until]
    lexer = _lexer(path.rpartition("/")[2])
    if lexer is None or sum(map(len, wanted)) > MAX_CHARS:
        return [(printable(line), "") for line in wanted]
    if cache is None:
        return _coloured(lexer, wanted)
    key = digest("colours", _version(), lexer.name, "\n".join(wanted))
    known = _read(cache.get([key]).get(key))
    if known is not None and len(known) == len(wanted):
        return known
    made = _coloured(lexer, wanted)
    cache.put([(key, json.dumps(made).encode())])
    return made


def _read(data: bytes | None) -> list[tuple[str, str]] | None:
    try:
        return None if data is None else [(str(text), str(runs)) for text, runs in json.loads(data)]
    except (ValueError, TypeError):
        return None


@cache
def _version() -> bytes:
    import pygments

    return digest(pygments.__version__, code_digest(("report/colours.py", "model/text.py")))


def _coloured(lexer: Lexer, lines: Sequence[str]) -> list[tuple[str, str]]:
    text = "\n".join(lines) + "\n"
    done: list[tuple[str, str]] = []
    parts: list[str] = []
    runs: list[tuple[str, int]] = []
    for _, kind, value in lexer.get_tokens_unprocessed(text):
        letter = _letter(kind)
        pieces = value.split("\n")
        for number, piece in enumerate(pieces):
            if number:
                done.append(("".join(parts), _joined(runs)))
                parts, runs = [], []
            if piece:
                shown = printable(piece)
                parts.append(shown)
                if runs and runs[-1][0] == letter:
                    runs[-1] = (letter, runs[-1][1] + _units(shown))
                else:
                    runs.append((letter, _units(shown)))
        if len(done) >= len(lines):
            break
    if len(done) < len(lines):  # a lexer that swallows text is not believed
        return [(printable(line), "") for line in lines]
    return done[: len(lines)]


def _joined(runs: Sequence[tuple[str, int]]) -> str:
    while runs and runs[-1][0] == "-":
        runs = runs[:-1]
    return "".join(f"{letter}{count}" for letter, count in runs)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


@cache
def _letter(kind: Any) -> str:
    name = str(kind).removeprefix("Token.")
    return next((letter for start, letter in _LETTERS if name == start or name.startswith(start + ".")), "-")


@cache
def _lexer(name: str) -> Lexer | None:
    from pygments.lexers import get_lexer_for_filename
    from pygments.util import ClassNotFound

    try:
        return get_lexer_for_filename(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
