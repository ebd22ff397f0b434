from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from merge_tool.cli import run
from tests.database.live.sample import make_sample
from tests.servers import PostgresDatabase


def schema(capsys: pytest.CaptureFixture[str], *args: str, code: int) -> str:
    assert run(["schema", "--policy", "remnabot", *args]) == code
    return capsys.readouterr().out


def test_clean_findings_and_usage(
    postgres_database: PostgresDatabase,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    app = make_sample(postgres_database)
    assert "no finding in 2 tenant tables" in schema(capsys, "--url", app.url(), code=0)
    monkeypatch.setenv("APP_DB", app.url())
    (tmp_path / "url").write_text(f"# the database\n{app.url()}\n")
    assert schema(capsys, "--url", "env:APP_DB", code=0) == schema(
        capsys, "--url-file", str(tmp_path / "url"), code=0
    )
    with psycopg.connect(postgres_database.url("")) as connection:
        connection.execute("ALTER TABLE orders NO FORCE ROW LEVEL SECURITY")
    text = schema(capsys, "--url", app.url(), code=1)
    assert "public.orders: TM7 error: row-level security is not forced" in text
    assert "ALTER TABLE orders FORCE ROW LEVEL SECURITY;" in text
    data = json.loads(schema(capsys, "--url", app.url(), "--json", code=1))
    assert [(item["code"], item["object"], item["sql"]) for item in data["findings"]] == [
        ("TM7", "public.orders", "ALTER TABLE orders FORCE ROW LEVEL SECURITY;")
    ]
    assert data["role"] == app.user
    assert {item["name"]: item["scope"] for item in data["tables"]}["public.bots"] == "shared"
    assert "| error | `public.orders` | TM7 |" in schema(capsys, "--url", app.url(), "--format", "md", code=1)
    assert (
        schema(capsys, "--url", app.url(), "--format", "sql", code=1)
        == "ALTER TABLE orders FORCE ROW LEVEL SECURITY;\n"
    )
    schema(capsys, code=2)
    schema(capsys, "--url", "env:NOT_THERE", code=2)
    schema(capsys, "--url", app.url(), "--url-file", "x", code=2)
    schema(capsys, "--url", app.url(), "--analyze", code=2)


def test_no_password_is_ever_printed(
    postgres_database: PostgresDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    app = make_sample(postgres_database)
    url = app.url().replace(f"{app.user}@", f"{app.user}:s3cr3t@")
    for args in ([], ["--json"], ["--format", "md"]):
        assert run(["schema", "--policy", "remnabot", "--url", url, *args]) == 0
        shown = capsys.readouterr()
        assert "s3cr3t" not in shown.out + shown.err
        assert "***" in shown.out.replace("\\", "")
    assert run(["schema", "--policy", "remnabot", "--url", url.replace(app.name, "not_there")]) == 2
    shown = capsys.readouterr()
    assert "s3cr3t" not in shown.err
    assert "mend: check the names in the URL" in shown.err


def test_explain_tells_an_index_that_serves_from_one_that_does_not(
    postgres_database: PostgresDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    app = make_sample(postgres_database)
    text = schema(capsys, "--url", app.url(), "--explain", code=0)
    assert "SELECT * FROM orders WHERE bot_id = $1: " in text
    queries = tmp_path / "queries.sql"
    queries.write_text(
        "-- the newest; and a comment with ':name' in it\n"
        "SELECT * FROM orders WHERE bot_id = :bot ORDER BY created_at DESC LIMIT 10;\n"
        "SELECT o.id FROM orders o JOIN users u ON u.id = o.user_id AND u.bot_id = o.bot_id WHERE o.bot_id = %(bot)s AND o.code = 'a;b';\n"
        "UPDATE orders SET code = $2 WHERE bot_id = $1;"
    )
    data = json.loads(
        schema(capsys, "--url", app.url(), "--explain", "--queries", str(queries), "--json", code=0)
    )
    assert [item["good"] for item in data["explain"]] == [True, True, True]
    assert all(index.startswith(("idx_", "uq_")) for item in data["explain"] for index in item["indexes"])
    with psycopg.connect(postgres_database.url("")) as connection:
        connection.execute("DROP INDEX idx_orders_bot_id, idx_orders_bot_id_created_at")
    data = json.loads(schema(capsys, "--url", app.url(), "--explain", "--table", "orders", "--json", code=1))
    (only,) = data["explain"]
    assert (only["sequential"], only["good"]) == (["orders"], False)
    assert "no index on the tenant serves orders" in only["verdict"]


def test_explain_runs_reads_only_and_one_statement_at_a_time(
    postgres_database: PostgresDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    app = make_sample(
        postgres_database,
        "INSERT INTO bots VALUES (7, 'b'); INSERT INTO users (bot_id) SELECT 7 FROM generate_series(1, 500)",
    )
    args = ["--url", app.url(), "--explain", "--analyze", "--max-ms", "1000", "--json"]
    data = json.loads(schema(capsys, *args, code=0))
    assert all(item["milliseconds"] is not None for item in data["explain"])
    slow = tmp_path / "slow.sql"
    slow.write_text("SELECT count(*) FROM users WHERE bot_id = 7 AND pg_sleep(0.03) IS NOT NULL AND id < 3")
    data = json.loads(
        schema(capsys, *args[:-3], "--max-ms", "0.0001", "--queries", str(slow), "--json", code=1)
    )
    assert "more than" in data["explain"][0]["verdict"]
    for bad in (
        "DROP TABLE users",
        "SELECT 1; DROP TABLE users",
        "SELECT nothing_there FROM users",
        "SELECT (",
        "COMMIT",
    ):
        slow.write_text(bad)
        schema(capsys, "--url", app.url(), "--explain", "--queries", str(slow), code=2)
    with psycopg.connect(postgres_database.url("")) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (500,)


def test_a_storys_tables_are_those_that_its_files_name(
    postgres_database: PostgresDatabase, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    app = make_sample(postgres_database)
    (tmp_path / "models.py").write_text(
        'class User(Base):\n    __tablename__ = "users"\nclass Order(Base):\n    __tablename__ = "orders"\n'
    )
    (tmp_path / "crud.py").write_text("from models import Order\ndef all(db):\n    return select(Order)\n")
    (tmp_path / "phases.yaml").write_text(
        'version: 1\ntitle: t\npolicy: remnabot\nphases:\n  - number: 3\n    title: t\n    stories:\n      - {id: "3.1", title: t, files: [crud.py]}\n'
    )
    data = json.loads(
        schema(
            capsys,
            "--url",
            app.url(),
            "--explain",
            "--story",
            "3.1",
            "--repo",
            str(tmp_path),
            "--json",
            code=0,
        )
    )
    assert [item["sql"] for item in data["explain"]] == ["SELECT * FROM orders WHERE bot_id = $1"]
    schema(capsys, "--url", app.url(), "--explain", "--story", "9.9", "--repo", str(tmp_path), code=2)
