"""The tokens of one statement as a tree: groups in brackets, and in each its elements between commas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merge_tool.merging.lexer import Token, normal

_PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Element:
    """One element of a group: its tokens and groups, and the comma behind it.

    Attributes:
        trailing: comments behind it on its line.
        name: `key:` of an entry, `name=` of an argument, the name of a parameter; "" where only its value says what it is.
    """

    parts: tuple[Token | Group, ...]
    comma: Token | None
    trailing: tuple[Token, ...]
    key: tuple[str, ...]
    name: str = ""

    @property
    def raw(self) -> str:
        """The element as it stands in the text, without its comma."""
        return "".join(part.raw for part in self.parts)


@dataclass(frozen=True)
class Group:
    """A pair of brackets with what is between. `tail`: comments before the closing bracket."""

    opening: Token
    elements: tuple[Element, ...]
    closing: Token
    key: tuple[str, ...]
    tail: tuple[Token, ...] = ()

    @property
    def raw(self) -> str:
        """The group as it stands in the text."""
        inner = "".join(
            item.raw + (item.comma.raw if item.comma else "") + "".join(token.raw for token in item.trailing)
            for item in self.elements
        )
        return self.opening.raw + inner + "".join(token.raw for token in self.tail) + self.closing.raw

    @property
    def several_lines(self) -> bool:
        """Whether its elements stand on lines of their own."""
        return bool(self.elements) and "\n" in self.closing.before


def tree_of(tokens: Sequence[Token]) -> list[Token | Group]:
    """Groups the tokens of one logical line, whose brackets are balanced."""
    parts, at = _parts(tokens, 0, "")
    assert at == len(tokens)
    return parts


def _parts(tokens: Sequence[Token], at: int, until: str) -> tuple[list[Token | Group], int]:
    found: list[Token | Group] = []
    while at < len(tokens):
        token = tokens[at]
        if token.kind == "op" and token.text in _PAIRS:
            group, at = _group(tokens, at)
            found.append(group)
        elif token.kind == "op" and token.text in (until, ",") and until:
            break
        else:
            found.append(token)
            at += 1
    return found, at


def _group(tokens: Sequence[Token], start: int) -> tuple[Group, int]:
    closing = _PAIRS[tokens[start].text]
    elements: list[Element] = []
    tail: list[Token] = []
    at = start + 1
    while True:
        begin = at
        parts, at = _parts(tokens, at, closing)
        comma = None
        trailing: list[Token] = []
        if tokens[at].text == ",":
            comma = tokens[at]
            at += 1
            while tokens[at].kind == "comment" and "\n" not in tokens[at].before:
                trailing.append(tokens[at])
                at += 1
        else:
            while parts and isinstance(last := parts[-1], Token) and last.kind == "comment":
                trailing.insert(0, last)
                parts.pop()
        if parts or comma:
            elements.append(_element(parts, comma, trailing, tokens[begin:at]))
        else:
            tail = trailing
        if comma is None:
            break
    whole = normal(list(tokens[start : at + 1]))
    return Group(tokens[start], tuple(elements), tokens[at], whole, tuple(tail)), at + 1


def _element(
    parts: list[Token | Group], comma: Token | None, trailing: list[Token], code: Sequence[Token]
) -> Element:
    key = normal([token for token in code if token is not comma])
    return Element(tuple(parts), comma, tuple(trailing), key, _name(parts))


def _name(parts: list[Token | Group]) -> str:
    """What an element is called: see `Element.name`."""
    shown = [part for part in parts if not (isinstance(part, Token) and part.kind == "comment")]
    for index, part in enumerate(shown):
        if isinstance(part, Token) and part.text == "lambda":
            return ""
        if isinstance(part, Token) and part.kind == "op" and part.text in ("=", ":") and index:
            return (
                " ".join(
                    item.same if isinstance(item, Token) else " ".join(item.key) for item in shown[:index]
                )
                + part.text
            )
        if isinstance(part, Token) and part.text in ("for", "if"):
            return ""
    return ""
