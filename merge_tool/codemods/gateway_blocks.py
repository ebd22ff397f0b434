"""Statements taken out of their blocks, with the empty lines and comments around them set right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libcst as cst

_PURE = (
    cst.Name,
    cst.Attribute,
    cst.Comparison,
    cst.UnaryOperation,
    cst.BooleanOperation,
    cst.SimpleString,
    cst.Integer,
)


class Blocks:
    """What goes from the blocks of one file.

    Args:
        mentions: whether a comment speaks of what goes.
    """

    def __init__(self, mentions: Callable[[str], bool]) -> None:
        self.mentions = mentions
        self._dropped: dict[int, Any] = {}  # the nodes are held, so that no other gets their id
        self._emptied: dict[int, Any] = {}

    def drop(self, node: Any) -> Any:
        """Marks a statement; its block leaves it out."""
        self._dropped[id(node)] = node
        return node

    def block(self, node: Any) -> Any:
        """A block without what was marked in it."""
        body: list[Any] = list(node.body)
        if not any(id(item) in self._dropped for item in body):
            return node
        left: list[Any] = []
        above: list[Any] | None = None  # the lines above what went, which the next statement gets
        first = False
        for item in body:
            if id(item) in self._dropped:
                lines = self._left_above(item)
                above = lines if above is None else [*above, *(line for line in lines if line.comment)]
                first = first or not left
                continue
            if above is not None:
                item = item.with_changes(
                    leading_lines=_joined(above, list(item.leading_lines), first and not left)
                )
                above, first = None, False
            left.append(item)
        made = node.with_changes(body=left)
        if not left:
            self._emptied[id(made)] = made
        return made

    def _left_above(self, item: Any) -> list[Any]:
        """The lines above a statement that stay: all but the comment that stands right on it and speaks of it."""
        lines = list(item.leading_lines)
        while lines and lines[-1].comment is not None and self.mentions(lines[-1].comment.value):
            lines.pop()
        return lines

    def empty(self, block: Any) -> bool:
        """Whether all statements of a block went."""
        return id(block) in self._emptied

    # ---- statements around blocks ----

    def otherwise(self, node: Any) -> Any:
        """An `else` without statements goes."""
        return cst.RemoveFromParent() if self.empty(node.body) else node

    def attempt(self, node: Any) -> Any:
        """A `try` whose body went goes too, where its handlers bind no name and nothing else hangs on it."""
        if self.empty(node.body) and node.orelse is None and node.finalbody is None:
            bodies = [item.body for item in node.handlers]
            if all(self.empty(body) or _idle(body) for body in bodies):
                self.drop(node)
        return node

    def condition(self, node: Any) -> Any:
        """An `if` without statements goes, where its test does nothing."""
        if self.empty(node.body) and node.orelse is None and _pure(node.test):
            self.drop(node)
        return node

    def instead(self, node: Any, stays: Any) -> Any:
        """The statements that stand instead of an `if`."""
        if isinstance(stays, cst.If):  # `elif` becomes `if` where it stands first
            return stays.with_changes(leading_lines=[*node.leading_lines, *stays.leading_lines])
        if stays is None:
            return self.drop(node)
        return _instead(node, stays, self)


def _instead(node: Any, stays: Any, blocks: Blocks) -> Any:
    block = stays.body if isinstance(stays, cst.Else) else stays
    if blocks.empty(block):
        return blocks.drop(node)
    if isinstance(block, cst.SimpleStatementSuite):
        statements: list[Any] = [cst.SimpleStatementLine(block.body)]
    else:
        statements = list(block.body)
    first = statements[0].with_changes(
        leading_lines=[*node.leading_lines, *_comments(statements[0].leading_lines)]
    )
    return cst.FlattenSentinel([first, *statements[1:]])


def _comments(lines: Any) -> list[Any]:
    return [line for line in lines if line.comment is not None]


def _joined(above: list[Any], own: list[Any], first: bool) -> list[Any]:
    """The lines above a statement that follows one that went."""
    blank_above = _blank(above)
    blank_own = _blank(own)
    comments = above[blank_above:]
    while comments and comments[-1].comment is None:
        comments.pop()
    if own and comments:  # what the comment stood above is gone, and the next statement has lines of its own
        comments = [] if blank_own or own[0].comment is not None else comments
    blanks = 0 if first and not blank_above else max(blank_above, blank_own)
    if first:
        blanks = blank_above
    return [*([cst.EmptyLine(indent=False)] * blanks), *comments, *own[blank_own:]]


def _blank(lines: list[Any]) -> int:
    """How many empty lines stand first."""
    count = 0
    while count < len(lines) and lines[count].comment is None:
        count += 1
    return count


def _idle(body: Any) -> bool:
    """Whether a block binds nothing and goes nowhere: `pass`, and calls that log."""
    for item in body.body:
        smalls = item.body if isinstance(item, cst.SimpleStatementLine) else [None]
        for small in smalls:
            if not isinstance(small, cst.Pass | cst.Expr):
                return False
    return True


def _pure(test: Any) -> bool:
    if isinstance(test, cst.Comparison):
        return _pure(test.left) and all(_pure(item.comparator) for item in test.comparisons)
    if isinstance(test, cst.BooleanOperation):
        return _pure(test.left) and _pure(test.right)
    if isinstance(test, cst.UnaryOperation):
        return _pure(test.expression)
    if isinstance(test, cst.Attribute):
        return _pure(test.value)
    return isinstance(test, _PURE)
