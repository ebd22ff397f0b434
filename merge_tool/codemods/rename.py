"""Renames identifiers by a table: variables, functions, classes, attributes, columns and keyword arguments, wherever they stand.

Before::

    async def add_balance(user: User, amount_kopeks: int) -> None:
        user.balance_kopeks += amount_kopeks  # kopeks
        logger.info("balance_kopeks changed")

After, with `suffixes: {_kopeks: _toman}`::

    async def add_balance(user: User, amount_toman: int) -> None:
        user.balance_toman += amount_toman  # kopeks
        logger.info("balance_kopeks changed")

A name is renamed everywhere or nowhere: where it cannot be at one place, it stays at all of them, and the place is told. That is where
the new name is there already and would mean two things, where a file that is not chosen uses the old one, where a library
takes or gives it, where no code of the project defines it. Names of modules stay. Comments and docstrings are never
changed; texts only with `strings`, but what Python reads as a name (`getattr(user, "balance_kopeks")`, `__all__`) is renamed with it, and
every other text that holds an old name is told. A column that is renamed is another column in the database: with
`keep_columns` its old name is written into the model, else write a revision.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import libcst as cst

from merge_tool.codemods.base import Codemod, Project
from merge_tool.codemods.models import column_call, targets_of, value_of
from merge_tool.codemods.names import Names
from merge_tool.codemods.outcome import in_order
from merge_tool.codemods.rename_cst import Renamer
from merge_tool.codemods.rename_examples import EXAMPLES
from merge_tool.codemods.rename_sites import Sites, places
from merge_tool.model.source import CodemodResult, Edit, NotDone


@dataclass(frozen=True)
class RenameOptions:
    """What `rename` takes.

    Attributes:
        names: new names by old names.
        suffixes: new ends by old ends of names; `names` come first.
        strings: whether texts are renamed too, docstrings left out.
        keep_columns: whether a column that is renamed keeps its name in the database.
    """

    names: dict[str, str] = field(default_factory=dict)
    suffixes: dict[str, str] = field(default_factory=dict)
    strings: bool = False
    keep_columns: bool = False

    def __post_init__(self) -> None:
        if not self.names and not self.suffixes:
            raise ValueError("give names or suffixes")
        for old, new in self.names.items():
            for name in (old, new):
                if not name.isidentifier() or keyword.iskeyword(name):
                    raise ValueError(f"{name!r} is not a name of Python")
        for old, new in self.suffixes.items():
            if not old or not f"x{old}".isidentifier() or not f"x{new}".isidentifier():
                raise ValueError(f"{old!r} to {new!r} are not ends of names")


class Rename(Codemod):
    """See the module."""

    name: ClassVar[str] = "rename"
    Options: ClassVar[type] = RenameOptions
    unsafe: ClassVar[str] = (
        "what other repositories, settings and data know by the old names is not found any more"
    )
    options: RenameOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Renames in the chosen files."""
        chosen = project.chosen(paths)
        names = Names(project.files)
        table = self._table(project, names, chosen)
        if not table:
            return CodemodResult()
        sites = Sites(names, table, set(chosen), self.options.strings)
        table = {old: new for old, new in table.items() if old not in sites.held}
        left = [NotDone(path, line, self.name, reason) for path, line, reason in sites.told]
        texts: dict[str, str] = {}
        edits: list[Edit] = []
        holding = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(table)))})\b") if table else None
        for path in chosen:
            text = project.files[path]
            if holding is None or not holding.search(text):
                continue
            module = names.module(path)
            if module is None:
                left.append(NotDone(path, 1, self.name, names.broken[path]))
                continue
            try:
                new = cst.parse_module(text).visit(
                    Renamer(table, self.options.strings, self._kept(module.tree, table))
                )
            except (cst.ParserSyntaxError, RecursionError) as error:
                left.append(
                    NotDone(path, 1, self.name, f"libcst cannot parse the file: {str(error).splitlines()[0]}")
                )
                continue
            if new.code != text:
                texts[path] = new.code
                edits += self._edits(path, module.tree, table)
        for path, known in ((path, names.module(path)) for path in texts):
            if known is not None and not self.options.keep_columns:
                left += [
                    NotDone(path, line, self.name, f"the column {old} is {table[old]} now: write a revision")
                    for old, line in _columns(known.tree, table)
                ]
        return CodemodResult(texts, tuple(edits), in_order(left))

    def _table(self, project: Project, names: Names, chosen: Sequence[str]) -> dict[str, str]:
        """The names that the code of the chosen files holds, with what becomes of each."""
        ends = (*self.options.names, *self.options.suffixes)
        words: set[str] = set()
        for path in chosen:
            if any(end in project.files[path] for end in ends) and (module := names.module(path)) is not None:
                words.update(name for name, _ in places(module))
        table = {old: new for old, new in self.options.names.items() if old in words}
        longest = sorted(self.options.suffixes, key=len, reverse=True)
        for word in sorted(words):
            end = next((item for item in longest if word.endswith(item) and word != item), None)
            if end is not None and word not in table:
                new = word[: -len(end)] + self.options.suffixes[end]
                if new.isidentifier() and not keyword.iskeyword(new):
                    table[word] = new
        return {old: new for old, new in table.items() if old != new}

    def _kept(self, tree: ast.Module, table: Mapping[str, str]) -> frozenset[str]:
        return (
            frozenset(old for old, _ in _columns(tree, table)) if self.options.keep_columns else frozenset()
        )

    def _edits(self, path: str, tree: ast.Module, table: Mapping[str, str]) -> list[Edit]:
        """One for each name that a line holds."""
        found: dict[tuple[int, str], None] = {}
        for node in ast.walk(tree):
            line = getattr(node, "lineno", 0)
            for value in (
                getattr(node, part, None) for part in ("id", "attr", "arg", "name", "asname", "value")
            ):
                if isinstance(value, str) and value in table and line:
                    found[line, value] = None
        if not found:  # within texts alone
            found[1, next(iter(sorted(table)))] = None
        return [Edit(path, line, self.name, f"{old} becomes {table[old]}") for line, old in sorted(found)]


def _columns(tree: ast.Module, table: Mapping[str, str]) -> list[tuple[str, int]]:
    """The columns of models that are named in the table and have no other name in the database."""
    found = []
    for node in ast.walk(tree):
        for item in node.body if isinstance(node, ast.ClassDef) else ():
            call = column_call(value_of(item))
            if call is None or (call.args and isinstance(call.args[0], ast.Constant)):
                continue
            found += [(name, item.lineno) for name in targets_of(item) if name in table]
    return found


__all__ = ["CODEMOD", "EXAMPLES", "Rename"]

CODEMOD = Rename
