"""A text with conflict markers, taken apart: what stands, and the three sides of each conflict."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_START = re.compile(r"^<{7,}(?: |$)")
_KINDS = (
    ("|", re.compile(r"^(\|{7,})(?: |$)")),
    ("=", re.compile(r"^(={7,})$")),
    (">", re.compile(r"^(>{7,})(?: |$)")),
)


@dataclass(frozen=True)
class Block:
    """One conflict in a marked text.

    Attributes:
        line, end_line: the lines of its first and its last marker, from 1.
        base: None where the markers do not show the base.
    """

    line: int
    end_line: int
    ours: str
    base: str | None
    theirs: str


@dataclass(frozen=True)
class Marked:
    """A text as pieces: strings that stand, and the conflicts between them. Joined again they are the text."""

    pieces: tuple[str | Block, ...]
    lines: tuple[str, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The conflicts, in order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Block))

    def with_blocks(self, write: Callable[[Block], str]) -> str:
        """The text with something written for each conflict."""
        return "".join(write(piece) if isinstance(piece, Block) else piece for piece in self.pieces)

    def raw(self, block: Block) -> str:
        """A conflict as it stands, markers and all."""
        return "".join(self.lines[block.line - 1 : block.end_line])

    def replaced(self, numbers: Sequence[int], write: Callable[[Block], str]) -> str:
        """The text with the conflicts of those numbers (from 1) replaced, the others as they are."""
        chosen = {id(self.blocks[number - 1]) for number in numbers}
        return self.with_blocks(lambda block: write(block) if id(block) in chosen else self.raw(block))


def read_marked(text: str) -> Marked:
    """Takes a text apart. Markers that do not make a whole conflict, such as a row of `=` below a heading, are text."""
    lines = text.splitlines(keepends=True)
    pieces: list[str | Block] = []
    plain: list[str] = []
    index = 0
    while index < len(lines):
        found = _block(lines, index) if _START.match(lines[index]) else None
        if found is None:
            plain.append(lines[index])
            index += 1
            continue
        if plain:
            pieces.append("".join(plain))
            plain = []
        pieces.append(found)
        index = found.end_line
    if plain:
        pieces.append("".join(plain))
    return Marked(tuple(pieces), tuple(lines))


def _block(lines: list[str], start: int) -> Block | None:
    """The conflict that begins at a line; its markers are all as long as the first."""
    size = len(lines[start]) - len(lines[start].lstrip("<"))
    parts: dict[str, list[str]] = {"<": []}
    here = "<"
    for index in range(start + 1, len(lines)):
        line = lines[index].rstrip("\r\n")
        mark = next(
            (name for name, form in _KINDS if (m := form.match(line)) and len(m.group(1)) == size), ""
        )
        if mark == ">" and "=" in parts:
            base = "".join(parts["|"]) if "|" in parts else None
            return Block(start + 1, index + 1, "".join(parts["<"]), base, "".join(parts["="]))
        if (mark == "|" and here == "<") or (mark == "=" and here in "<|"):
            here = mark
            parts[here] = []
        else:
            parts[here].append(lines[index])
    return None
