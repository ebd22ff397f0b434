"""SQLAlchemy engines for the two kinds of store."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from merge_tool.errors import StateError
from merge_tool.store.sqlite import connect
from merge_tool.store.url import StateUrl

CONNECT_SECONDS = 10


def sqlite_engine(url: StateUrl, *, create: bool = False) -> Engine:
    """An engine on a SQLite file; its transactions take the write lock at once, so that none fails half-way."""
    path = url.path
    assert path is not None
    engine = create_engine(
        "sqlite://", creator=lambda: connect(path, create=create), poolclass=NullPool, hide_parameters=True
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def postgres_engine(url: StateUrl, *, dedicated: bool = False) -> Engine:
    """An engine on a PostgreSQL.

    Args:
        url: the URL.
        dedicated: for one connection of its own in autocommit mode, which holds the lock.

    Raises:
        StateError: the URL cannot be read, or psycopg is not installed.
    """
    try:
        parsed = make_url(url.url)
    except (ArgumentError, ValueError) as error:  # ValueError: the port is no number
        raise StateError(
            f"the state URL {url.shown} cannot be read",
            hint="such as postgresql://user:password@host:5432/database; in a password, @ is written %40",
        ) from error
    arguments: dict[str, object] = {"application_name": "merge-tool", "connect_timeout": CONNECT_SECONDS}
    arguments = {name: value for name, value in arguments.items() if name not in parsed.query}
    try:
        if dedicated:
            return create_engine(
                parsed,
                connect_args=arguments,
                poolclass=NullPool,
                isolation_level="AUTOCOMMIT",
                hide_parameters=True,
            )
        return create_engine(
            parsed,
            connect_args=arguments,
            pool_size=1,
            max_overflow=1,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    except ImportError as error:
        raise StateError(
            f"the state {url.shown} needs the PostgreSQL driver psycopg, which cannot be imported: {error}",
            hint='pip install "merge-tool[postgres]"',
        ) from error
