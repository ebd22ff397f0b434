"""Python text to tokens and logical lines, every byte kept: joining the raw parts gives the text back.

Not `tokenize`: hunks are cut out of files, and what the lexer cannot make sense of must still come through.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from keyword import iskeyword
from typing import Literal

TokenKind = Literal["name", "number", "string", "op", "comment"]

_TOKEN = re.compile(
    r"""
    (?P<space>(?:[ \t\f]|\\\r?\n)+)
  | (?P<newline>\r?\n)
  | (?P<comment>\#[^\n\r]*)
  | (?P<string>(?:[rRbBuUfFtT]{1,3})?(?:'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"|'(?:[^\\'\n]|\\.)*'|"(?:[^\\"\n]|\\.)*"))
  | (?P<name>\w+)
  | (?P<op>\*\*=|//=|>>=|<<=|\.\.\.|->|:=|[-+*/%@&|^=<>!]=|\*\*|//|<<|>>|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_OPEN = {"(": ")", "[": "]", "{": "}"}
_CLOSE = frozenset(")]}")
_QUOTED = re.compile(r"""([A-Za-z]*)('''|\"\"\"|'|")(.*)\2""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A token with the blanks, line ends and (inside brackets) nothing else before it."""

    kind: TokenKind
    text: str
    before: str

    @property
    def raw(self) -> str:
        """The token as it stands in the text."""
        return self.before + self.text

    @property
    def same(self) -> str:
        """What two tokens have in common that mean the same: the quotes around a string do not count."""
        if self.kind == "string" and (found := _QUOTED.fullmatch(self.text)):
            prefix, quote, body = found.groups()
            if len(quote) == 1 and '"' not in body and "'" not in body and "\\" not in body:
                return f"{prefix.lower()}'{body}'"
        return self.text


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line: a statement (of a compound one the header), or a comment of its own line.

    Attributes:
        before: blank lines above it.
        indent: the blanks that it begins with.
        tokens: without the line end; a comment at the end of the line is the last one.
        after: the line end, "" at the end of a file without one.
    """

    before: str
    indent: str
    tokens: tuple[Token, ...]
    after: str
    key: tuple[str, ...]

    @property
    def raw(self) -> str:
        """The line as it stands in the text."""
        return self.before + self.indent + "".join(token.raw for token in self.tokens) + self.after

    @property
    def body(self) -> str:
        """The line without the blank lines above it."""
        return self.indent + "".join(token.raw for token in self.tokens) + self.after

    @property
    def targets(self) -> frozenset[str]:
        """What an assignment assigns to, as written; empty for other statements."""
        texts = [token.text for token in self.tokens]
        if "=" not in texts:
            return frozenset()
        left = texts[: texts.index("=")]
        return (
            frozenset()
            if left.count("(") != left.count(")")
            else frozenset({"".join(left).partition(":")[0]})
        )

    @property
    def name(self) -> str:
        """What stays when the line is edited: what it defines, assigns or imports from; "" without."""
        texts = [token.text for token in self.tokens[:8]]
        if texts[0] == "from" and "import" in [token.text for token in self.tokens]:
            module = [token.text for token in self.tokens]
            return "from " + "".join(module[1 : module.index("import")])
        if texts[0] == "async":
            texts = texts[1:]
        if len(texts) > 1 and texts[0] in ("def", "class"):
            return f"{texts[0]} {texts[1]}"
        if (
            len(texts) > 2
            and self.tokens[0].kind == "name"
            and texts[1] in ("=", ":")
            and not iskeyword(texts[0])
        ):
            return f"{texts[0]} ="
        return ""

    @property
    def is_comment(self) -> bool:
        """Whether it holds nothing but a comment."""
        return len(self.tokens) == 1 and self.tokens[0].kind == "comment"

    @property
    def words(self) -> tuple[str, ...]:
        """The texts of the tokens that are no comments."""
        return tuple(token.text for token in self.tokens if token.kind != "comment")


def tokens_of(text: str) -> list[tuple[str, str]]:
    """`(kind, text)` of every piece of a text; the pieces joined are the text."""
    return [(match.lastgroup or "op", match.group()) for match in _TOKEN.finditer(text)]


def logical_lines(text: str) -> tuple[list[Line], str] | None:
    """Splits a text that begins at the start of a logical line.

    Returns:
        The lines, and blank lines after the last; None where brackets are not closed in it, or a string is open.
    """
    lines: list[Line] = []
    stack: list[str] = []
    tokens: list[Token] = []
    blank = indent = space = ""
    fresh = True
    for kind, piece in tokens_of(text):
        if fresh:
            if kind == "space" and "\n" not in piece:
                indent = piece
                continue
            if kind == "newline":
                blank, indent = blank + indent + piece, ""
                continue
            fresh = False
        if kind == "space" or (kind == "newline" and stack):
            space += piece
        elif kind == "newline":
            lines.append(_line(blank, indent, tokens, space + piece))
            blank = indent = space = ""
            tokens, fresh = [], True
        else:
            if kind == "op":
                if piece in _OPEN:
                    stack.append(_OPEN[piece])
                elif piece in _CLOSE:
                    if not stack or stack.pop() != piece:
                        return None
                elif piece in "'\"":
                    return None
            tokens.append(Token(_kind(kind, piece), piece, space))
            space = ""
    if stack:
        return None
    if tokens:
        lines.append(_line(blank, indent, tokens, space))
        blank = indent = space = ""
    return lines, blank + indent + space


def _kind(kind: str, piece: str) -> TokenKind:
    if kind == "name" and piece[0].isdigit():
        return "number"
    return kind  # type: ignore[return-value] # the groups' names are the kinds


def _line(before: str, indent: str, tokens: list[Token], after: str) -> Line:
    return Line(before, indent, tuple(tokens), after, (indent.expandtabs(), *normal(tokens)))


def normal(tokens: list[Token] | tuple[Token, ...]) -> tuple[str, ...]:
    """The tokens' texts without what only formatting adds: a comma before a closing bracket, kinds of quotes."""
    texts: list[str] = []
    for token in tokens:
        if token.text in _CLOSE and texts and texts[-1] == "," and (token.text != ")" or _many(texts)):
            texts.pop()
        texts.append(token.same)
    return tuple(texts)


def _many(texts: list[str]) -> bool:
    """Whether the bracket that is about to close holds more than one item: `(a,)` is a tuple, `(a)` is none."""
    depth = 0
    for text in reversed(texts[:-1]):
        if text in _CLOSE:
            depth += 1
        elif text in _OPEN:
            if depth == 0:
                return False
            depth -= 1
        elif text == "," and depth == 0:
            return True
    return False
