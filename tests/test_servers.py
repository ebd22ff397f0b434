"""The servers that other tests rely on."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
import redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.servers import PostgresDatabase


def test_a_database_is_new_and_both_drivers_reach_it(postgres_database: PostgresDatabase) -> None:
    with psycopg.connect(postgres_database.url("")) as connection:
        connection.execute("CREATE TABLE here (id int)")

    async def tables() -> list[str]:
        engine = create_async_engine(postgres_database.url("asyncpg"))
        async with engine.connect() as connection:
            found = await connection.execute(
                text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            )
            names = [row[0] for row in found]
        await engine.dispose()
        return names

    assert asyncio.run(tables()) == ["here"]


def test_an_ordinary_role_can_connect(postgres_database: PostgresDatabase) -> None:
    role = f"app_{postgres_database.name}"
    with psycopg.connect(postgres_database.url("")) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
    with psycopg.connect(postgres_database.as_user(role).url("")) as connection:
        assert connection.execute(
            "SELECT current_user, usesuper FROM pg_user WHERE usename = current_user"
        ).fetchone() == (
            role,
            False,
        )


@pytest.mark.parametrize("turn", [1, 2])
def test_redis_is_empty_at_the_start(redis_url: str, turn: int) -> None:
    with redis.from_url(redis_url) as client:
        assert client.keys("*") == []
        assert client.set("key", turn)
