"""Names changed in a file by libcst: every token that is a name, and the texts that Python reads as names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import libcst as cst

_READERS = frozenset({"getattr", "setattr", "hasattr", "delattr", "attrgetter"})
_LISTS = frozenset({"__all__", "__slots__"})


class Renamer(cst.CSTTransformer):
    """Renames in one file.

    Args:
        table: new names by old names.
        strings: whether texts are renamed too.
        kept: columns whose name in the database stays: it is written into the model.
    """

    def __init__(self, table: Mapping[str, str], strings: bool, kept: frozenset[str]) -> None:
        super().__init__()
        self.table = table
        self.strings = strings
        self.kept = kept
        self.names = 0  # depth within what is read as names
        self.documented: set[int] = set()
        words = "|".join(map(re.escape, sorted(table, key=len, reverse=True)))
        self.word = re.compile(rf"(?<![A-Za-z0-9_])(?:{words})(?![A-Za-z0-9_])")

    def on_visit(self, node: Any) -> bool:
        if isinstance(node, cst.ImportFrom | cst.Import):
            return False
        if isinstance(node, cst.Module | cst.ClassDef | cst.FunctionDef):
            body = node.body if isinstance(node, cst.Module) else node.body.body
            first = body[0] if body else None
            if isinstance(first, cst.SimpleStatementLine) and isinstance(first.body[0], cst.Expr):
                self.documented.add(id(first.body[0].value))
        if _reads_names(node):
            self.names += 1
        return True

    def on_leave(self, original: Any, updated: Any) -> Any:
        if _reads_names(original):
            self.names -= 1
        if isinstance(updated, cst.Name):
            new = self.table.get(updated.value)
            return updated.with_changes(value=new) if new else updated
        if isinstance(updated, cst.ImportFrom) and not isinstance(updated.names, cst.ImportStar):
            return updated.with_changes(names=[self._alias(item) for item in updated.names])
        if isinstance(updated, cst.Import):
            return updated.with_changes(names=[self._asname(item) for item in updated.names])
        if isinstance(updated, cst.SimpleString):
            return self._text(original, updated)
        if isinstance(updated, cst.FormattedStringText) and self.strings:
            return updated.with_changes(value=self._words(updated.value))
        if isinstance(updated, cst.Assign | cst.AnnAssign) and self.kept:
            return self._column(original, updated)
        return updated

    def _alias(self, item: cst.ImportAlias) -> cst.ImportAlias:
        if isinstance(item.name, cst.Name) and (new := self.table.get(item.name.value)):
            item = item.with_changes(name=item.name.with_changes(value=new))
        return self._asname(item)

    def _asname(self, item: cst.ImportAlias) -> cst.ImportAlias:
        name = item.asname.name if item.asname is not None else None
        if item.asname is None or not isinstance(name, cst.Name) or name.value not in self.table:
            return item
        return item.with_changes(
            asname=item.asname.with_changes(name=name.with_changes(value=self.table[name.value]))
        )

    def _text(self, original: cst.SimpleString, updated: cst.SimpleString) -> cst.SimpleString:
        if id(original) in self.documented or "b" in updated.prefix.lower():
            return updated
        if self.strings:
            return updated.with_changes(value=self._words(updated.value))
        inner = updated.raw_value
        if self.names and inner in self.table:
            start = len(updated.prefix) + len(updated.quote)
            value = updated.value[:start] + self.table[inner] + updated.value[start + len(inner) :]
            return updated.with_changes(value=value)
        return updated

    def _words(self, text: str) -> str:
        return self.word.sub(lambda found: self.table[found[0]], text)

    def _column(self, original: Any, updated: Any) -> Any:
        target = original.targets[0].target if isinstance(original, cst.Assign) else original.target
        if (
            not isinstance(target, cst.Name)
            or target.value not in self.kept
            or not isinstance(updated.value, cst.Call)
        ):
            return updated
        call = updated.value
        name = cst.Arg(cst.SimpleString(f'"{target.value}"'))
        if call.args:
            name = name.with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
        return updated.with_changes(value=call.with_changes(args=[name, *call.args]))


def _reads_names(node: Any) -> bool:
    """Whether texts below a node are names that Python reads."""
    if isinstance(node, cst.Call):
        function = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
        return isinstance(function, cst.Name) and function.value in _READERS
    if isinstance(node, cst.Assign):
        return any(isinstance(item.target, cst.Name) and item.target.value in _LISTS for item in node.targets)
    return False
