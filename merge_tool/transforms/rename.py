"""A table of names: identifiers that the fork calls otherwise, whole or by their end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from merge_tool.merging.lexer import tokens_of
from merge_tool.transforms.base import Transform

_WORD = re.compile(r"[^\W\d]\w*")
_STRING = re.compile(r"""(?P<prefix>[A-Za-z]*)(?P<quote>'''|\"\"\"|'|")(?P<body>.*)(?P=quote)""", re.DOTALL)
# What a string is that names something: a column, a key, an attribute, with dots between such.
_NAMING = re.compile(r"[^\W\d]\w*(?:\.\w+)*")


class Rename(Transform):
    """Renames identifiers, also those that stand in braces in f-strings; comments and other strings stay.

    Args:
        table: new names by old ones.
        suffixes: new ends by old ones; a name that is nothing but the end is left.
        strings: whether strings that are one name change too.
    """

    def __init__(
        self, table: Mapping[str, str], suffixes: Mapping[str, str], *, strings: bool = False, paths: tuple[str, ...] = ()
    ) -> None:  # fmt: skip
        self.table, self.strings, self.paths = dict(table), strings, paths
        self.suffixes = sorted(suffixes.items(), key=lambda item: -len(item[0]))
        told = [f"{old} to {new}" for old, new in (*table.items(), *suffixes.items())]
        self.name = f"rename {', '.join(told[:3])}" + (f" and {len(told) - 3} more" if told[3:] else "")

    def run(self, files: Mapping[str, str], paths: Sequence[str]) -> Mapping[str, str]:
        """See the class."""
        found = {path: self.text(files[path]) for path in paths or files}
        return {path: text for path, text in found.items() if text != files[path]}

    def text(self, text: str) -> str:
        """One text with its names renamed."""
        if not any(old in text for old in (*self.table, *(end for end, _ in self.suffixes))):
            return text
        return "".join(
            self.word(piece) if kind == "name" else self._string(piece) if kind == "string" else piece
            for kind, piece in tokens_of(text)
        )

    def word(self, name: str) -> str:
        """What the fork calls a name."""
        if name in self.table:
            return self.table[name]
        for old, new in self.suffixes:
            if name.endswith(old) and name != old:
                return name.removesuffix(old) + new
        return name

    def _string(self, piece: str) -> str:
        found = _STRING.fullmatch(piece)
        if found is None:
            return piece
        prefix, quote, body = found["prefix"], found["quote"], found["body"]
        if {"f", "t"} & set(prefix.lower()):
            return prefix + quote + self._braces(body) + quote
        if self.strings and "b" not in prefix.lower() and _NAMING.fullmatch(body):
            return prefix + quote + _WORD.sub(lambda item: self.word(item.group()), body) + quote
        return piece

    def _braces(self, body: str) -> str:
        """An f-string's body with the names in its braces renamed; what a format says after a colon stays."""
        pieces: list[str] = []
        at = depth = 0
        start = 0
        while at < len(body):
            if body[at : at + 2] in ("{{", "}}") and depth == 0:
                at += 2
                continue
            if body[at] == "{":
                if depth == 0:
                    pieces.append(body[start : at + 1])
                    start = at + 1
                depth += 1
            elif body[at] == "}" and depth:
                depth -= 1
                if depth == 0:
                    pieces.append(self._expression(body[start:at]))
                    start = at
            at += 1
        return "".join(pieces) + body[start:]

    def _expression(self, text: str) -> str:
        depth = 0
        for at, char in enumerate(text):
            depth += (char in "([{") - (char in ")]}")
            if depth == 0 and char == ":" and text[at + 1 : at + 2] != "=":
                return self.text(text[:at]) + ":" + self._braces(text[at + 1 :])
        return self.text(text)
