"""Criteria that a server shows, end to end: a small project with Alembic, a real PostgreSQL and a real Redis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from tests.database.live.sample import PINS
from tests.project import Project, make_project, stories_plan
from tests.servers import PostgresDatabase

ENV = """\
import os
from alembic import context
from sqlalchemy import create_engine
from models import Base
engine = create_engine(os.environ.get("OTHER_URL") or os.environ["DATABASE_URL"])
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
MODELS = """\
from sqlalchemy import Column, ForeignKey, Index, Integer, String
from sqlalchemy.orm import declarative_base
Base = declarative_base()
class Bot(Base):
    __tablename__ = "bots"
    id = Column(Integer, primary_key=True)
    name = Column(String, nullable=False)
class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer, ForeignKey("bots.id"), nullable=False)
    email = Column(String)
    __table_args__ = (Index("idx_users_bot_id", "bot_id"),)
"""
FIRST = f"""\
import sqlalchemy as sa
from alembic import op
revision = "a1"
down_revision = None
def upgrade():
    op.create_table("bots", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String, nullable=False))
    op.create_table("users", sa.Column("id", sa.Integer, primary_key=True), sa.Column("bot_id", sa.Integer, sa.ForeignKey("bots.id"), nullable=False))
    op.create_index("idx_users_bot_id", "users", ["bot_id"])
    op.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE users FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY p ON users USING ({PINS}) WITH CHECK ({PINS})")
def downgrade():
    op.drop_table("users")
    op.drop_table("bots")
"""
SECOND = """\
import sqlalchemy as sa
from alembic import op
revision = "b2"
down_revision = "a1"
def upgrade():
    op.add_column("users", sa.Column("email", sa.String))
def downgrade():
    op.drop_column("users", "email")
"""
STORY = """\
- id: "0.1"
  title: Check
  actions:
    - {kind: backup, branch: "backup-before-upstream-merge-{date}", database: false}
    - {kind: fetch}
  criteria:
"""
CACHE_TEST = """\
import functools
from sqlalchemy import create_engine, text
engine = create_engine("sqlite://")
@functools.lru_cache
def cached():
    with engine.connect() as connection:
        return connection.execute(text("SELECT 1 AS settings")).scalar()
def uncached():
    return cached.__wrapped__()
def test_cached():
    assert cached() + cached() + cached() == 3
def test_uncached():
    assert uncached() + uncached() + uncached() == 3
"""


def standing(
    project: Project, monkeypatch: pytest.MonkeyPatch, url: str, redis_url: str = ""
) -> dict[str, tuple[str, str]]:
    monkeypatch.setenv("MERGE_TOOL_DATABASE_URL", url)
    monkeypatch.setenv("MERGE_TOOL_REDIS_URL", redis_url)
    project.run("phase", "0", code=None)
    data: dict[str, Any] = project.json("status", code=None)
    return {item["id"]: (item["status"], item["evidence"]) for item in data["criteria"]}


def make(tmp_path: Path, capsys: pytest.CaptureFixture[str], checks: list[str], **files: str) -> Project:
    criteria = "".join(
        f'    - {{id: "{number}", given: a, when: b, then: c, check: {{{check}}}}}\n'
        for number, check in enumerate(checks, 1)
    )
    plan = stories_plan([STORY + criteria]).replace("policy: generic", "policy: tenancy.yaml")
    project = make_project(tmp_path, plan)
    project.capsys = capsys
    folder = "migrations/versions"
    project.fork.commit(
        "database",
        {
            "tenancy.yaml": "extends: remnabot\n", "alembic.ini": "[alembic]\nscript_location = migrations\n", "migrations/env.py": ENV, "models.py": MODELS,
            "migrations/script.py.mako": "", f"{folder}/a1_first.py": FIRST, f"{folder}/b2_second.py": SECOND, "test_cache.py": CACHE_TEST,
        } | {path.replace("__", "/").replace("_py", ".py"): text for path, text in files.items()},
    )  # fmt: skip
    return project


CHECKS = [
    "schema: {live: branch}",
    "schema: {table: users, columns: [email], indexes: [idx_users_bot_id], live: branch}",
    "explain: {tables: [users], max_ms: 100}",
    'explain: {queries: ["SELECT id FROM users WHERE email = :email"]}',
    "alembic: {}",
    'query: {sql: "SELECT count(*) FROM information_schema.columns WHERE column_name = \'email\'", expect: 1, on: branch}',
    "keys: {}",
    'count: {nodes: ["test_cache.py::test_cached"], table: settings, at_most: 1}',
    'count: {nodes: ["test_cache.py::test_uncached"], table: settings, at_most: 1}',
    'query: {sql: "SELECT 1", expect: 1}',
]  # fmt: skip


def test_each_kind_is_shown_by_the_server(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    postgres_database: PostgresDatabase,
    redis_url: str,
) -> None:
    project = make(tmp_path, capsys, CHECKS)
    with redis.from_url(redis_url) as client:
        client.set("7:cart", 1)
    found = standing(project, monkeypatch, postgres_database.url(), redis_url)
    assert {name: status for name, (status, _) in found.items()} == {
        "1": "passed", "2": "passed", "3": "passed", "4": "failed", "5": "passed", "6": "passed", "7": "passed", "8": "passed", "9": "failed", "10": "passed",
    }, found  # fmt: skip
    assert "no finding about 1 tenant tables" in found["1"][1]
    assert "1 columns and 1 indexes asked for are there" in found["2"][1]
    assert "idx_users_bot_id" in found["3"][1]
    assert "ms" in found["3"][1]
    assert "no index on the tenant serves users" in found["4"][1]
    assert "downgrade -1, upgrade with rows in 2 of 2 tables: schema and rows as before" in found["5"][1]
    assert "1 keys, 0 without a tenant" in found["7"][1]
    assert "3 statements on settings" in found["9"][1]
    with psycopg.connect(postgres_database.url("")) as connection:  # the database given was left alone
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)
        names = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'merge_tool_%'"
        ).fetchall()
    assert names == []


MUTATIONS = {
    "policy dropped": ("1", {"migrations__versions__a1_first_py": FIRST.replace('    op.execute("CREATE POLICY', '    op.f("CREATE POLICY')}, "has no policy"),
    "not forced": ("1", {"migrations__versions__a1_first_py": FIRST.replace("FORCE ROW", "NO FORCE ROW")}, "not forced"),
    "index dropped": ("3", {"migrations__versions__a1_first_py": FIRST.replace('    op.create_index', "    op.f").replace(', "users", ["bot_id"])', ")")}, "no index on the tenant"),
    "column dropped": ("2", {"migrations__versions__b2_second_py": SECOND.replace("    op.add_column", "    str").replace(', sa.Column("email", sa.String))', ")")}, "no column email"),
    "downgrade forgets": ("5", {"migrations__versions__b2_second_py": SECOND.replace('    op.drop_column("users", "email")', "    pass")}, "upgrade after the downgrade fails"),
    "downgrade loses rows": ("5", {"migrations__versions__b2_second_py": SECOND.replace("    op.drop_column", '    op.execute("DELETE FROM users")\n    op.drop_column')}, "loses rows of public.users"),
    "unfilled column": ("5", {"migrations__versions__b2_second_py": SECOND.replace("sa.String))", "sa.String, nullable=False))")}, "b2_second.py:"),
    "two heads": ("5", {"migrations__versions__c3_py": SECOND.replace("b2", "c3").replace("email", "phone")}, "2 heads: b2, c3"),
    "drift": ("5", {"models_py": MODELS.replace("    email = Column(String)\n", "    email = Column(String)\n    phone = Column(String)\n")}, "models and revisions differ"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_turns_its_criterion_red(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    postgres_database: PostgresDatabase,
    name: str,
) -> None:
    criterion, files, part = MUTATIONS[name]
    project = make(tmp_path, capsys, [CHECKS[int(criterion) - 1]], **files)
    status, evidence = standing(project, monkeypatch, postgres_database.url())["1"]
    assert status == "failed", evidence
    assert part in evidence


def test_without_a_server_nothing_is_assumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(tmp_path, capsys, [*CHECKS[:7], CHECKS[9]])
    found = standing(project, monkeypatch, "")
    assert {status for status, _ in found.values()} == {"open"}
    assert all("MERGE_TOOL_" in evidence for _, evidence in found.values())


def test_an_env_that_connects_elsewhere_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    postgres_database: PostgresDatabase,
) -> None:
    project = make(tmp_path, capsys, [CHECKS[4]])
    monkeypatch.setenv("OTHER_URL", postgres_database.url())
    status, evidence = standing(project, monkeypatch, postgres_database.url())["1"]
    assert status == "failed"
    assert "connects elsewhere" in evidence
    with psycopg.connect(postgres_database.url("")) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)


def test_keys_without_a_tenant_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    project = make(tmp_path, capsys, ["keys: {}"])
    with redis.from_url(redis_url) as client:
        client.set("session:7", 1)
    status, evidence = standing(project, monkeypatch, "", redis_url)["1"]
    assert status == "failed"
    assert "session:* (1)" in evidence


BESIDE = [
    'count: {nodes: ["test_cache.py::test_cached"], table: settings, at_most: 1}}, with_database: {explain: {tables: [users], max_ms: 100}',
    "schema: {table: users, columns: [email]}}, with_database: {schema: {table: users, columns: [nowhere], live: branch}",
]  # fmt: skip


def test_what_must_hold_besides_is_asked_where_a_database_is_given(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    postgres_database: PostgresDatabase,
) -> None:
    project = make(tmp_path / "with", capsys, BESIDE)
    found = standing(project, monkeypatch, postgres_database.url(""))
    assert found["1"][0] == "passed"
    assert "at most 1 statements on settings" in found["1"][1]
    assert "EXPLAIN of" in found["1"][1]
    assert found["2"][0] == "failed"
    assert "users has no column nowhere" in found["2"][1]
    without = standing(make(tmp_path / "without", capsys, BESIDE), monkeypatch, "")
    assert {name: status for name, (status, _) in without.items()} == {"1": "passed", "2": "passed"}
    assert "EXPLAIN" not in without["1"][1]


def test_the_schema_report_tells_what_the_revisions_make(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    postgres_database: PostgresDatabase,
) -> None:
    story = STORY.partition("  criteria:")[0] + "    - {kind: schema, report: schema.md, live: branch}\n"
    plan = stories_plan([story]).replace("policy: generic", "policy: tenancy.yaml")
    project = make(tmp_path, capsys, [])
    (project.fork.path / "phases.yaml").write_text(plan)
    project.fork.commit("plan", {})
    monkeypatch.setenv("MERGE_TOOL_DATABASE_URL", postgres_database.url(""))
    assert "has 1 tenant tables of" in " ".join(project.run("phase", "0", code=None).split())
    text = project.show("schema.md")
    assert "| `public.users` | yes |" in text
    assert "| `public.bots` | no |" in text
