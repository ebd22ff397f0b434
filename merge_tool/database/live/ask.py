"""One question to a live database: the value of a query, or the plans of a policy's tenant tables."""

from __future__ import annotations

from collections.abc import Sequence

from merge_tool.database.live.connect import reading
from merge_tool.database.live.explain import (
    Explained,
    explain_queries,
    one_statement,
    some_tenant,
    tenant_queries,
)
from merge_tool.database.live.inspect import inspect_catalog
from merge_tool.database.live.read import read_catalog
from merge_tool.database.live.scratch import fill
from merge_tool.errors import UserError
from merge_tool.model.policy import Policy


def ask(url: str, sql: str, *, seconds: float = 30.0) -> str | None:
    """The one value that a read-only query gives, as PostgreSQL prints it; None for NULL.

    Raises:
        UserError: the query is refused, or gives more or less than one value.
    """
    with reading(url, seconds=seconds) as connection:
        rows = one_statement(connection, sql, sql)
    if len(rows) != 1 or len(rows[0]) != 1:
        raise UserError(
            f"the query gives {len(rows)} rows, not one value: {' '.join(sql.split())[:120]}",
            hint="ask for one value: SELECT count(*) …",
        )
    value = rows[0][0]
    return None if value is None else value.decode("utf-8", "replace")


def rows_of(url: str, sql: str, *, seconds: float = 60.0) -> list[list[bytes | None]]:
    """The rows of a read-only query, values as PostgreSQL prints them. Raises `UserError` where it is refused."""
    with reading(url, seconds=seconds) as connection:
        return one_statement(connection, sql, sql)


def explain_tables(
    url: str, policy: Policy, *, tables: Sequence[str] = (), queries: Sequence[str] = (), limit: float | None = None, rows: bool = False
) -> tuple[Explained, ...]:  # fmt: skip
    """Plans queries, or those of tenant tables.

    Args:
        tables: empty, and no queries: all tenant tables.
        limit: run SELECTs too; milliseconds that are too long.
        rows: put a row into each table first; only for a scratch database.

    Raises:
        UserError: the database cannot be reached, a table is no tenant's, or a query is refused.
    """
    if rows:
        with reading(url) as connection:
            catalog = read_catalog(connection)
        fill(url, catalog)
    with reading(url) as connection:
        scope = inspect_catalog(read_catalog(connection), policy).scope
        values = {}
        if limit is not None and (tenant := some_tenant(connection, scope, policy.database.variable)):
            values = {"1": tenant, policy.column: tenant, policy.parameter: tenant}
        asked = list(queries) or ([] if not scope.owned and not tables else tenant_queries(scope, tables))
        return explain_queries(connection, asked, scope, values=values, run=limit is not None, limit=limit)
