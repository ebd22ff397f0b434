"""Stores that cannot be used are told in words that help; nothing is made where nothing was asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from merge_tool.errors import ExitCode, StateError
from merge_tool.model.state import Holder, StoryStatus
from merge_tool.store.open import open_store
from merge_tool.store.url import masked, parse_url
from tests.servers import PostgresDatabase
from tests.store.samples import UNITS, outcome, run

ROOT = Path(__file__).parents[2]


def test_looking_makes_nothing(sqlite_state: str, tmp_path: Path) -> None:
    with open_store(sqlite_state, "p", create=False) as store:
        assert store.active_run() is store.last_run() is store.holder() is None
        assert store.runs() == []
        assert store.stories("x") == store.events("x") == store.all_steps("x") == []
        with store.snapshot(), pytest.raises(StateError, match="there is no state"):
            store.event("x", "started", "")
        with pytest.raises(StateError, match="there is no state"), store.lock(Holder("a@b", 1, "x")):
            pass
    assert list(tmp_path.iterdir()) == []


def test_looking_makes_no_tables_in_a_database(postgres_state: str) -> None:
    import psycopg

    with open_store(postgres_state, "p", create=False) as store:
        assert store.last_run() is None
    with psycopg.connect(postgres_state) as connection:
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert found == (0,)


def test_reading_leaves_no_file_behind(sqlite_state: str) -> None:
    folder = Path(sqlite_state.removeprefix("sqlite:///")).parent
    with open_store(sqlite_state, "p") as store:
        store.create_run(run(project="p"), UNITS)
    with open_store(sqlite_state, "p", create=False) as store:
        assert store.active_run() is not None
        assert store.holder() is None
    assert [path.name for path in folder.iterdir()] == ["state.db"]


def test_an_empty_file_is_an_empty_store(sqlite_state: str) -> None:
    path = Path(sqlite_state.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True)
    path.touch()
    with open_store(sqlite_state, "p", create=False) as store:
        assert store.runs() == []
    assert path.stat().st_size == 0
    with open_store(sqlite_state, "p") as store:
        store.create_run(run(project="p"), UNITS)


@pytest.mark.parametrize("name", ["with space", "100%", "a?b#c&d", "%41", "ünï", "file:x", "'q\"", "-"])
def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "state.db"
    with open_store(f"sqlite:///{path}", "p") as store:
        store.create_run(run(project="p"), UNITS)
        assert store.active_run() is not None
    assert path.is_file()


def test_a_relative_file_is_below_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store("sqlite:///sub/state.db", "p") as store:
        monkeypatch.chdir("/")
        store.create_run(run(project="p"), UNITS)
    assert (tmp_path / "sub" / "state.db").is_file()


@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_no_database(sqlite_state: str, create: bool) -> None:
    path = Path(sqlite_state.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True)
    path.write_text("this is a letter, not a database " * 100)
    with pytest.raises(StateError, match="is damaged: file is not a database") as caught:
        open_store(sqlite_state, "p", create=create)
    assert caught.value.exit_code is ExitCode.USAGE
    assert f"mv '{path}'" in caught.value.hint
    assert path.read_text().startswith("this is a letter")


def test_a_database_with_a_damaged_page(sqlite_state: str) -> None:
    path = Path(sqlite_state.removeprefix("sqlite:///"))
    with open_store(sqlite_state, "p") as store:
        store.create_run(run(project="p"), UNITS)
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StateError, match="damaged"), open_store(sqlite_state, "p", create=False) as store:
        store.runs()


def test_a_table_that_was_dropped_by_hand(sqlite_state: str) -> None:
    import sqlite3

    open_store(sqlite_state, "p").close()
    connection = sqlite3.connect(sqlite_state.removeprefix("sqlite:///"))
    connection.execute("DROP TABLE merge_tool_event")
    connection.close()
    with (
        open_store(sqlite_state, "p") as store,
        pytest.raises(StateError, match=r"lacks a table.*merge_tool_event"),
    ):
        store.events("x")


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "merge-tool").write_text("")
    for create in (True, False):
        if create:
            with pytest.raises(StateError, match="cannot be opened for writing") as caught:
                open_store(f"sqlite:///{tmp_path}/merge-tool/state.db", "p", create=create)
            assert "--state-url" in caught.value.hint
        else:
            with open_store(f"sqlite:///{tmp_path}/merge-tool/state.db", "p", create=create) as store:
                assert store.runs() == []


def test_a_folder_where_the_file_should_be(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be opened for writing"):
        open_store(f"sqlite:///{tmp_path}", "p")


@pytest.fixture
def foreign() -> Iterator[Path]:
    """A folder that an ordinary user can enter but not write to, with a store in it."""
    folder = Path(tempfile.mkdtemp(prefix="mt-foreign-"))
    with open_store(f"sqlite:///{folder}/state.db", "p") as store:
        store.create_run(run(project="p"), UNITS)
    (folder / "state.db").chmod(0o444)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


AS_A_STRANGER = """
import os, sys
import merge_tool.store.engine, merge_tool.store.migrate, merge_tool.store.writing, merge_tool.store.lock, filelock, alembic.command
from merge_tool.errors import StateError
from merge_tool.model.state import Holder
from merge_tool.store.open import open_store
if os.geteuid() == 0:
    os.setegid(65534), os.seteuid(65534)
folder, run_id = sys.argv[1:]
with open_store(f"sqlite:///{folder}/state.db", "p") as store:
    assert store.active_run().id == run_id, "reading needs no right to write"
    for what in (lambda: store.event(run_id, "started", "x"), lambda: store.lock(Holder("a@b", 1, "x")).__enter__()):
        try:
            what()
            print("allowed")
        except StateError as error:
            print(error, "|", error.hint)
try:
    open_store(f"sqlite:///{folder}/new/state.db", "p")
except StateError as error:
    print(error, "|", error.hint)
"""


def test_a_store_that_one_may_only_read(foreign: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AS_A_STRANGER, foreign, run().id],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert "cannot be opened for writing" in line
        assert "--state-url" in line


ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from merge_tool.errors import StateError
from merge_tool.store.open import open_store
from tests.servers import PostgresDatabase
from tests.store.samples import outcome, run
url = sys.argv[1]
path = Path(url.removeprefix("sqlite:///"))
with open_store(url, "p") as store:
    store.begin_step(run().id, "0.1", 0, 0, kind="copy", tree_before="t")
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, resource.RLIM_INFINITY))
    try:
        store.finish_step(run().id, "0.1", 0, 0, status="done", tree_after="t", outcome=outcome("x" * 200, files=2000))
        print("stored")
    except StateError as error:
        print(error, "|", error.hint)
"""


def test_a_write_that_does_not_fit_leaves_what_was_there(sqlite_state: str) -> None:
    with open_store(sqlite_state, "p") as store:
        store.create_run(run(project="p"), UNITS)
    done = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, sqlite_state],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert "merge-tool continue" in done.stdout
    with open_store(sqlite_state, "p") as store:
        assert [step.status for step in store.steps(run().id, "0.1")] == ["running"]
        assert store.files(run().id) == []
        store.finish_step(run().id, "0.1", 0, 0, status="done", tree_after="t", outcome=outcome(files=3))
        store.finish_story(run().id, "0.1", 0, "c" * 40, StoryStatus.DONE)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "neither SQLite nor PostgreSQL"),
        ("state.db", "neither SQLite nor PostgreSQL"),
        ("mysql://root:hunter22@host/db", "neither SQLite nor PostgreSQL"),
        ("postgresql+asyncpg://app:hunter22@host/db", "a driver that is not used here"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://host/x", "names no file"),
        ("postgresql://app:hunter22@host:port/db", "cannot be read"),
    ],
)
def test_urls_that_name_no_store(url: str, said: str) -> None:
    with pytest.raises(StateError, match=said) as caught:
        open_store(url, "p")
    assert caught.value.hint
    assert "hunter22" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "POSTGRESQL"])
def test_every_way_to_write_postgresql(scheme: str) -> None:
    where = parse_url(f"{scheme}://app:s%40crét@db.example.org:5433/state?sslmode=require")
    assert where.url == "postgresql+psycopg://app:s%40crét@db.example.org:5433/state?sslmode=require"
    assert where.shown == "postgresql://app:***@db.example.org:5433/state?sslmode=require"
    said = f"no s@crét, no s%40crét, no {where.url}"
    assert where.scrubbed(said) == f"no ***, no ***, no {where.shown}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://app@host/db", "postgresql://app@host/db"),
        ("postgresql://app:p@ss/w?rd@host/db", "postgresql://app:***@host/db"),
        (
            "postgresql://host/db?user=a&password=pw&sslpassword=x&port=1",
            "postgresql://host/db?user=a&password=***&sslpassword=***&port=1",
        ),
        ("no url at all", "no url at all"),
    ],
)
def test_passwords_are_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_no_server_there() -> None:
    with pytest.raises(StateError, match="does not answer") as caught:
        open_store("postgresql://app:hunter22@127.0.0.1:1/state", "p")
    assert "postgresql://app:***@127.0.0.1:1/state" in str(caught.value)
    assert "hunter22" not in f"{caught.value} {caught.value.hint}"
    assert caught.value.__cause__ is not None


def test_no_such_database(postgres_admin: PostgresDatabase) -> None:
    with pytest.raises(StateError, match="nowhere"):
        open_store(replace(postgres_admin, name="nowhere").url(""), "p")


def test_a_database_that_takes_no_writes(postgres_state: str) -> None:
    with pytest.raises(StateError, match="takes no writes") as caught:
        open_store(f"{postgres_state}&options=-c%20default_transaction_read_only%3Don", "p")
    assert "primary" in caught.value.hint


def test_the_driver_is_missing() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from merge_tool.errors import StateError\nfrom merge_tool.store.open import open_store\n"
        "try: open_store('postgresql://a:hunter22@h/d', 'p')\nexcept StateError as error: print(error, '|', error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "psycopg" in done.stdout
    assert 'pip install "merge-tool[postgres]"' in done.stdout
    assert "hunter22" not in done.stdout


def test_two_processes_may_make_the_store_at_once(state_url: str) -> None:
    code = "import sys\nfrom merge_tool.store.open import open_store\nopen_store(sys.argv[1], 'p').close()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [subprocess.Popen([sys.executable, "-c", code, state_url], env=environment) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    with open_store(state_url, "p") as store:
        store.create_run(run(project="p"), UNITS)
