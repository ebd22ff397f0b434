"""The edits of one model's class: columns behind its last, and what its `__table_args__` lists."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import libcst as cst

from merge_tool.codemods.edits import FileEdits, apply_edits
from merge_tool.codemods.imports import ImportNeed
from merge_tool.codemods.models import ColumnStyle, targets_of, value_of
from merge_tool.codemods.places import start_of
from merge_tool.codemods.scopes import Module
from merge_tool.codemods.style import line_limit
from merge_tool.codemods.table_args import grow_table_args
from merge_tool.model.source import Edit, NotDone


@dataclass
class Work:
    """One run on one class."""

    path: str
    model: str
    text: str
    node: ast.ClassDef
    style: ColumnStyle
    imports: dict[str, str]
    bound: set[str]
    file: FileEdits = field(default_factory=FileEdits)
    edits: list[Edit] = field(default_factory=list)
    not_done: list[NotDone] = field(default_factory=list)
    grown: list[str] = field(default_factory=list)  # calls to add to a `__table_args__` that is there
    made: list[str] = field(default_factory=list)  # calls of one that is made

    def use(self, module: str, name: str) -> str:
        """The name by which the class can use `module.name`, imported if need be, under an alias where it is taken."""
        taken = {target for item in self.node.body for target in targets_of(item)}
        root = module.partition(".")[0]
        for local, target in self.imports.items():
            if target.rpartition(".")[2] == name and target.partition(".")[0] == root and local not in taken:
                return local
        alias = (
            ""
            if name not in taken | self.bound
            else f"{'sa' if root == 'sqlalchemy' else root}_{name.lower()}"
        )
        self.file.imports.append(ImportNeed(module, name, alias))
        return alias or name


def put_table_args(work: Work, calls: Mapping[str, str], codemod: str) -> bool:
    """Puts calls such as `Index("ix", "a")` into the `__table_args__` of a class, which is made where there is none.

    Args:
        calls: the code of each call, by its plain name, and what its edit says.
        codemod: whose edits they are.

    Returns:
        whether it was done; where not, the reason is among the work's `not_done`.
    """
    if not calls:
        return True
    given = next((item for item in work.node.body if "__table_args__" in targets_of(item)), None)
    if any(
        isinstance(item, ast.FunctionDef) and item.name == "__table_args__" for item in work.node.body
    ) or (given is not None and not isinstance(value_of(given), ast.Tuple | ast.Dict)):
        line = given.lineno if given else work.node.lineno
        reason = f"__table_args__ is no literal: add {', '.join(calls)} there"
        work.not_done.append(NotDone(work.path, line, codemod, reason))
        return False
    place = given or last_of(work.node, lambda item: "__tablename__" in targets_of(item))
    codes = []
    for call, said in calls.items():
        name, bracket, rest = call.partition("(")
        made = f"{work.style.prefix}{name}" if work.style.prefix else work.use("sqlalchemy", name)
        codes.append(f"{made}{bracket}{rest}")
        work.edits.append(Edit(work.path, place.lineno, codemod, said))
    if given is not None:
        work.grown += codes
        return True
    work.made += codes
    code = f"__table_args__ = ({work.made[0]},)"
    if len(work.made) > 1 or len(code) + 4 > line_limit(work.text):
        code = "\n".join(["__table_args__ = (", *(f"    {item}," for item in work.made), ")"])
    known = work.file.after.setdefault(start_of(work.text, place), [])
    if known and known[0].startswith("__table_args__ = ("):
        known[0] = code
    else:
        known.insert(0, code)
    return True


def written(module: Module, works: Sequence[Work]) -> dict[str, str]:
    """The new text of a file in which some classes change, by its path; nothing where none does.

    Raises:
        EditError: libcst cannot parse it, or a place was not found.
    """
    file = FileEdits()
    for work in works:
        file.imports += work.file.imports
        file.rewrites |= work.file.rewrites
        for place, codes in work.file.after.items():
            file.after.setdefault(place, []).extend(codes)
    text = apply_edits(module.text, file, module.name, module.package) if file else module.text
    grown = [work for work in works if work.grown]
    if grown:
        parsed = cst.parse_module(text)
        for work in grown:
            parsed = grow_table_args(parsed, work.model, work.grown)
        text = parsed.code
    return {module.path: text} if text != module.text else {}


def last_of(node: ast.ClassDef, wanted: Any) -> ast.stmt:
    """The last statement of a class body that is `wanted`; else its table's name, its docstring or its first statement."""
    found = [item for item in node.body if wanted(item)]
    found = found or [item for item in node.body if "__tablename__" in targets_of(item)]
    return found[-1] if found else node.body[0]
