"""Adds columns and indexes to a model, in the manner of the file.

Before::

    class User(Base):
        __tablename__ = "users"

        id = Column(Integer, primary_key=True)

After, with `models: app/models.py`, `model: User`, one column and one index::

    class User(Base):
        __tablename__ = "users"
        __table_args__ = (Index("idx_users_email", "email"),)

        id = Column(Integer, primary_key=True)
        email = Column(String(255), nullable=True)

A NOT NULL column gets the server default that the revision of the same columns gives it (see `database/columns.py`), so
that model and migration agree. Columns that are there, inherited ones too, are left; where one differs from what is
asked, that is said. Left to a person: several classes of that name, `__table_args__` that is no literal.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from merge_tool.codemods.base import Codemod, Project
from merge_tool.codemods.columns_examples import EXAMPLES
from merge_tool.codemods.edits import EditError
from merge_tool.codemods.importing import bound_imports, bound_names
from merge_tool.codemods.model_edits import Work, last_of, put_table_args, written
from merge_tool.codemods.models import (
    Attribute,
    attributes_of,
    column_call,
    difference,
    has_index,
    is_default_name,
    style_of,
    table_of,
    value_of,
)
from merge_tool.codemods.names import Names, Thing
from merge_tool.codemods.places import start_of
from merge_tool.codemods.scopes import Module
from merge_tool.codemods.style import quote
from merge_tool.database.columns import Column, Index, read_columns, read_indexes
from merge_tool.errors import UserError
from merge_tool.model.source import CodemodResult, Edit, NotDone


@dataclass(frozen=True)
class Options:
    """What goes where.

    Attributes:
        models: the file of the model.
        model: the name of its class.
        columns: each `{name, type, nullable, default, server_default}`, as in a `migration` action.
        indexes: each `{name, columns, unique}`.
    """

    models: str
    model: str
    columns: tuple[dict[str, Any], ...] = ()
    indexes: tuple[dict[str, Any], ...] = ()


class AddColumns(Codemod):
    """Adds columns and indexes to one model; see the module."""

    name: ClassVar[str] = "add-columns"
    Options: ClassVar[type] = Options

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Edits the file that the option `models` names, if it is among the chosen ones."""
        options: Options = self.options
        path = options.models
        if path not in project.files:
            raise UserError(
                f"add-columns: there is no file {path}", hint="name the file that holds the model"
            )
        names = Names(project.files)
        module = names.module(path)
        if module is None:
            return self._left(path, 1, names.broken[path])
        nodes = module.classes.get(options.model, [])
        if not nodes:
            raise UserError(f"add-columns: there is no class {options.model} in {path}", where=path)
        table = table_of(nodes[0]) or options.model.lower()
        columns, indexes = read_columns(options.columns, table), read_indexes(options.indexes, table)
        if len(nodes) > 1:
            return self._left(path, nodes[1].lineno, f"{options.model} is defined more than once")
        if path not in project.chosen(paths):
            return self._left(path, nodes[0].lineno, f"{path} is not among the chosen files")
        work = self.plan(names, module, nodes[0], columns, indexes)
        try:
            return CodemodResult(written(module, [work]), tuple(work.edits), tuple(work.not_done))
        except EditError as error:
            return self._left(path, nodes[0].lineno, str(error))

    def plan(
        self,
        names: Names,
        module: Module,
        node: ast.ClassDef,
        columns: Sequence[Column],
        indexes: Sequence[Index],
    ) -> Work:
        """The edits of one class of a file, none of them made yet."""
        path, model = module.path, module.qualname[node]
        table = table_of(node) or model.lower()
        present = attributes_of(names, Thing("class", f"{module.name}.{model}", path, model))
        work = Work(
            path,
            model,
            module.text,
            node,
            style_of(module.tree, node),
            bound_imports(module.tree.body, path),
            bound_names(module.tree),
        )
        for column in columns:
            self._compare(work, column, present)
        new = [column for column in columns if column.name not in present]
        missing = [index for index in indexes if not has_index(module.tree, node, index, present)]
        flags = {index.columns[0]: index for index in missing if is_default_name(index, table)}
        flags = {name: index for name, index in flags.items() if name in {column.name for column in new}}
        self._add_columns(work, new, flags)
        self._add_indexes(work, [index for index in missing if index not in flags.values()])
        return work

    def _left(self, path: str, line: int, reason: str) -> CodemodResult:
        return CodemodResult(not_done=(NotDone(path, line, self.name, reason),))

    def _compare(self, work: Work, column: Column, present: dict[str, Attribute]) -> None:
        found = present.get(column.name)
        if found is not None and (differs := difference(column, found.value)):
            reason = f"{work.model}.{column.name} is there already, but {differs}"
            work.not_done.append(NotDone(found.path, found.line, self.name, reason))

    # ---- columns -------------------------------------------------------------------------------------------

    def _add_columns(self, work: Work, columns: Sequence[Column], flags: dict[str, Index]) -> None:
        place = last_of(work.node, lambda item: column_call(value_of(item)) is not None)
        for column in columns:
            code = self._column_code(work, column, flags.get(column.name))
            work.file.after.setdefault(start_of(work.text, place), []).append(code)
            added = f"add column {work.model}.{column.name}"
            work.edits.append(Edit(work.path, place.lineno, self.name, added))

    def _column_code(self, work: Work, column: Column, index: Index | None) -> str:
        style = work.style
        dialect = any(module != "sqlalchemy" for _, module in column.type.names)
        prefix = "" if dialect else style.prefix
        source = column.type.source
        for name, module in column.type.names:
            local = f"{prefix}{name}" if prefix else work.use(module, name)
            source = re.sub(rf"\b{name}\b", local, source)
        arguments = [source]
        if column.default:
            arguments.append(f"default={column.default}")
        if column.server_default is not None:
            literal = quote(column.server_default.value, work.text)
            if not column.server_default.quoted:
                local = f"{style.prefix}text" if style.prefix else work.use("sqlalchemy", "text")
                literal = f"{local}({literal})"
            arguments.append(f"server_default={literal}")
        arguments.append(f"nullable={column.nullable}")
        if index is not None:
            arguments += ["unique=True"] * index.unique + ["index=True"]
        call = f"{style.call}({', '.join(arguments)})"
        return (
            f"{column.name}: Mapped[{self._annotation(work, column)}] = {call}"
            if style.mapped
            else f"{column.name} = {call}"
        )

    def _annotation(self, work: Work, column: Column) -> str:
        """The type inside `Mapped[…]`."""
        try:
            kind = column.type.instance.python_type
        except NotImplementedError:
            kind = object
        name = "Any" if kind is object else kind.__name__
        module = "typing" if kind is object else kind.__module__
        if f"{module}.{name}" in work.text:  # the file writes datetime.datetime
            name = f"{module}.{name}"
        elif module != "builtins":
            name = work.use(module, name)
        if column.nullable and "Optional[" in work.text:
            return f"{work.use('typing', 'Optional')}[{name}]"
        return f"{name} | None" if column.nullable else name

    # ---- indexes -------------------------------------------------------------------------------------------

    def _add_indexes(self, work: Work, indexes: Sequence[Index]) -> None:
        calls = {}
        for index in indexes:
            quoted = ", ".join(quote(name, work.text) for name in (index.name, *index.columns))
            calls[f"Index({quoted}{', unique=True' if index.unique else ''})"] = f"add index {index.name}"
        put_table_args(work, calls, self.name)


__all__ = ["CODEMOD", "EXAMPLES", "AddColumns"]

CODEMOD = AddColumns
