from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from merge_tool.database.dump import dump_database, mask_url, restore_database
from merge_tool.errors import ActionError, UserError
from tests.servers import PostgresDatabase

SECRET = "s3cr:t@p/ss"
QUOTED = "s3cr%3At%40p%2Fss"


def with_password(database: PostgresDatabase) -> str:
    return database.url().replace(f"{database.user}@", f"{database.user}:{QUOTED}@")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me:pw@host/db", "postgresql://me:***@host/db"),
        (f"postgresql+asyncpg://me:{QUOTED}@host:5432/db", "postgresql+asyncpg://me:***@host:5432/db"),
        ("postgresql://host/db?user=me&password=pw", "postgresql://host/db?password=***&user=me"),
        (
            "postgresql://host/db?sslpassword=pw&sslmode=require",
            "postgresql://host/db?sslmode=require&sslpassword=***",
        ),
        ("sqlite:///app.db", "sqlite:///app.db"),
        ("postgres//me:pw@host password=pw2", "postgres//me:***@host password=***"),
        ("://me:p@w@host", "://me:***@host"),
        ("me:pw@host/db", "me:***@host/db"),
        ("", ""),
    ],
)
def test_no_url_shows_its_password(url: str, expected: str) -> None:
    assert mask_url(url) == expected


def test_postgresql_comes_back_as_it_was(
    tmp_path: Path, postgres_database: PostgresDatabase, programs: Path
) -> None:
    url = postgres_database.url("")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA other")
        connection.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
        connection.execute("CREATE TABLE users (id serial PRIMARY KEY, name text, mood mood)")
        connection.execute("CREATE TABLE other.things (id int REFERENCES users)")
        connection.execute("INSERT INTO users (name, mood) VALUES ('Анна', 'good'), ('بهرام', NULL)")
        connection.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY")
    dump = dump_database(
        postgres_database.url("asyncpg"), tmp_path / "deep" / "dump.sql", pg_dump=str(programs / "pg_dump")
    )
    assert dump == tmp_path / "deep" / "dump.sql"
    assert dump.stat().st_mode & 0o077 == 0
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM users WHERE id = 1")
        connection.execute("ALTER TABLE users ADD COLUMN later int")
        connection.execute("CREATE TABLE newer (id int PRIMARY KEY, user_id int REFERENCES users)")
        connection.execute("CREATE VIEW later_view AS SELECT later FROM users")
        connection.execute("CREATE FUNCTION later_function() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        connection.execute("CREATE TYPE later_type AS ENUM ('x')")
    restore_database(postgres_database.url(), dump, psql=str(programs / "psql"))
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT * FROM users ORDER BY id").fetchall() == [
            (1, "Анна", "good"),
            (2, "بهرام", None),
        ]
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        assert tables == [("users",)]
        assert connection.execute(
            "SELECT to_regtype('later_type'), to_regproc('later_function')"
        ).fetchone() == (None, None)
        assert connection.execute("SELECT count(*) FROM other.things").fetchone() == (0,)
        assert connection.execute(
            "SELECT relrowsecurity FROM pg_class WHERE relname = 'users'"
        ).fetchone() == (True,)
        assert connection.execute("INSERT INTO users (name) VALUES ('c') RETURNING id").fetchone() == (3,)


def test_a_restore_that_fails_changes_nothing(
    tmp_path: Path, postgres_database: PostgresDatabase, programs: Path
) -> None:
    with psycopg.connect(postgres_database.url("")) as connection:
        connection.execute("CREATE TABLE users (id int)")
    dump = dump_database(postgres_database.url(), tmp_path / "dump.sql", pg_dump=str(programs / "pg_dump"))
    dump.write_text(dump.read_text().replace("CREATE TABLE public.users", "CREATE TABEL public.users"))
    with pytest.raises(ActionError, match="cannot be restored"):
        restore_database(postgres_database.url(), dump, psql=str(programs / "psql"))
    with psycopg.connect(postgres_database.url("")) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)


def test_the_password_goes_by_the_environment_alone(
    tmp_path: Path, postgres_database: PostgresDatabase, programs: Path
) -> None:
    spy = tmp_path / "pg_dump"
    spy.write_text(
        f"#!{sys.executable}\nimport os, sys, pathlib\n"
        f"pathlib.Path({str(tmp_path / 'seen')!r}).write_text(repr(sys.argv) + '\\n' + os.environ['PGPASSWORD'])\n"
        f"os.execv({str(programs / 'pg_dump')!r}, sys.argv)\n"
    )
    spy.chmod(0o755)
    dump_database(with_password(postgres_database), tmp_path / "dump.sql", pg_dump=str(spy))
    arguments, password = (tmp_path / "seen").read_text().split("\n")
    assert password == SECRET
    assert SECRET not in arguments
    assert QUOTED not in arguments
    assert "postgres" not in arguments.replace("pg_dump", "").replace(str(tmp_path), "")


def test_a_refused_connection_says_how_to_mend_it(tmp_path: Path, programs: Path) -> None:
    target = tmp_path / "dump.sql"
    target.write_text("the old one")
    with pytest.raises(ActionError) as caught:
        dump_database(f"postgresql://me:{QUOTED}@127.0.0.1:1/db", target, pg_dump=str(programs / "pg_dump"))
    assert "postgresql://me:***@127.0.0.1:1/db cannot be dumped" in caught.value.message
    assert "refused" in caught.value.message
    assert SECRET not in caught.value.message
    assert "server runs" in caught.value.hint
    assert target.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_program_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="no-such-program was not found") as caught:
        dump_database("postgresql://host/db", tmp_path / "d.sql", pg_dump="no-such-program")
    assert "install" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_sqlite_comes_back_as_it_was(tmp_path: Path) -> None:
    source = tmp_path / "an app.db"
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE users (name text)")
        connection.execute("INSERT INTO users VALUES ('Anna')")
        connection.commit()
        dump = dump_database(f"sqlite+aiosqlite:///{source}", tmp_path / "dump.db")
        connection.execute("DELETE FROM users")
        connection.commit()
    restore_database(f"sqlite:///{source}", dump)
    with closing(sqlite3.connect(source)) as connection:
        assert connection.execute("SELECT * FROM users").fetchall() == [("Anna",)]


@pytest.mark.parametrize("url", ["mysql://me:pw@host/db", "nonsense", "", "sqlite://", "sqlite:///:memory:"])
def test_other_urls_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        dump_database(url, tmp_path / "dump")
    assert "pw" not in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_missing_sqlite_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="there is no file"):
        dump_database(f"sqlite:///{tmp_path / 'gone.db'}", tmp_path / "dump")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_dump_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        restore_database("sqlite:///x.db", tmp_path / "gone")
    (tmp_path / "text").write_text("DROP TABLE users;")
    with pytest.raises(UserError, match="no SQLite database"):
        restore_database("sqlite:///x.db", tmp_path / "text")
    with pytest.raises(UserError, match="no complete dump"):
        restore_database("postgresql://host/db", tmp_path / "text")
