"""`merge-tool codemod --interactive`: each edit is shown and asked about, and what was accepted is written."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from merge_tool.cli import run
from tests.gitrepo import GitRepo

MODELS = """from sqlalchemy import Column, Integer
from sqlalchemy.orm import declarative_base

Base = declarative_base()


class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    bot_id = Column(Integer)
"""
CRUD = """from app.models import Order


async def first(db, key, bot_id: int):
    return await db.get(Order, key)


async def second(db, key, bot_id: int):
    return await db.get(Order, key)


async def third(db, key, bot_id: int):
    return await db.get(Order, key)
"""
MENDED = "    return await db.scalar(select(Order).where(Order.id == key, Order.bot_id == bot_id))\n"
PLAIN = "    return await db.get(Order, key)\n"
USE = {
    "app/__init__.py": "",
    "app/a.py": "def find(db):\n    return db\n",
    "app/b.py": "from app.a import find\n\n\ndef work(db):\n    return find(db)\n",
}


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "fork")
    made.commit("start", {"app/models.py": MODELS, "app/crud.py": CRUD, **USE})
    return made


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def codemod(repo: GitRepo, *args: str) -> int:
    return run(["codemod", *args, "--interactive", "--repo", str(repo.path), "--policy", "remnabot"])


def bodies(repo: GitRepo) -> list[str]:
    text = (repo.path / "app/crud.py").read_text()
    return [line for line in text.splitlines(keepends=True) if line.startswith("    return")]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("y\nn\ny\n", [MENDED, PLAIN, MENDED]),
        ("n\na\n", [PLAIN, MENDED, MENDED]),
        ("y\nq\n", [MENDED, PLAIN, PLAIN]),
        ("y\n", [MENDED, PLAIN, PLAIN]),  # the end of the input leaves the rest
        ("?\nwhat\ny\nn\nn\n", [MENDED, PLAIN, PLAIN]),
    ],
)
def test_each_edit_is_asked_about(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch, answers: str, expected: list[str]
) -> None:
    answer(monkeypatch, answers)
    assert codemod(repo, "filter-query") == 0
    assert bodies(repo) == expected
    # The import that the accepted edits need comes with them, unasked.
    assert "from sqlalchemy import select\n" in (repo.path / "app/crud.py").read_text()


def test_nothing_accepted_is_nothing_written(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, "n\nn\nn\n")
    assert codemod(repo, "filter-query") == 0
    assert repo.git("status", "--porcelain") == ""
    told = capsys.readouterr().err
    assert "app/crud.py:5" in told
    assert "select the Order by id and bot_id" in told
    assert "-    return await db.get(Order, key)" in told
    assert "(1 of 3)" in told


def test_an_edit_can_be_edited(repo: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nsed -i "s/key, /key,/" "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    answer(monkeypatch, "e\nn\nn\n")
    assert codemod(repo, "filter-query") == 0
    assert bodies(repo) == [MENDED.replace("key, ", "key,"), PLAIN, PLAIN]


@pytest.mark.parametrize("script", ["exit 1", 'echo "def (" > "$1"'])
def test_an_edit_that_fails_or_is_no_python_is_asked_about_again(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text(f"#!/bin/sh\n{script}\n")
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    answer(monkeypatch, "e\ny\nq\n")
    assert codemod(repo, "filter-query") == 0
    assert bodies(repo) == [MENDED, PLAIN, PLAIN]


def test_edits_that_depend_on_each_other_are_made_together_or_not_at_all(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["thread-tenant", "--options", "functions=app.a.find"]
    answer(monkeypatch, "y\nn\n")
    assert codemod(repo, *options) == 0
    assert repo.git("status", "--porcelain") == ""
    told = capsys.readouterr().err
    assert "the edits depend on each other, so none is made" in told
    assert "unsafe: functions that other repositories may call take another parameter" in told
    answer(monkeypatch, "a\n")
    assert codemod(repo, *options) == 0
    assert "def find(db, bot_id: int)" in (repo.path / "app/a.py").read_text()
    assert "find(db, bot_id=bot_id)" in (repo.path / "app/b.py").read_text()


def test_a_dirty_tree_is_refused(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo.path / "app/a.py").write_text("x = 1\n")
    answer(monkeypatch, "a\n")
    assert codemod(repo, "filter-query") == 2


def test_the_list_says_which_codemods_are_safe(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["codemod", "--list", "--json"]) == 0
    found = {item["name"]: item for item in json.loads(capsys.readouterr().out)}
    assert found["filter-query"]["safe"] is True
    assert found["tenant-jwt"]["safe"] is False
    assert "tokens" in found["tenant-jwt"]["unsafe"]
    assert run(["codemod", "--list"]) == 0
    assert "unsafe: tokens that are out there already are refused" in capsys.readouterr().out
