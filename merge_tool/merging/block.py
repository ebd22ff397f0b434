"""Statements of one stretch of code: who changed which, and what both put in one place."""

from __future__ import annotations

from collections.abc import Sequence

from merge_tool.merging.imports import is_import, join_imports, merge_import
from merge_tool.merging.lexer import Line
from merge_tool.merging.model import Allowance, Left, Step
from merge_tool.merging.sequence import Row, Spot, rows_and_spots
from merge_tool.merging.tokens import merge_statement

Lines = Sequence[Line]


def merge_lines(base: Lines, ours: Lines, theirs: Lines, allowance: Allowance) -> str:
    """Merges three versions of one stretch of logical lines.

    Raises:
        Left: it is not decided here.
    """
    if _same(ours, base):
        allowance.take(Step.FORMAT, "ours differs from the base in format only")
        return _text(theirs)
    if _same(theirs, base):
        allowance.take(Step.FORMAT, "theirs differs from the base in format only")
        return _text(ours)
    if _same(ours, theirs):
        allowance.take(Step.FORMAT, "both sides made the same change, in another format")
        return _text(ours)
    rows, spots = rows_and_spots(base, ours, theirs)
    _no_moves(rows, spots)
    pieces: list[str] = []
    for index, spot in enumerate(spots):
        pieces.append(_spot(spot, allowance))
        if index < len(rows):
            pieces.append(_row(rows[index], allowance))
    _neighbours(rows, spots, allowance)
    return "".join(pieces)


def _same(one: Lines, other: Lines) -> bool:
    return [line.key for line in one] == [line.key for line in other]


def _text(lines: Lines) -> str:
    return "".join(line.raw for line in lines)


def _no_moves(rows: Sequence[Row[Line]], spots: Sequence[Spot[Line]]) -> None:
    """Refuses where one side moved code in or out, or removed the header of what the other changed."""
    own = [(row.ours is None, row.ours is not None and row.ours.key[0] != row.base.key[0]) for row in rows]
    other = [
        (row.theirs is None, row.theirs is not None and row.theirs.key[0] != row.base.key[0]) for row in rows
    ]
    for moved, name in ((own, "ours"), (other, "theirs")):
        if any(flag for _, flag in moved):
            raise Left(f"{name} moved code in or out that the other side changed near by")
    for index, spot in enumerate(spots):
        for added, gone in ((spot.ours, other), (spot.theirs, own)):
            if added and _header_gone(rows, gone, index, added[0].key[0]):
                raise Left("one side removed the block that the other added to")
    for index, row in enumerate(rows):
        for side, gone in ((row.ours, other), (row.theirs, own)):
            if (
                side is not None
                and side.key != row.base.key
                and _header_gone(rows, gone, index, row.base.key[0])
            ):
                raise Left("one side removed the block in which the other edited")


def _header_gone(rows: Sequence[Row[Line]], gone: Sequence[tuple[bool, bool]], at: int, indent: str) -> bool:
    for index in range(at - 1, -1, -1):
        above = rows[index].base
        if above.is_comment or len(above.key[0]) >= len(indent):
            continue
        if gone[index][0]:
            return True
        indent = above.key[0]
    return False


def _row(row: Row[Line], allowance: Allowance) -> str:
    base, ours, theirs = row.base, row.ours, row.theirs
    if ours is None or theirs is None:
        kept = ours or theirs
        if kept is not None and kept.key != base.key:
            raise Left("one side removed a statement, the other changed it")
        if kept is not None and is_import(base) and allowance.keep & set(base.words):
            return kept.raw
        return ""
    if theirs.key == base.key or ours.key == theirs.key:
        return ours.raw if ours.raw != base.raw else theirs.raw
    if ours.key == base.key:
        return theirs.raw
    if base.is_comment or ours.is_comment or theirs.is_comment:
        raise Left("both sides edited one comment")
    if is_import(base) and is_import(ours) and is_import(theirs):
        return merge_import(base, ours, theirs, allowance)
    return merge_statement(base, ours, theirs, allowance)


def _spot(spot: Spot[Line], allowance: Allowance) -> str:
    own, other = spot.ours, spot.theirs
    if not own or not other:
        return _text(own or other)
    if _same(own, other):
        return _text(own)
    if _within(own, other):
        allowance.take(Step.CONTAINED, "what ours added is part of what theirs added", sure=True)
        return _text(other)
    if _within(other, own):
        allowance.take(Step.CONTAINED, "what theirs added is part of what ours added", sure=True)
        return _text(own)
    if all(is_import(line) for line in (*own, *other)) and len({line.key[0] for line in (*own, *other)}) == 1:
        return "".join(join_imports(own, other, allowance))
    return _both_added(own, other, allowance)


def _within(small: Lines, large: Lines) -> bool:
    """Whether the one is a subsequence of the other."""
    keys = iter([line.key for line in large])
    return all(line.key in keys for line in small)


def _both_added(own: Lines, other: Lines, allowance: Allowance) -> str:
    indents = {own[0].key[0], other[0].key[0]}
    if len(indents) > 1 or any(len(line.key[0]) < len(own[0].key[0]) for line in (*own, *other)):
        raise Left("both sides added code of different depth")
    heads = [line for line in (*own, *other) if line.key[0] == own[0].key[0]]
    named = [line.name for line in heads if line.name]
    if len(named) != len(set(named)):
        raise Left("both sides added something of one name")
    if {line.key for line in own} & {line.key for line in other if line.name}:
        raise Left("both sides added something alike")
    if all(_defines(line) for line in heads):
        allowance.take(Step.DEFINITIONS, "both sides added definitions")
    elif all(line.name or line.is_comment for line in heads):
        allowance.take(Step.ENTRIES, "both sides added names with values")
    else:
        allowance.take(Step.STATEMENTS, "both sides added statements", sure=False)
    return _text(own) + _text(other)


def _defines(line: Line) -> bool:
    text = line.tokens[0].text
    return line.is_comment or text == "@" or line.name.startswith(("def ", "class "))


def _neighbours(rows: Sequence[Row[Line]], spots: Sequence[Spot[Line]], allowance: Allowance) -> None:
    """Notes where each side changed statements of its own next to the other's."""
    own = [row for row in rows if row.ours is None or row.ours.key != row.base.key]
    other = [row for row in rows if row.theirs is None or row.theirs.key != row.base.key]
    own_added = [line for spot in spots for line in spot.ours]
    other_added = [line for spot in spots for line in spot.theirs]
    alone = any(row not in other for row in own) or any(s.ours and not s.theirs for s in spots)
    alone_too = any(row not in own for row in other) or any(s.theirs and not s.ours for s in spots)
    if not (alone or alone_too):
        return
    lines = [*(row.base for row in (*own, *other)), *own_added, *other_added]
    if all(is_import(line) for line in lines):
        allowance.take(Step.IMPORTS, "both sides changed imports")
        return
    allowance.take(Step.ADJACENT, "both sides changed statements next to each other", sure=False)
