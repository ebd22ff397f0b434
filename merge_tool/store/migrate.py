"""Brings a store to the form that this version works with."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from merge_tool.store.schema import HEAD, REVISIONS, VERSION_TABLE
from merge_tool.store.trouble import newer
from merge_tool.store.url import StateUrl

SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x6D657267  # one migration of a shared database at a time


def version_of(connection: Connection) -> str:
    """The revision of the tables; empty where there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    # The name is a constant of ours.
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() or ""  # noqa: S608


def upgrade(engine: Engine, url: StateUrl) -> None:
    """Runs the missing revisions in one transaction; two processes at once do it once.

    Raises:
        StateError: the store is newer than this version.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        version = version_of(connection)
        if version and version not in REVISIONS:
            raise newer(url, version)
        if version == HEAD:
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
