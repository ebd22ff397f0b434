"""Listens to SQLAlchemy while a test runs, and keeps the statements on tenants' tables that no tenant holds."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from merge_tool.guard.sites import Site, find_site, is_marked
from merge_tool.guard.statements import Open, StatementJudge
from merge_tool.model.policy import Policy

_LOAD = "merge_tool_guard_load"
_allowed: ContextVar[str] = ContextVar("merge_tool_all_tenants", default="")


@dataclass(frozen=True)
class Leak:
    """A statement that ran for every tenant, and where."""

    site: Site
    tables: tuple[Open, ...]
    sql: str


@contextmanager
def all_tenants(reason: str) -> Iterator[None]:
    """Lets statements inside run for all tenants.

    Raises:
        ValueError: there is no reason.
    """
    if not reason.strip():
        raise ValueError("say why these statements are meant for all tenants")
    token = _allowed.set(reason)
    try:
        yield
    finally:
        _allowed.reset(token)


class Watch:
    """Keeps what ran. It listens from `start` to `stop`; nothing of SQLAlchemy is changed otherwise.

    Args:
        root: the project's root; statements whose nearest line in it is in a test are the test's own.
        is_test: whether a path is a test's.
        loads: whether the loading of relationships and single columns of rows that are there already counts too.
    """

    def __init__(
        self, policy: Policy, root: str, is_test: Callable[[str], bool], *, loads: bool = False
    ) -> None:
        self.leaks: list[Leak] = []
        self.active = False
        self._policy = policy
        self._root = root.rstrip("/") + "/"
        self._is_test = is_test
        self._loads = loads
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()  # every MetaData that a table was put into
        self._judge: StatementJudge | None = None
        self._count = -1

    def start(self) -> None:
        """Begins to listen. Tables that are made from now on are known; those before by the mapped classes."""
        from sqlalchemy import Table, event
        from sqlalchemy.engine import Engine
        from sqlalchemy.orm import Session

        event.listen(Table, "after_parent_attach", self._attached)
        event.listen(Session, "do_orm_execute", self._orm)
        event.listen(Engine, "before_cursor_execute", self._cursor)

    def stop(self) -> None:
        """Leaves SQLAlchemy as it was."""
        from sqlalchemy import Table, event
        from sqlalchemy.engine import Engine
        from sqlalchemy.orm import Session

        event.remove(Table, "after_parent_attach", self._attached)
        event.remove(Session, "do_orm_execute", self._orm)
        event.remove(Engine, "before_cursor_execute", self._cursor)

    def _attached(self, table: Any, parent: Any) -> None:
        if hasattr(parent, "sorted_tables"):
            self._known.add(parent)

    def _orm(self, state: Any) -> None:
        """Marks what loads more of a row that is there already: its tenant was settled when the row was found."""
        if self.active and (state.is_relationship_load or state.is_column_load):
            state.update_execution_options(**{_LOAD: True})

    def _cursor(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        if not self.active or _allowed.get():
            return
        self._learn(context)
        tables = self._judged().open_tables(statement)
        if not tables:
            return
        if not self._loads and context is not None and context.execution_options.get(_LOAD):
            return
        site, flushing = find_site(self._root)
        if site is None or self._is_test(site.path):
            return
        if flushing:  # rows that the session found before are written back by their keys
            tables = tuple(item for item in tables if item.verb == "INSERT")
        if tables and not is_marked(self._root, site, self._policy.global_marker):
            self.leaks.append(Leak(site, tables, " ".join(statement.split())))

    def _learn(self, context: Any) -> None:
        """Takes in the tables of a statement that was not written as text."""
        compiled = getattr(context, "compiled", None)
        for table in getattr(getattr(compiled, "statement", None), "froms", None) or ():
            metadata = getattr(table, "metadata", None)
            if metadata is not None:
                self._known.add(metadata)

    def _judged(self) -> StatementJudge:
        """The judge for the tables that are known by now."""
        count = sum(len(item.tables) for item in self._known)
        if self._judge is None or count != self._count:
            self._count = count
            self._judge = self._new_judge()
        return self._judge

    def _new_judge(self) -> StatementJudge:
        column, lists = self._policy.column, self._policy.tables
        tables = set(lists.tenant) - {"*"}
        foreign: dict[str, dict[str, str]] = {}
        for metadata in list(self._known):
            for table in metadata.tables.values():
                if column in table.c or "*" in lists.tenant:
                    tables.add(table.name)
                foreign[table.name.lower()] = {
                    key.parent.name: key.target_fullname.rpartition(".")[0].rpartition(".")[2].lower()
                    for key in table.foreign_keys
                }
        return StatementJudge(tables - set(lists.shared), column, foreign)
