"""Rollback of 0.1.1, tested: every phase back and forward gives the same trees; the database goes back and nothing of it is lost."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from merge_tool.database.live.connect import reading
from merge_tool.database.live.read import read_catalog
from merge_tool.database.live.shape import differences
from tests.database.live.sample import make_sample
from tests.project import Project, make_project
from tests.servers import PostgresDatabase


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    made = make_project(tmp_path)
    made.capsys = capsys
    return made


def tree(project: Project) -> str:
    return project.fork.git("rev-parse", f"{project.branch()}^{{tree}}")


def through(project: Project, phase: int, again: bool = False) -> None:
    """Runs a phase to its end, with the answers that its stops need; a conflict that was resolved before asks nothing."""
    project.run("phase", str(phase), code=None)
    if phase == 2 and not again:
        project.run("resolve", "hard.py", "--ours")
        project.run("continue")
    if phase == 3:
        project.run("approve", "3.1", "--note", "read")


def test_every_phase_goes_back_and_forward_to_the_same_tree(project: Project) -> None:
    before, after = {}, {}
    for phase in range(4):
        before[phase] = tree(project) if phase else ""
        through(project, phase)
        after[phase] = tree(project)
    for phase in (3, 2, 1, 0):
        project.run("rollback", "--phase", str(phase))
        if phase:
            assert tree(project) == before[phase]
        else:
            assert tree(project) == project.fork.git("rev-parse", "main^{tree}")
        assert project.run("status", code=None)
    for phase in range(4):
        through(project, phase, again=True)
        assert tree(project) == after[phase]


def test_the_database_goes_back_with_its_phase(
    project: Project,
    postgres_database: PostgresDatabase,
    programs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_sample(postgres_database, "INSERT INTO bots VALUES (1, 'one')")
    url = postgres_database.url()
    monkeypatch.setenv("MERGE_TOOL_DATABASE_URL", url)
    monkeypatch.setenv("MERGE_TOOL_PG_DUMP", str(programs / "pg_dump"))
    project.run("phase", "0")
    project.run("phase", "1")
    with reading(url) as connection:
        before = read_catalog(connection)
    change = "ALTER TABLE users ADD COLUMN later int; INSERT INTO bots VALUES (2, 'two'); CREATE TABLE newer (id int)"
    with psycopg.connect(postgres_database.url("")) as connection:
        connection.execute(change.encode())
    told = project.json("rollback", "--phase", "1", "--database", "--dry-run")
    assert told["database"]["bytes"] > 0
    with psycopg.connect(postgres_database.url("")) as connection:
        assert connection.execute("SELECT count(*) FROM bots").fetchone() == (2,)
    text = project.run("rollback", "--phase", "1", "--database")
    assert "went back to" in text
    with reading(url) as connection:
        assert differences(before, read_catalog(connection)) == []
        assert connection.execute("SELECT id FROM bots").fetchall() == [(1,)]
    # And forward again, by the dump of what was there.
    project.run("phase", "1")
    project.run("rollback", "--phase", "1", "--database", "--dump", told["database"]["kept_as"])
    with psycopg.connect(postgres_database.url("")) as connection:
        assert connection.execute("SELECT id FROM bots ORDER BY id").fetchall() == [(1,), (2,)]
        assert connection.execute("SELECT to_regclass('newer') IS NOT NULL").fetchone() == (True,)


def test_what_is_missing_is_told_before_anything_changes(
    project: Project,
    postgres_database: PostgresDatabase,
    programs: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    project.run("phase", "0")
    project.run("phase", "1")
    tip = project.fork.git("rev-parse", project.branch())
    assert "--database needs" in project.run("rollback", "--phase", "1", "--database", code=2)
    monkeypatch.setenv(
        "MERGE_TOOL_DATABASE_URL", postgres_database.url().replace("postgres@", "postgres:s3cr3t@")
    )
    assert "there is no dump" in project.run("rollback", "--phase", "1", "--database", code=2)
    (tmp_path / "cut.sql").write_text("--\n-- PostgreSQL database dump\n--\nCREATE TABLE x (id int);\n")
    text = project.run("rollback", "--phase", "1", "--database", "--dump", str(tmp_path / "cut.sql"), code=2)
    assert "no complete dump" in text
    (tmp_path / "bad.sql").write_text(
        "--\n-- PostgreSQL database dump\n--\nCREATE TABLE x (id int);\nSELECT nothing();\n-- PostgreSQL database dump complete\n"
    )
    monkeypatch.setenv("MERGE_TOOL_PG_DUMP", str(programs / "pg_dump"))
    text = project.run("rollback", "--phase", "1", "--database", "--dump", str(tmp_path / "bad.sql"), code=1)
    assert "s3cr3t" not in text
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6'\n")
    old.chmod(0o755)
    monkeypatch.setenv("MERGE_TOOL_PG_DUMP", str(old))
    text = project.run("rollback", "--phase", "1", "--database", "--dump", str(tmp_path / "bad.sql"), code=1)
    assert "as new" in text
    monkeypatch.setattr("merge_tool.database.preflight._SPARE", 10**18)
    text = project.run("rollback", "--phase", "1", "--database", "--dump", str(tmp_path / "bad.sql"), code=1)
    assert "MB left" in text
    assert project.fork.git("rev-parse", project.branch()) == tip
    with psycopg.connect(postgres_database.url("")) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)
