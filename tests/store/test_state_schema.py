"""The migrations make what the models say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from merge_tool.errors import StateError
from merge_tool.store import migrate, models, reader
from merge_tool.store.engine import postgres_engine, sqlite_engine
from merge_tool.store.open import open_store
from merge_tool.store.schema import HEAD, PREFIX, REVISIONS, VERSION_TABLE
from merge_tool.store.url import parse_url
from tests.store.samples import UNITS, run


def engine_of(url: str):  # type: ignore[no-untyped-def]
    where = parse_url(url)
    return sqlite_engine(where) if where.path else postgres_engine(where)


def test_the_known_revisions_are_those_in_the_folder() -> None:
    scripts = ScriptDirectory(str(migrate.SCRIPTS))
    assert scripts.get_heads() == [HEAD]
    assert tuple(item.revision for item in reversed(list(scripts.walk_revisions()))) == REVISIONS


def test_migrations_and_models_agree(state_url: str) -> None:
    open_store(state_url, "p").close()
    engine = engine_of(state_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, models.Base.metadata) == []
        assert context.get_current_revision() == HEAD
    engine.dispose()


def test_a_missing_column_would_be_noticed(sqlite_state: str) -> None:
    open_store(sqlite_state, "p").close()
    engine = engine_of(sqlite_state)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE merge_tool_run DROP COLUMN target"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert [change[0] for change in compare_metadata(context, models.Base.metadata)] == ["add_column"]
    engine.dispose()


def test_the_reader_reads_columns_that_are_there() -> None:
    """It builds its SELECTs from the dataclasses: SQLite would take an unknown name in quotes for a text."""
    for kind, table in reader._TABLES.items():
        columns = set(models.Base.metadata.tables[f"{PREFIX}{table}"].columns.keys())
        wanted = {"outcome_json" if item.name == "outcome" else item.name for item in fields(kind)}
        assert wanted <= columns, f"{kind.__name__} has what {table} lacks"


def test_a_store_goes_down_and_up_again(state_url: str) -> None:
    from alembic import command
    from alembic.config import Config

    open_store(state_url, "p").close()
    engine = engine_of(state_url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.SCRIPTS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    engine.dispose()
    with open_store(state_url, "p") as store:
        store.create_run(run(project="p"), UNITS)
        assert store.active_run() is not None


def test_a_newer_store_is_left_alone(state_url: str) -> None:
    with open_store(state_url, "p") as store:
        store.create_run(run(project="p"), UNITS)
    engine = engine_of(state_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    engine.dispose()
    for create in (True, False):
        with pytest.raises(StateError, match="'9999'") as caught:
            open_store(state_url, "p", create=create)
        assert "newer merge-tool" in caught.value.hint


def test_a_migration_that_fails_leaves_no_table(sqlite_state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr(op, "create_index", fail)
        with pytest.raises(RuntimeError, match="cut off"):
            open_store(sqlite_state, "p")
    engine = engine_of(sqlite_state)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM sqlite_master")).all() == []
    engine.dispose()
    with open_store(sqlite_state, "p") as store:
        assert store.runs() == []


@pytest.mark.parametrize("create", [True, False])
def test_reading_an_up_to_date_store_imports_neither_sqlalchemy_nor_alembic(
    sqlite_state: str, create: bool
) -> None:
    with open_store(sqlite_state, "p") as store:
        store.create_run(run(project="p"), UNITS)
    code = f"""
import sys
from merge_tool.store.open import open_store
with open_store({sqlite_state!r}, "p", create={create}) as store:
    active = store.active_run()
    assert len(store.stories(active.id)) == 3
    assert store.holder() is None
print([name for name in ("sqlalchemy", "alembic", "filelock", "psycopg") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"


def test_writing_an_up_to_date_store_does_not_import_alembic(sqlite_state: str) -> None:
    with open_store(sqlite_state, "p") as store:
        store.create_run(run(project="p"), UNITS)
    code = f"""
import sys
from merge_tool.store.open import open_store
with open_store({sqlite_state!r}, "p") as store:
    store.event({run().id!r}, "started", "x")
print("alembic" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "False"
