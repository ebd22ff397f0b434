"""Connects to a PostgreSQL for reading: one transaction that cannot write, with time limits, and no password in any message."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merge_tool.database.dump import connection_variables, mask_url, without_secrets
from merge_tool.errors import UserError

if TYPE_CHECKING:
    from psycopg import Connection

_HINTS = (
    ("password authentication failed", "check user and password of the URL"),
    ("no password supplied", "put the password into the URL, or set PGPASSWORD or PGPASSFILE"),
    ("does not exist", "check the names in the URL"),
    ("no pg_hba.conf entry", "the server lets this user in from elsewhere only: see its pg_hba.conf"),
    ("ssl", "set sslmode in the URL's query: ?sslmode=require, or disable"),
    ("timeout", "the query takes longer than the limit: give more with --timeout"),
    ("permission denied", "connect as a role that may read it"),
    ("name or service not known", "check the URL's host"),
    ("translate host name", "check the URL's host"),
)
# libpq's environment variables, as keywords of its connection strings.
_KEYWORDS = {
    "PGDATABASE": "dbname",
    "PGSSLMODE": "sslmode",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGCHANNELBINDING": "channel_binding",
}


def read_url(url: str, url_file: Path | None, what: str = "--url", example: str = "") -> str:
    """The URL that options give: itself, `env:NAME` for an environment variable, or the first line of a file.

    Raises:
        UserError: none was given, or two, or the variable or the file is not there.
    """
    hint = f"such as {example}; or env:NAME, or {what}-file FILE" if example else ""
    if url and url_file is not None:
        raise UserError(f"both {what} and {what}-file are given", hint="give one of them")
    if url_file is not None:
        try:
            lines = url_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"the URL cannot be read: {error}", where=str(url_file)) from error
        url = next((line.strip() for line in lines if line.strip() and not line.startswith("#")), "")
    elif url.startswith("env:"):
        name = url.removeprefix("env:")
        url = os.environ.get(name, "")
        if not url:
            raise UserError(f"the environment variable {name} is not set", hint=f"export {name}=…")
    if not url:
        raise UserError(f"no {what} was given", hint=hint)
    return url


@contextmanager
def reading(url: str, *, seconds: float = 30.0, role: str = "") -> Iterator[Connection[Any]]:
    """A connection in one read-only transaction with one snapshot, rolled back at the end.

    Args:
        url: an SQLAlchemy URL of PostgreSQL, whatever its driver.
        seconds: the limit of each statement.
        role: whom to become by SET ROLE; empty: whoever the URL names.

    Raises:
        UserError: the URL is none, psycopg is missing, or the server refuses; with the way to mend it.
    """
    try:
        import psycopg
    except ImportError as error:
        raise UserError(
            f"PostgreSQL's driver psycopg cannot be imported: {error}",
            hint='pip install "merge-tool[postgres]"',
        ) from error
    variables = connection_variables(url)
    keywords = keywords_of(url)
    limit = max(1, int(seconds * 1000))
    try:
        with psycopg.connect(**keywords) as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            try:
                # LOCAL, for a pooler would hand what is set for the session to somebody else.
                connection.execute(
                    "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
                    (str(limit), str(min(limit, 5000))),
                )
                if role:
                    from psycopg import sql

                    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
                yield connection
            finally:
                if not connection.closed:
                    connection.rollback()
    except psycopg.Error as error:
        raise _told(error, url, variables) from None  # its message may hold the URL


def keywords_of(url: str) -> dict[str, Any]:
    """What `psycopg.connect` takes for a URL. Raises `UserError` where it is none of a PostgreSQL."""
    found: dict[str, Any] = {
        _KEYWORDS.get(name, name.removeprefix("PG").lower()): value
        for name, value in connection_variables(url).items()
    }
    return {"connect_timeout": "10", "application_name": "merge-tool", **found}


def _told(error: Exception, url: str, variables: dict[str, str]) -> UserError:
    said = without_secrets(str(error).strip() or type(error).__name__, variables)
    first = "; ".join(line.strip() for line in re.sub(r"[ \t]+", " ", said).splitlines()[:3] if line.strip())
    hint = next(
        (hint for part, hint in _HINTS if part in said.lower()),
        "check that the server runs, and host and port of the URL",
    )
    return UserError(f"{mask_url(url)}: {first}", hint=hint)
