"""Stores to test on: each SQLite store is a new file, each PostgreSQL store an emptied database of one real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from merge_tool.store.open import open_store
from merge_tool.store.store import Store
from tests.servers import PostgresDatabase, fresh_database


@pytest.fixture(scope="session")
def state_server(postgres_admin: PostgresDatabase) -> Iterator[str]:
    """The URL of one database for all tests of the store."""
    with fresh_database(postgres_admin) as database:
        yield database.url("")


@pytest.fixture
def postgres_state(state_server: str) -> str:
    """The URL of a database that is empty."""
    import psycopg

    with psycopg.connect(state_server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return state_server


@pytest.fixture
def sqlite_state(tmp_path: Path) -> str:
    """The URL of a SQLite store that is not there yet, in a folder that is not there yet."""
    return f"sqlite:///{tmp_path / 'git dir' / 'merge-tool' / 'state.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def state_url(request: pytest.FixtureRequest) -> str:
    """Both kinds."""
    return str(request.getfixturevalue(f"{request.param}_state"))


@pytest.fixture
def store(state_url: str) -> Iterator[Store]:
    """An open store of either kind."""
    with open_store(state_url, "acme/fork") as opened:
        yield opened
