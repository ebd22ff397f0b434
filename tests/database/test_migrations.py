"""The revisions that the tool writes, run by Alembic: up, down and up again, with rows in the table."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from merge_tool.database.revision import render_revision, revision_filename
from tests.servers import PostgresDatabase

ENV = """from alembic import context
import sqlalchemy as sa

engine = sa.create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
COLUMNS = [
    {"name": "cabinet_email", "type": "String(255)", "nullable": True},
    {"name": "cabinet_email_verified", "type": "Boolean", "nullable": False, "default": False},
    {"name": "cabinet_state", "type": "String(20)", "nullable": False, "default": "it's 100% new: yes"},
    {"name": "cabinet_limit", "type": "Numeric(10, 2)", "nullable": False, "default": "0"},
    {"name": "cabinet_until", "type": "DateTime", "nullable": True},
]
INDEXES = [
    {"name": "idx_users_cabinet_email", "columns": ["cabinet_email"]},
    {"columns": ["name", "cabinet_state"], "unique": True},
]
POSTGRES_ONLY = [
    {"name": "cabinet_data", "type": "JSONB", "nullable": False, "server_default": "'{}'::jsonb"},
    {"name": "cabinet_seen", "type": "DateTime(timezone=True)", "nullable": False, "server_default": "now()"},
]


def environment(folder: Path, url: str, text: str) -> Config:
    """An Alembic environment with the one revision."""
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "migrations" / "env.py").write_text(ENV)
    (versions / revision_filename(text, {})).write_text(text)
    config = Config()
    config.set_main_option("script_location", str(folder / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def shape(engine: sa.Engine) -> tuple[set[str], set[str]]:
    inspector = sa.inspect(engine)
    return (
        {column["name"] for column in inspector.get_columns("users")},
        {str(index["name"]) for index in inspector.get_indexes("users")},
    )


def up_down_up(folder: Path, url: str, columns: list[dict[str, object]]) -> sa.Row[tuple[object, ...]]:
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(50))"))
            connection.execute(sa.text("INSERT INTO users VALUES (1, 'Anna'), (2, 'Bahram')"))
        before = shape(engine)
        config = environment(
            folder, url, render_revision("add cabinet columns", "users", columns, INDEXES, None)
        )
        command.upgrade(config, "head")
        after = shape(engine)
        assert after[0] - before[0] == {str(column["name"]) for column in columns}
        assert after[1] == {"idx_users_cabinet_email", "ix_users_name_cabinet_state"}
        command.downgrade(config, "base")
        assert shape(engine) == before
        command.upgrade(config, "head")
        assert shape(engine) == after
        with engine.connect() as connection:
            return connection.execute(sa.text("SELECT * FROM users ORDER BY id")).mappings().all()[1]  # type: ignore[return-value]
    finally:
        engine.dispose()


def test_postgresql(tmp_path: Path, postgres_database: PostgresDatabase) -> None:
    row = up_down_up(tmp_path, postgres_database.url(), [*COLUMNS, *POSTGRES_ONLY])
    assert row["name"] == "Bahram"  # type: ignore[call-overload]
    assert row["cabinet_email"] is None  # type: ignore[call-overload]
    assert row["cabinet_email_verified"] is False  # type: ignore[call-overload]
    assert row["cabinet_state"] == "it's 100% new: yes"  # type: ignore[call-overload]
    assert row["cabinet_data"] == {}  # type: ignore[call-overload]


def test_sqlite(tmp_path: Path) -> None:
    row = up_down_up(tmp_path, f"sqlite:///{tmp_path / 'app.db'}", list(COLUMNS))
    assert row["cabinet_email_verified"] == 0  # type: ignore[call-overload]
    assert row["cabinet_state"] == "it's 100% new: yes"  # type: ignore[call-overload]


def test_without_a_server_default_the_column_would_fail(postgres_database: PostgresDatabase) -> None:
    """Why a Python-side default is not enough: the table has rows."""
    engine = sa.create_engine(postgres_database.url())
    try:
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE users (id INTEGER PRIMARY KEY)"))
            connection.execute(sa.text("INSERT INTO users VALUES (1)"))
        with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE users ADD COLUMN verified BOOLEAN NOT NULL"))
    finally:
        engine.dispose()
