"""Gives every model of a tenant's table the tenant column and an index that leads with it.

Before::

    class Order(Base):
        __tablename__ = "orders"
        id = Column(Integer, primary_key=True)

After::

    class Order(Base):
        __tablename__ = "orders"
        __table_args__ = (Index("idx_orders_bot_id", "bot_id"),)
        id = Column(Integer, primary_key=True)
        bot_id = Column(Integer, nullable=False)

The tables are all that the policy does not share. Models that have the column, a base or a mixin with it too, get the index alone where
they lack it; where a subclass shares its parent's table, the parent gets them. The column is NOT NULL: the revision of `tenant-migration`
fills the rows that are there first. Left to a person: `__table_args__` that is no literal, and a model that is defined twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from merge_tool.codemods.add_columns import AddColumns
from merge_tool.codemods.add_columns import Options as ColumnOptions
from merge_tool.codemods.base import Codemod, Example, Project
from merge_tool.codemods.edits import EditError
from merge_tool.codemods.model_edits import written
from merge_tool.codemods.models import table_of
from merge_tool.codemods.names import Names
from merge_tool.codemods.outcome import in_order
from merge_tool.database.columns import Column, Index, read_columns
from merge_tool.index.project import ProjectIndex
from merge_tool.model.policy import Policy
from merge_tool.model.source import CodemodResult, Edit, NotDone

_TYPES = {"int": "Integer", "str": "String(64)", "UUID": "Uuid", "uuid.UUID": "Uuid"}


@dataclass(frozen=True)
class TenantColumnsOptions:
    """What `tenant-columns` takes.

    Attributes:
        type: the column's type as a plan writes it; empty: by the policy's `parameter_type`.
        index: the name of the index; `{table}` and `{column}` stand for those.
    """

    type: str = ""
    index: str = "idx_{table}_{column}"


class TenantColumns(Codemod):
    """See the module."""

    name: ClassVar[str] = "tenant-columns"
    Options: ClassVar[type] = TenantColumnsOptions
    unsafe: ClassVar[str] = "the models ask for a column that only a revision gives to the tables"
    options: TenantColumnsOptions

    def apply(self, project: Project, paths: Sequence[str] = ()) -> CodemodResult:
        """Works on the models of the chosen files."""
        names = Names(project.files)
        texts: dict[str, str] = {}
        edits: list[Edit] = []
        left: list[NotDone] = []
        for path, models in _lacking(project, set(project.chosen(paths))).items():
            module = names.module(path)
            assert module is not None  # the index read it
            works = []
            for model in models:
                nodes = module.classes[model]
                if len(nodes) > 1:
                    reason = f"{model} is defined more than once"
                    left.append(NotDone(path, nodes[1].lineno, self.name, reason))
                    continue
                columns, indexes = self._wanted(project.policy, table_of(nodes[0]) or model.lower())
                works.append(
                    AddColumns(ColumnOptions(path, model)).plan(names, module, nodes[0], columns, indexes)
                )
            try:
                texts.update(written(module, works))
            except EditError as error:
                left.append(NotDone(path, 1, self.name, str(error)))
                continue
            for work in works:
                edits += [replace(item, codemod=self.name) for item in work.edits]
                left += [replace(item, codemod=self.name) for item in work.not_done]
        return CodemodResult(texts, tuple(dict.fromkeys(edits)), in_order(left))

    def _wanted(self, policy: Policy, table: str) -> tuple[Sequence[Column], Sequence[Index]]:
        """The tenant column, NOT NULL without a server default, and its index."""
        kind = self.options.type or _TYPES.get(policy.parameter_type, "Integer")
        (made,) = read_columns([{"name": policy.column, "type": kind, "nullable": True}], table)
        name = self.options.index.format(table=table.rpartition(".")[2], column=policy.column)
        return [Column(made.name, made.type, False, "", None)], [Index(name, (policy.column,), False)]


def _lacking(project: Project, chosen: set[str]) -> dict[str, list[str]]:
    """The classes of tenant tables that lack the column or an index that leads with it, one class a table, by file."""
    index = ProjectIndex.build(project.files, project.policy)
    column = project.policy.column
    found: dict[str, list[str]] = {}
    for table in index.schema():
        if table.path not in chosen or table.table in project.policy.tables.shared or not table.table:
            continue
        lacks = column not in table.columns or not table.leads(column)
        if lacks and table.name in index.modules[table.path].classes:
            found.setdefault(table.path, []).append(table.name)
    return found


EXAMPLES = (
    Example(
        before={
            "app/__init__.py": "",
            "app/models.py": '''from sqlalchemy import Column, Index, Integer, String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Owned:
    bot_id = Column(Integer, nullable=False)


class Bot(Base):
    __tablename__ = "bots"
    id = Column(Integer, primary_key=True)


class Order(Base):
    """Orders."""

    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    code = Column(String(20))  # shown


class Ticket(Base):
    __tablename__ = "tickets"
    __table_args__ = (Index("ix_tickets_title", "title"),)
    id = Column(Integer, primary_key=True)
    title = Column(String(20))


class Note(Owned, Base):
    __tablename__ = "notes"
    id = Column(Integer, primary_key=True)


class Right(Base):
    __tablename__ = "rights"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, index=True, nullable=False)
''',
        },
        after={
            "app/models.py": '''from sqlalchemy import Column, Index, Integer, String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Owned:
    bot_id = Column(Integer, nullable=False)


class Bot(Base):
    __tablename__ = "bots"
    id = Column(Integer, primary_key=True)


class Order(Base):
    """Orders."""

    __tablename__ = "orders"
    __table_args__ = (Index("idx_orders_bot_id", "bot_id"),)
    id = Column(Integer, primary_key=True)
    code = Column(String(20))  # shown
    bot_id = Column(Integer, nullable=False)


class Ticket(Base):
    __tablename__ = "tickets"
    __table_args__ = (
        Index("ix_tickets_title", "title"),
        Index("idx_tickets_bot_id", "bot_id"),
    )
    id = Column(Integer, primary_key=True)
    title = Column(String(20))
    bot_id = Column(Integer, nullable=False)


class Note(Owned, Base):
    __tablename__ = "notes"
    __table_args__ = (Index("idx_notes_bot_id", "bot_id"),)
    id = Column(Integer, primary_key=True)


class Right(Base):
    __tablename__ = "rights"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, index=True, nullable=False)
''',
        },
    ),
)

CODEMOD = TenantColumns
