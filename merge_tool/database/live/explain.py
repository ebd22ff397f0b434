"""Asks PostgreSQL how it would run queries: is there an index by which one tenant's rows are found?

A small table is read whole, whatever indexes it has. So each query is planned twice, the second time with sequential scans
made dear (`enable_seqscan = off`): what uses an index then has one, and will use it when the table grows. Queries with
parameters get a generic plan, which is right for every tenant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from merge_tool.database.live.findings import qualified, quoted
from merge_tool.database.live.scope import Scope
from merge_tool.errors import UserError

if TYPE_CHECKING:
    from psycopg import Connection

_NAME = "merge_tool_explained"
_PARAMETER = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)|%\((\w+)\)s|\$(\d+)")


@dataclass(frozen=True, slots=True)
class Explained:
    """One query's plan.

    Attributes:
        indexes: those by which tenant tables are read, in the plan with sequential scans made dear.
        scans: tenant tables that are read whole even then.
        whole: tenant tables that are read whole as things are, though an index is there.
        milliseconds: how long it took; None where it was not run.
        cost: the planner's estimate.
    """

    sql: str
    indexes: tuple[str, ...]
    scans: tuple[str, ...]
    whole: tuple[str, ...]
    cost: float
    milliseconds: float | None = None
    limit: float | None = None

    @property
    def slow(self) -> bool:
        """Whether it took longer than the limit."""
        return self.limit is not None and self.milliseconds is not None and self.milliseconds > self.limit

    @property
    def good(self) -> bool:
        """Whether each tenant table can be read by an index on the tenant, and the query was not too slow."""
        return not self.scans and not self.slow

    @property
    def verdict(self) -> str:
        """What the plan says, in words."""
        if self.scans:
            return f"no index on the tenant serves {', '.join(self.scans)}"
        if self.slow:
            return f"took {self.milliseconds:.1f} ms, more than {self.limit:g}"
        if self.whole:
            return "the index is there; the table is so small that it is read whole"
        return "the index is used"

    def line(self) -> str:
        """The verdict behind the query, on one line."""
        took = "" if self.milliseconds is None else f", {self.milliseconds:.2f} ms"
        by = f" ({', '.join(self.indexes)})" if self.indexes else ""
        return f"{' '.join(self.sql.split())}: {self.verdict}{by}{took}"

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "sql": self.sql, "indexes": list(self.indexes), "sequential": list(self.scans), "small": list(self.whole),
            "verdict": self.verdict, "cost": self.cost, "milliseconds": self.milliseconds, "good": self.good,
        }  # fmt: skip


def tenant_queries(scope: Scope, tables: Sequence[str] = ()) -> list[str]:
    """The query that every tenant table must answer fast: one tenant's rows.

    Args:
        tables: names, qualified or not; empty: all tenant tables.

    Raises:
        UserError: a table is no tenant's.
    """
    known = {name: item for item in scope.owned for name in (item.name, item.bare)}
    if unknown := [name for name in tables if name not in known]:
        raise UserError(
            f"{unknown[0]} is no tenant table of the database",
            hint=f"it has {', '.join(sorted({item.bare for item in scope.owned}))}",
        )
    chosen = [known[name] for name in tables] or [item for item in scope.owned if not item.is_partition]
    return [
        f"SELECT * FROM {qualified(item.name)} WHERE {quoted(scope.column)} = $1"
        for item in chosen
        if scope.column in item.columns
    ]


def some_tenant(connection: Connection[Any], scope: Scope, variable: str) -> str:
    """A tenant to run queries as: the first in the tenants' table, set in the session too; "" where there is none to be seen."""
    if not scope.tenants:
        return ""
    table = scope.table(scope.tenants)
    key = next((item.columns[0] for item in table.indexes if item.primary and len(item.columns) == 1), "id")
    found = _first(connection, f"SELECT {quoted(key)}::text FROM {qualified(table.name)} ORDER BY 1 LIMIT 1")
    if found and variable:
        connection.execute("SELECT set_config(%s, %s, true)", (variable, found))
    return found


def _first(connection: Connection[Any], sql: str) -> str:
    row = connection.execute(sql.encode()).fetchone()
    return str(row[0]) if row else ""


def explain_queries(
    connection: Connection[Any], queries: Sequence[str], scope: Scope, *, values: Mapping[str, str] | None = None,
    run: bool = False, limit: float | None = None,
) -> tuple[Explained, ...]:  # fmt: skip
    """Plans each query.

    Args:
        connection: as `reading` gives it.
        queries: one statement each; parameters are `$1`, `:name` or `%(name)s`.
        values: by name or number, the values to run with; the rest is NULL.
        run: really run SELECTs (EXPLAIN ANALYZE), for their time.
        limit: milliseconds that are too long.

    Raises:
        UserError: a query is no single statement, or PostgreSQL refuses it.
    """
    return tuple(_explain(connection, item, scope, values or {}, run, limit) for item in queries)


def split_statements(text: str) -> list[str]:
    """The statements of a file of SQL, without its comments."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    numbered, names = _numbered(text)
    del names
    try:
        parsed = sqlglot.parse(numbered, dialect="postgres")
    except SqlglotError as error:
        raise UserError(f"the SQL cannot be read: {str(error).splitlines()[0]}") from error
    return [item.sql(dialect="postgres", comments=False) for item in parsed if item is not None]


def _numbered(sql: str) -> tuple[str, list[str]]:
    """The query with `$1`, `$2`, … for its parameters, and their names in that order."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1] or match[2] or match[3]
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    pieces = re.split(r"('(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/)", sql, flags=re.DOTALL)
    return "".join(
        piece if at % 2 else _PARAMETER.sub(number, piece) for at, piece in enumerate(pieces)
    ), names


def _explain(
    connection: Connection[Any],
    sql: str,
    scope: Scope,
    values: Mapping[str, str],
    run: bool,
    limit: float | None,
) -> Explained:
    numbered, names = _numbered(sql.strip().rstrip(";"))
    reads = re.match(r"\s*(select|with|values|table)\b", numbered, re.IGNORECASE) is not None
    if not reads and not re.match(r"\s*(insert|update|delete)\b", numbered, re.IGNORECASE):
        raise UserError(
            f"only queries can be explained: {' '.join(sql.split())[:80]}",
            hint="SELECT, INSERT, UPDATE or DELETE",
        )
    connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    # One statement by the extended protocol, which refuses a second one behind a semicolon.
    _one(connection, f"PREPARE {_NAME} AS {numbered}", sql)
    try:
        row = connection.execute(
            "SELECT coalesce(array_length(parameter_types, 1), 0) FROM pg_prepared_statements WHERE name = %s",
            (_NAME,),
        ).fetchone()
        count = row[0] if row else 0
        given = [
            values.get(name, values.get(str(at + 1)))
            for at, name in enumerate([*names, *[""] * (count - len(names))])
        ]
        arguments = ", ".join(
            "NULL" if item is None else "'" + item.replace("'", "''") + "'" for item in given[:count]
        )
        execute = f"EXECUTE {_NAME}" + (f"({arguments})" if count else "")
        usual = _plan(connection, f"EXPLAIN (FORMAT JSON) {execute}", sql)
        connection.execute("SET LOCAL enable_seqscan = off")
        dear = _plan(connection, f"EXPLAIN (FORMAT JSON) {execute}", sql)
        connection.execute("SET LOCAL enable_seqscan = on")
        took = None
        if run and reads:
            analyzed = _one(connection, f"EXPLAIN (ANALYZE, FORMAT JSON) {execute}", sql)
            took = float(analyzed[0]["Execution Time"])
    finally:
        _deallocate(connection)
    indexes, scans = _reads(dear, scope)
    _, whole = _reads(usual, scope)
    return Explained(
        sql, tuple(indexes), tuple(scans), tuple(item for item in whole if item not in scans), float(usual["Total Cost"]), took, limit,
    )  # fmt: skip


def _deallocate(connection: Connection[Any]) -> None:
    """A prepared statement outlives its transaction; after an error nothing can be run in that, and the connection ends."""
    from psycopg.pq import TransactionStatus

    if connection.info.transaction_status is TransactionStatus.INTRANS:
        connection.execute(f"DEALLOCATE {_NAME}".encode())


def _plan(connection: Connection[Any], sql: str, shown: str) -> dict[str, Any]:
    plan: dict[str, Any] = _one(connection, sql, shown)[0]["Plan"]
    return plan


def _one(connection: Connection[Any], sql: str, shown: str) -> Any:
    """Runs one statement; gives the JSON of its first row, or None."""
    rows = one_statement(connection, sql, shown)
    return json.loads(rows[0][0]) if rows and rows[0][0] is not None else None


def one_statement(connection: Connection[Any], sql: str, shown: str) -> list[list[bytes | None]]:
    """Runs one statement by the extended protocol, which refuses a second one behind a semicolon.

    Returns:
        Its rows, values as PostgreSQL prints them.

    Raises:
        UserError: PostgreSQL refuses it.
    """
    from psycopg.pq import ExecStatus

    result = connection.pgconn.exec_params(sql.encode(), [])
    if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        said = result.error_message.decode("utf-8", "replace").strip().splitlines()
        raise UserError(
            f"PostgreSQL refuses {' '.join(shown.split())[:120]!r}: {said[0] if said else 'no reason given'}",
            hint="mend the query",
        )
    return [[result.get_value(row, at) for at in range(result.nfields)] for row in range(result.ntuples)]


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _reads(plan: Mapping[str, Any], scope: Scope) -> tuple[list[str], list[str]]:
    """The indexes on the tenant by which tenant tables are read, and the tenant tables that are read otherwise."""
    bare = {item.bare for item in scope.owned}
    indexes: dict[str, None] = {}
    scans: dict[str, None] = {}
    column = re.compile(rf"\b{re.escape(scope.column)}\b")
    for node in _nodes(plan):
        relation, kind = node.get("Relation Name"), node["Node Type"]
        if relation not in bare:
            continue
        if kind == "Bitmap Heap Scan":
            inner = [item for item in _nodes(node) if item["Node Type"] == "Bitmap Index Scan"]
        elif kind in ("Index Scan", "Index Only Scan"):
            inner = [node]
        elif "Scan" in kind:
            scans[relation] = None
            continue
        else:
            continue
        held = [
            item["Index Name"]
            for item in inner
            if "Index Cond" in item and (column.search(item["Index Cond"]) or _is_key(item["Index Cond"]))
        ]
        indexes |= dict.fromkeys(held)
        if not held:
            scans[relation] = None
    return list(indexes), list(scans)


def _is_key(condition: str) -> bool:
    """Whether an index finds single rows by a key (`id = $1`, a join's `id = other.id`), whose tenant is then a filter."""
    return re.match(r"\(+\w*id\b[^=<>]*= ", condition) is not None
