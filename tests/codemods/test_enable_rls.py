"""The revision of enable-rls on PostgreSQL: up, down and up again with rows in the tables, and what each role then sees."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from merge_tool.codemods.base import make_codemod
from merge_tool.errors import UserError
from merge_tool.index.project import ProjectIndex
from merge_tool.lint.loader import load_rules
from merge_tool.model.source import Severity
from tests.codemods.helpers import policy, reasons, run
from tests.servers import PostgresDatabase

ENV = """from alembic import context
from sqlalchemy import create_engine

engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
MODELS = """from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Bot(Base):
    __tablename__ = "bots"
    id = Column(Integer, primary_key=True)
    name = Column(String(255), nullable=False)
    bot_token = Column(String(128), nullable=False, unique=True)
    is_active = Column(Boolean, nullable=False)


class User(Base):
    __tablename__ = "users"
    __table_args__ = (Index("uq_users_bot_id_telegram_id", "bot_id", "telegram_id", unique=True), Index("idx_users_bot_id", "bot_id"))
    id = Column(Integer, primary_key=True)
    telegram_id = Column(Integer, index=True)
    referrer_id = Column(ForeignKey("users.id"))
    bot_id = Column(Integer, nullable=False)


class Order(Base):
    __tablename__ = "orders"
    __table_args__ = (Index("uq_orders_bot_id_code", "bot_id", "code", unique=True), Index("idx_orders_bot_id", "bot_id"))
    id = Column(Integer, primary_key=True)
    user_id = Column(ForeignKey("users.id"))
    code = Column(String(20))
    bot_id = Column(Integer, nullable=False)


class Line(Base):
    __tablename__ = "lines"
    id = Column(Integer, primary_key=True)
    order_id = Column(ForeignKey("orders.id"), nullable=False)
    bot_id = Column(Integer, index=True, nullable=False)
"""
FIRST = '''"""start

Revision ID: a1
Revises:

"""
import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("telegram_id", sa.Integer()),
        sa.Column("referrer_id", sa.Integer(), sa.ForeignKey("users.id")),
    )
    op.create_index("ix_users_telegram_id", "users", ["telegram_id"], unique=True)
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id")),
        sa.Column("code", sa.String(20), unique=True),
    )
    op.create_table(
        "lines",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("orders.id"), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("lines")
    op.drop_table("orders")
    op.drop_table("users")
'''
SESSIONS = """from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

engine = create_async_engine("postgresql+asyncpg://")
AsyncSessionLocal = async_sessionmaker(engine)
"""
CONTEXT = "def get_current_tenant() -> int | None:\n    return None\n"
FILES = {
    "app/core/tenant_context.py": CONTEXT,
    "app/database/models.py": MODELS,
    "app/database/database.py": SESSIONS,
    "migrations/versions/a1_start.py": FIRST,
}


def written() -> str:
    """The revision for FILES."""
    result = run("enable-rls", FILES)
    assert reasons(result) == []
    (path,) = [path for path in result.texts if path.startswith("migrations/")]
    return result.texts[path]


@pytest.fixture
def alembic(tmp_path: Path, postgres_database: PostgresDatabase) -> Config:
    """An Alembic environment of both revisions on a database of its own."""
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENV)
    (tmp_path / "versions" / "a1_start.py").write_text(FIRST)
    (tmp_path / "versions" / "b2_rls.py").write_text(written())
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", postgres_database.url())
    return config


def test_the_revision_goes_up_down_and_up_again_with_rows(
    alembic: Config, postgres_database: PostgresDatabase
) -> None:
    command.upgrade(alembic, "a1")
    with psycopg.connect(postgres_database.url(""), autocommit=True) as connection:
        connection.execute("INSERT INTO users VALUES (1, 100, NULL), (2, 200, 1)")
        connection.execute("INSERT INTO orders VALUES (1, 1, 'a'), (2, NULL, 'b')")
        connection.execute("INSERT INTO lines VALUES (1, 1), (2, 2)")
        for _ in range(2):
            command.upgrade(alembic, "head")
            for table in ("users", "orders", "lines"):
                rows = connection.execute(f"SELECT DISTINCT bot_id FROM {table}").fetchall()
                assert rows == [(1,)], table
                forced = "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s"
                assert connection.execute(forced, [table]).fetchone() == (True, True)
            # The same person and code may be there for two tenants now, and not twice for one.
            connection.execute("INSERT INTO bots VALUES (2, 'b', 'token', true)")
            connection.execute("INSERT INTO users VALUES (3, 100, NULL, 2)")
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO users VALUES (4, 100, NULL, 2)")
            with pytest.raises(psycopg.errors.NotNullViolation):
                connection.execute("INSERT INTO orders VALUES (4, 1, 'c', NULL)")
            connection.execute("DELETE FROM users WHERE id = 3")
            command.downgrade(alembic, "a1")
            columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'bot_id'"
            assert connection.execute(columns).fetchone() == (0,)
            assert connection.execute("SELECT to_regclass('bots')").fetchone() == (None,)
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO users VALUES (3, 100, NULL)")
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO orders VALUES (3, 1, 'a')")
            assert connection.execute("SELECT count(*) FROM lines").fetchone() == (2,)


def test_a_role_sees_and_writes_the_rows_of_its_tenant_alone(
    alembic: Config, postgres_database: PostgresDatabase
) -> None:
    command.upgrade(alembic, "head")
    with psycopg.connect(postgres_database.url(""), autocommit=True) as admin:
        admin.execute("INSERT INTO bots VALUES (1, 'a', 'x', true), (2, 'b', 'y', true)")
        admin.execute("INSERT INTO users VALUES (1, 100, NULL, 1), (2, 100, NULL, 2)")
        admin.execute("CREATE ROLE shop LOGIN")
        admin.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO shop")
    try:
        with psycopg.connect(postgres_database.as_user("shop").url(""), autocommit=True) as shop:
            assert shop.execute("SELECT id FROM users").fetchall() == []
            with shop.transaction():
                shop.execute("SELECT set_config('app.current_tenant', '2', true)")
                assert shop.execute("SELECT id FROM users").fetchall() == [(2,)]
                assert shop.execute("UPDATE users SET telegram_id = 5 WHERE id = 1").rowcount == 0
            assert shop.execute("SELECT id FROM users").fetchall() == []  # '' after the transaction, no error
            with pytest.raises(psycopg.errors.InsufficientPrivilege), shop.transaction():
                shop.execute("SELECT set_config('app.current_tenant', '2', true)")
                shop.execute("INSERT INTO users VALUES (9, 900, NULL, 1)")
    finally:
        with psycopg.connect(postgres_database.url(""), autocommit=True) as admin:
            admin.execute("DROP OWNED BY shop")
            admin.execute("DROP ROLE shop")


def test_the_session_tells_the_tenant_once() -> None:
    text = run("enable-rls", FILES).texts["app/database/database.py"]
    assert text.count('@event.listens_for(Session, "after_begin")') == 1
    assert "set_config('app.current_tenant', :tenant, true)" in text
    assert "from app.core.tenant_context import get_current_tenant\n" in text
    compile(text, "database.py", "exec")


def test_a_context_that_imports_the_sessions_is_asked_where_it_is_used() -> None:
    files = {**FILES, "app/core/tenant_context.py": "from app.database.database import engine\n\n" + CONTEXT}
    text = run("enable-rls", files).texts["app/database/database.py"]
    head, _, body = text.partition("def tell_tenant(")
    assert "tenant_context" not in head
    assert "    from app.core.tenant_context import get_current_tenant\n" in body


def test_what_is_done_is_not_done_again() -> None:
    names = {
        "migrations/versions/b2_rls.py": written(),
        "app/database/database.py": run("enable-rls", FILES).texts["app/database/database.py"],
    }
    result = run("enable-rls", {**FILES, **names})
    assert dict(result.texts) == {}


def test_a_column_that_the_revisions_made_is_kept_and_guarded() -> None:
    first = FIRST.replace(
        'sa.Column("order_id"',
        'sa.Column("bot_id", sa.Integer(), nullable=False),\n        sa.Column("order_id"',
    )
    result = run("enable-rls", {**FILES, "migrations/versions/a1_start.py": first})
    (text,) = [text for path, text in result.texts.items() if path.startswith("migrations/")]
    assert '"lines"' not in text[text.index("ADDED = (") : text.index("GUARDED = (")]
    assert '    op.create_index("idx_lines_bot_id", "lines", ["bot_id"])\n' in text
    assert '    "lines",\n' in text[text.index("GUARDED = (") :]


def test_tables_that_no_revision_makes_are_passed_over_where_they_are_missing() -> None:
    cut = (
        FIRST[: FIRST.index('    op.create_table(\n        "lines"')]
        + "\n\ndef downgrade() -> None:\n    pass\n"
    )
    result = run("enable-rls", {**FILES, "migrations/versions/a1_start.py": cut})
    assert any("no revision makes the table lines" in reason for reason in reasons(result))
    (text,) = [text for path, text in result.texts.items() if path.startswith("migrations/")]
    assert 'ELSEWHERE = (\n    "lines",\n)' in text
    assert text.count("if not _is_there(connection, table):") == 4


def test_several_heads_are_joined_and_told_and_so_is_a_project_without_revisions() -> None:
    other = FIRST.replace('"a1"', '"a2"').replace("ID: a1", "ID: a2").replace('"users"', '"people"')
    result = run("enable-rls", {**FILES, "migrations/versions/a2_other.py": other})
    assert any("several heads (a1, a2)" in reason for reason in reasons(result))
    (text,) = [text for path, text in result.texts.items() if path.startswith("migrations/")]
    assert "down_revision = ('a1', 'a2')" in text
    bare = {path: text for path, text in FILES.items() if not path.startswith("migrations/")}
    assert any("no Alembic revision" in reason for reason in reasons(run("enable-rls", bare)))
    with pytest.raises(UserError, match="not of the form"):
        make_codemod("enable-rls", {"setting": "x'; DROP TABLE users"})


def test_a_chain_with_a_fault_is_told_and_read_past() -> None:
    twin = FIRST.replace('"users"', '"people"').replace('"orders"', '"sales"').replace('"lines"', '"parts"')
    result = run("enable-rls", {**FILES, "migrations/versions/a1_twin.py": twin})
    assert any("revision a1 is defined twice" in reason for reason in reasons(result))
    (text,) = [text for path, text in result.texts.items() if path.startswith("migrations/")]
    assert 'down_revision = "a1"' in text or "down_revision = 'a1'" in text


def test_the_linters_find_nothing_in_what_is_written() -> None:
    new = {**FILES, **run("enable-rls", FILES).texts}
    index = ProjectIndex.build(new, policy())
    found = [
        (rule.code, item.path, item.message)
        for rule in load_rules()
        for module in index.modules.values()
        for item in rule.check(module, index, policy())
        if item.severity is not Severity.INFO
    ]
    assert found == []
