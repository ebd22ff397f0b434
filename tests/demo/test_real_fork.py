"""The fork of a real upstream, tried on a small repository of the same form."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from merge_tool.demo.real_fork import build_real_fork, main, tenant_models
from merge_tool.errors import UserError, VcsError

MODELS = '''from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.orm import declarative_base
from sqlalchemy.sql import func

Base = declarative_base()

links = Table(
    "links",
    Base.metadata,
    Column("id", Integer, primary_key=True),
)


class User(Base):
    """Somebody."""

    __tablename__ = "users"

    id = Column(Integer, primary_key=True)


class Note(Base):
    __tablename__ = "notes"
    __table_args__ = (UniqueConstraint("title"),)

    id = Column(Integer, primary_key=True)
    title = Column(String(20))
'''


def git(path: Path, *arguments: str) -> str:
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgSign=false")
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **settings},
    )
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Two commits: models, and one more model at the end of the file."""
    path = tmp_path / "clone"
    models = path / "app" / "database" / "models.py"
    models.parent.mkdir(parents=True)
    git(path, "init", "--quiet", "--initial-branch=work")
    (path / ".gitignore").write_text("*\n")
    for text in (
        MODELS,
        f'{MODELS}\n\nclass Late(Base):\n    __tablename__ = "late"\n\n    id = Column(Integer, primary_key=True)\n',
    ):
        models.write_text(text)
        git(path, "add", "--force", ".")
        git(path, "commit", "--quiet", "--message=models")
    return path


def test_the_fork_merges_what_upstream_adds(clone: Path, tmp_path: Path) -> None:
    made = build_real_fork(clone, tmp_path / "real", base="HEAD~1", upstream_commit="HEAD")
    assert made.tables == ("users", "notes")
    assert git(made.fork, "rev-list", "--count", f"{made.base}..main") == "1"
    assert git(made.fork, "remote") == "upstream"
    assert git(made.fork, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert git(made.upstream, "rev-parse", "main") == made.upstream_commit
    assert not git(made.fork, "status", "--porcelain", "--ignored")
    git(made.fork, "fetch", "--quiet", "upstream", "main")
    git(made.fork, "merge", "--quiet", "--no-edit", "FETCH_HEAD")
    assert "class Late" in (made.fork / "app/database/models.py").read_text()


def test_ids_do_not_depend_on_the_users_settings(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_real_fork(clone, tmp_path / "first", base="HEAD~1", upstream_commit="HEAD")
    settings = tmp_path / "gitconfig"
    settings.write_text("[commit]\n\tgpgsign = true\n[core]\n\tautocrlf = true\n[user]\n\tname = Other\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
    monkeypatch.setenv("TZ", "Asia/Tehran")
    second = build_real_fork(clone, tmp_path / "second", base="HEAD~1", upstream_commit="HEAD")
    assert first.fork_commit == second.fork_commit


def test_the_models_work_and_have_their_indexes(clone: Path, tmp_path: Path) -> None:
    made = build_real_fork(clone, tmp_path / "real", base="HEAD~1", upstream_commit="HEAD")
    ask = (
        "from app.database.models import Base\n"
        "for table in Base.metadata.sorted_tables:\n"
        "    print(table.name, sorted(index.name for index in table.indexes), 'bot_id' in table.c)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", ask], cwd=made.fork, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.splitlines()) == {
        "bots [] False",
        "bot_configurations [] True",
        "links [] False",
        "notes ['idx_notes_bot_id'] True",
        "users ['idx_users_bot_id'] True",
    }


def test_every_file_of_the_layer_parses(clone: Path, tmp_path: Path) -> None:
    made = build_real_fork(clone, tmp_path / "real", base="HEAD~1", upstream_commit="HEAD")
    files = [path for path in made.fork.rglob("*.py") if path.name != "models.py"]
    assert {"tenant_context.py", "tenant_middleware.py", "bot.py", "bot_configuration.py"} <= {
        path.name for path in files
    }
    for path in files:
        ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (MODELS.replace("    Index,\n", ""), "Index not imported"),
        (MODELS.replace("    title = ", "    bot_id = Column(Integer)\n    title = "), "bot_id already"),
        (MODELS.replace("__tablename__", "__table_name__"), "no declarative Base"),
        (MODELS.replace("class User(", "class User("[:-1]), "not valid Python"),
    ],
)
def test_models_of_another_form_are_refused(source: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        tenant_models(source, "class Bot: ...")
    assert caught.value.hint


def test_a_folder_that_is_not_empty_is_refused(clone: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not an empty folder"):
        build_real_fork(clone, clone, base="HEAD~1", upstream_commit="HEAD")
    assert not (tmp_path / "upstream").exists()


def test_an_unknown_commit_and_no_repository_are_refused(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(VcsError, match="no commit 1234567") as caught:
        build_real_fork(clone, tmp_path / "real", base="1234567", upstream_commit="HEAD")
    assert caught.value.hint
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main([str(empty / "nothing"), str(tmp_path / "real")]) == 2
    assert "hint: name a clone" in capsys.readouterr().err
    assert not (tmp_path / "real").exists()
