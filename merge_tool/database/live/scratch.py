"""A database of its own for a check, on the server of the given one, dropped afterwards; and rows in its tables."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from merge_tool.database.dump import mask_url, without_secrets
from merge_tool.database.live.catalog import Catalog, LiveColumn, LiveTable
from merge_tool.database.live.connect import keywords_of
from merge_tool.database.live.findings import listed, qualified
from merge_tool.errors import UserError

_VALUES = (
    ("bool", "false"), ("int", "1"), ("serial", "1"), ("numeric", "1"), ("double", "1"), ("real", "1"), ("money", "1"),
    ("timestamp", "'2025-01-01'"), ("date", "'2025-01-01'"), ("time", "'12:00'"), ("interval", "'1 day'"), ("json", "'{}'"),
    ("uuid", "'00000000-0000-4000-8000-000000000001'"), ("bytea", "''"), ("inet", "'127.0.0.1'"), ("cidr", "'10.0.0.0/8'"),
)  # fmt: skip


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """A new, empty database beside the one of `url`; yields its URL.

    Raises:
        UserError: the server is not reached, or the role may not make databases.
    """
    import psycopg
    from psycopg import sql
    from sqlalchemy.engine import make_url

    keywords = keywords_of(url)
    name = f"merge_tool_{secrets.token_hex(6)}"
    try:
        with psycopg.connect(**keywords, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            try:
                yield make_url(url).set(database=name).render_as_string(hide_password=False)
            finally:
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise UserError(
            f"{mask_url(url)}: the role may not make a database to try the revisions in",
            hint="ALTER ROLE … CREATEDB, or name a server for tests with MERGE_TOOL_DATABASE_URL",
        ) from error
    except psycopg.Error as error:
        said = without_secrets(
            str(error).strip(), {"PGPASSWORD": str(keywords.get("password", ""))}
        ).splitlines()
        raise UserError(
            f"{mask_url(url)}: {said[0] if said else type(error).__name__}",
            hint="check the URL, and that the server runs",
        ) from None


def fill(url: str, catalog: Catalog) -> dict[str, int]:
    """Puts a row into each table that takes one.

    Returns:
        The number of rows of each table then; tables whose rules no made-up row fits are left empty.
    """
    import psycopg

    with psycopg.connect(**keywords_of(url), autocommit=True) as connection:
        left = [
            item
            for item in catalog.tables.values()
            if item.bare != "alembic_version" and not item.is_partition
        ]
        for _ in range(len(left)):  # each round fills what the round before made possible
            before = len(left)
            left = [table for table in left if not _insert(connection, table)]
            if len(left) == before:
                break
    return count(url, catalog)


def count(url: str, catalog: Catalog) -> dict[str, int]:
    """The number of rows of each table."""
    import psycopg

    with psycopg.connect(**keywords_of(url)) as connection:
        return {
            name: int(
                (connection.execute(f"SELECT count(*) FROM {qualified(name)}".encode()).fetchone() or (0,))[0]
            )
            for name, table in catalog.tables.items()
            if table.bare != "alembic_version"
        }


def _insert(connection: Any, table: LiveTable) -> bool:
    import psycopg

    targets = {
        column: (key.target, refers)
        for key in table.foreign
        for column, refers in zip(key.columns, key.refers, strict=True)
    }
    names, values = [], []
    for column in table.columns.values():
        if column.generated or column.default:
            continue
        if column.name in targets:
            target, refers = targets[column.name]
            names.append(column.name)
            values.append(f"(SELECT {listed([refers])} FROM {qualified(target)} LIMIT 1)")
        elif not column.nullable:
            names.append(column.name)
            values.append(_value(column))
    body = (
        f"({listed(names)}) OVERRIDING SYSTEM VALUE VALUES ({', '.join(values)})"
        if names
        else "DEFAULT VALUES"
    )
    try:
        connection.execute(f"INSERT INTO {qualified(table.name)} {body}".encode())
    except psycopg.Error:
        return False
    return True


def _value(column: LiveColumn) -> str:
    if column.type.endswith("[]"):
        return "'{}'"
    return next((value for part, value in _VALUES if part in column.type), f"'x'::text::{column.type}")
