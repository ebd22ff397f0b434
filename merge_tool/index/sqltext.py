"""What one SQL statement, written as text, says of the tenant of each table that it names. Parsed with sqlglot."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from merge_tool.rulekit.project import Scoped

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # what it cannot parse is told as a finding
HOLE = "hole__"  # stands for a part of the text that is put in at run time
_STATEMENTS = (exp.Select, exp.Update, exp.Delete, exp.Insert)
_EQUAL = (exp.EQ, exp.In, exp.NullSafeEQ)


@dataclass(frozen=True, slots=True)
class TableFound:
    """One tenant's table of a statement: `verb` is SELECT, UPDATE, DELETE or INSERT."""

    table: str
    verb: str
    scoped: Scoped
    why: str = ""


@dataclass(slots=True, eq=False)
class _Scope:
    """One SELECT, UPDATE or DELETE: its tables by alias, and those that are held."""

    node: exp.Expr
    tables: dict[str, str]
    held: set[str] = field(default_factory=set)
    opaque: bool = False


class SqlReader:
    """Reads statements for one set of tables.

    Args:
        tables: names of the tenants' tables.
        column: the tenant column.
        foreign: table -> column -> table that it points at.
    """

    def __init__(
        self, tables: Collection[str], column: str, foreign: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._tables = frozenset(item.lower() for item in tables)
        self._column = column.lower()
        self._foreign = foreign

    def read(self, sql: str) -> list[TableFound] | None:
        """The tenants' tables of the statements in a text, each with how far it is held; None where it cannot be parsed."""
        try:
            parsed = sqlglot.parse(sql, read="postgres")
        except (SqlglotError, RecursionError):
            return None
        found: list[TableFound] = []
        for statement in parsed:
            if isinstance(
                statement, exp.Select | exp.Update | exp.Delete | exp.Insert | exp.SetOperation | exp.Subquery
            ):
                found.extend(self._statement(statement))
        return found

    def _statement(self, statement: exp.Expr) -> list[TableFound]:
        ctes = {item.alias.lower() for item in statement.find_all(exp.CTE)}
        found: list[TableFound] = []
        scopes: dict[int, _Scope] = {}
        for node in statement.find_all(*_STATEMENTS):  # breadth first: what stands around comes before
            scope = self._scope(node, ctes)
            scopes[id(node)] = scope
            if isinstance(node, exp.Insert):
                found.extend(self._insert(node))
                continue
            self._hold(scope, scopes)
        for scope in scopes.values():
            if isinstance(scope.node, exp.Insert):
                continue
            if self._filtered_outside(scope, scopes):
                continue
            verb = type(scope.node).__name__.upper()
            for alias, table in scope.tables.items():
                if table in self._tables and alias not in scope.held:
                    scoped = Scoped.UNDECIDED if scope.opaque else Scoped.NO
                    why = "its conditions are put in at run time" if scope.opaque else ""
                    found.append(TableFound(table, verb, scoped, why))
        return found

    def _scope(self, node: exp.Expr, ctes: set[str]) -> _Scope:
        tables: dict[str, str] = {}
        for table in node.find_all(exp.Table):
            name = table.name.lower()
            if table.find_ancestor(*_STATEMENTS) is node and name not in ctes:
                tables[(table.alias or name).lower()] = name
            elif table.find_ancestor(*_STATEMENTS) is node:
                tables.setdefault((table.alias or name).lower(), "")
        for inner in node.find_all(exp.Subquery):
            if inner.alias and inner.find_ancestor(*_STATEMENTS) is node:
                tables[inner.alias.lower()] = ""
        return _Scope(node, tables)

    # ---- conditions ------------------------------------------------------------------------------------------

    def _hold(self, scope: _Scope, scopes: dict[int, _Scope]) -> None:
        edges: list[tuple[str, str]] = []
        weak: set[str] = set()  # held by an outer join's ON, which keeps no row of the other table out
        for condition, only in self._conditions(scope.node):
            for alias in [only] if only else list(scope.tables):
                if self._holds(condition, alias, scope):
                    scope.held.add(alias)
                    if only:
                        weak.add(alias)
            edges.extend(self._edges(condition, scope, scopes))
            scope.opaque |= any(HOLE in item.name and not item.table for item in _conjuncts(condition) if isinstance(item, exp.Column))  # fmt: skip
        for join in scope.node.find_all(exp.Join):
            named = [item.name.lower() for item in join.args.get("using") or ()]
            if self._column in named and join.find_ancestor(*_STATEMENTS) is scope.node:
                aliases = list(scope.tables)
                edges.extend((one, other) for one in aliases for other in aliases if one != other)
        changed = True
        while changed:
            changed = False
            for one, other in edges:
                for source, target in ((one, other), (other, one)):
                    if (
                        target in scope.tables
                        and target not in scope.held
                        and (source == "" or source in scope.held - weak)
                    ):
                        scope.held.add(target)
                        changed = True

    def _conditions(self, node: exp.Expr) -> list[tuple[exp.Expr, str]]:
        """The conditions of a statement; with the one alias that an outer join's ON holds."""
        found: list[tuple[exp.Expr, str]] = []
        where = node.args.get("where")
        if isinstance(where, exp.Where):
            found.append((where.this, ""))
        for join in node.find_all(exp.Join):
            on = join.args.get("on")
            if isinstance(on, exp.Expr) and join.find_ancestor(*_STATEMENTS) is node:
                outer = str(join.side or "").upper() in ("LEFT", "FULL", "RIGHT")
                found.append((on, join.this.alias_or_name.lower() if outer else ""))
        return found

    def _holds(self, condition: exp.Expr, alias: str, scope: _Scope) -> bool:
        if isinstance(condition, exp.Paren):
            return self._holds(condition.this, alias, scope)
        if isinstance(condition, exp.And):
            return self._holds(condition.left, alias, scope) or self._holds(condition.right, alias, scope)
        if isinstance(condition, exp.Or):
            return self._holds(condition.left, alias, scope) and self._holds(condition.right, alias, scope)
        if not isinstance(condition, _EQUAL):
            return False
        sides = [condition.this, condition.args.get("expression")]
        for side, other in (sides, sides[::-1]):
            side, other = _plain(side), _plain(other)
            if not isinstance(side, exp.Column) or side.table.lower() not in ("", alias):
                continue
            if side.name.lower() == self._column and not isinstance(other, exp.Null | exp.Column):
                return True
            if isinstance(other, exp.Column) and side.name.lower() == self._column and HOLE in other.name:
                return True
            query = condition.args.get("query") if isinstance(condition, exp.In) else None
            if query is not None and (side.name == "id" or side.name.endswith("_id")):
                inner = self._statement(query.unnest())
                named = {item.name.lower() for item in query.find_all(exp.Table)}
                if not inner and named & self._tables:
                    return True
        return False

    def _edges(self, condition: exp.Expr, scope: _Scope, scopes: dict[int, _Scope]) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for item in _conjuncts(condition):
            if not isinstance(item, exp.EQ):
                continue
            left, right = _plain(item.this), _plain(item.expression)
            if not isinstance(left, exp.Column) or not isinstance(right, exp.Column):
                continue
            one, other = left.table.lower(), right.table.lower()
            if self._tied(left, right, scope, scopes) or self._tied(right, left, scope, scopes):
                # An alias of the statement around counts as held: that statement is judged itself.
                found.append((one if one in scope.tables else "", other if other in scope.tables else ""))
        return found

    def _tied(self, left: exp.Column, right: exp.Column, scope: _Scope, scopes: dict[int, _Scope]) -> bool:
        if left.name.lower() == right.name.lower() == self._column:
            return True
        table = self._table(left.table.lower(), scope, scopes)
        target = self._table(right.table.lower(), scope, scopes)
        points_at = self._foreign.get(table or "", {}).get(left.name)
        return bool(target is not None and (points_at == target if target else points_at))

    def _table(self, alias: str, scope: _Scope, scopes: dict[int, _Scope]) -> str | None:
        node: exp.Expr | None = scope.node
        while node is not None:
            known = scopes.get(id(node))
            if known is not None and alias in known.tables:
                return known.tables[alias]
            node = node.find_ancestor(*_STATEMENTS)
        return None

    def _filtered_outside(self, scope: _Scope, scopes: dict[int, _Scope]) -> bool:
        """Whether a subquery's or CTE's rows are filtered by the tenant where they are used."""
        holder = scope.node.find_ancestor(exp.Subquery, exp.CTE, exp.In, exp.Exists)
        if not isinstance(holder, exp.Subquery | exp.CTE) or not holder.alias:
            return False
        name = holder.alias.lower()
        users = [item for item in scopes.values() if item.node is not scope.node and self._uses(item, name)]
        return bool(users) and all(self._alias_of(item, name) in item.held for item in users)

    def _uses(self, scope: _Scope, name: str) -> bool:
        return bool(self._alias_of(scope, name))

    def _alias_of(self, scope: _Scope, name: str) -> str:
        for table in scope.node.find_all(exp.Table):
            if table.name.lower() == name and table.find_ancestor(*_STATEMENTS) is scope.node:
                return (table.alias or table.name).lower()
        return name if scope.tables.get(name) == "" else ""

    def _insert(self, node: exp.Insert) -> list[TableFound]:
        schema = node.this
        table = schema.this if isinstance(schema, exp.Schema) else schema
        if not isinstance(table, exp.Table) or table.name.lower() not in self._tables:
            return []
        name = table.name.lower()
        if not isinstance(schema, exp.Schema):
            return [TableFound(name, "INSERT", Scoped.UNDECIDED, "it names no columns")]
        columns = {item.name.lower() for item in schema.expressions}
        if self._column in columns:
            return []
        if any(HOLE in item for item in columns):
            return [TableFound(name, "INSERT", Scoped.UNDECIDED, "its columns are put in at run time")]
        return [TableFound(name, "INSERT", Scoped.NO)]


def _plain(node: object) -> exp.Expr | None:
    """Without casts and brackets: `t.bot_id::int`."""
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    return node if isinstance(node, exp.Expr) else None


def _conjuncts(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.Paren):
        return _conjuncts(node.this)
    if isinstance(node, exp.And):
        return [*_conjuncts(node.left), *_conjuncts(node.right)]
    return [node]
