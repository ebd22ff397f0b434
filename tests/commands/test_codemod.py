"""`merge-tool codemod` on real repositories."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from merge_tool.cli import run
from tests.gitrepo import ENV, GitRepo

CRUD = "def find(db):\n    return db"  # no final newline
USE = "from app.crud import find\r\n\r\n\r\ndef work(db):\r\n    return find(db)  # тест\r\n"
OPTIONS = ["--options", "functions=app.crud.find"]


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "fork")
    made.commit("start", {"app/__init__.py": "", "app/crud.py": CRUD, "app/use.py": USE, "notes.txt": "x\n"})
    return made


def codemod(repo: GitRepo, *args: str) -> int:
    return run(["codemod", *args, "--repo", str(repo.path), "--policy", "remnabot"])


def test_the_preview_is_a_patch_and_touches_nothing(
    repo: GitRepo, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert codemod(repo, "thread-tenant", *OPTIONS) == 0
    out, err = capfdbinary.readouterr()
    assert repo.git("status", "--porcelain") == ""
    assert b"3 edits in 2 files shown; --write applies them" in err
    subprocess.run(["git", "apply", "-"], input=out, cwd=repo.path, env=ENV, check=True)
    assert (repo.path / "app/crud.py").read_bytes() == b"def find(db, bot_id: int):\n    return db"
    assert (repo.path / "app/use.py").read_bytes() == USE.replace("(db)", "(db, bot_id=bot_id)").replace(
        "work(db, bot_id=bot_id)", "work(db, bot_id: int)"
    ).encode()


def test_writing_gives_what_the_preview_showed_and_keeps_the_mode(
    repo: GitRepo, capfd: pytest.CaptureFixture[str]
) -> None:
    target = repo.path / "app/crud.py"
    target.chmod(0o755)
    repo.commit("mode", {})
    assert codemod(repo, "thread-tenant", *OPTIONS, "--write") == 0
    assert target.read_bytes() == b"def find(db, bot_id: int):\n    return db"
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert sorted(item.name for item in target.parent.iterdir()) == ["__init__.py", "crud.py", "use.py"]
    assert "app/crud.py:1: find takes bot_id" in capfd.readouterr().err
    assert codemod(repo, "thread-tenant", *OPTIONS, "--write", "--allow-dirty") == 0
    assert "0 edits in 0 files" in capfd.readouterr().err


def test_a_dirty_tree_is_refused(repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
    (repo.path / "notes.txt").write_text("mine\n")
    assert codemod(repo, "thread-tenant", *OPTIONS, "--write") == 2
    assert "notes.txt" in capfd.readouterr().err
    assert (repo.path / "app/crud.py").read_text() == CRUD
    assert codemod(repo, "thread-tenant", *OPTIONS) == 0  # a preview may


def test_json_tells_edits_and_what_is_left(repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
    repo.commit("callback", {"app/more.py": "from app.crud import find\n\nX = [find]\n"})
    assert codemod(repo, "thread-tenant", "--options", '{"functions": ["app.crud.find"]}', "--json") == 1
    data = json.loads(capfd.readouterr().out)
    assert data["edits"] == []
    assert data["written"] is False
    assert {
        "path": "app/more.py",
        "line": 3,
        "codemod": "thread-tenant",
        "reason": "find is passed on as a value, and who calls it is not known",
    } in data["not_done"]


def test_paths_limit_what_is_worked_on(repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
    assert codemod(repo, "thread-tenant", str(repo.path / "app/use.py"), *OPTIONS, "--json") == 1
    assert "outside the chosen files" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["no-such"], "there is no codemod 'no-such'"),
        ([], "no codemod was named"),
        (["thread-tenant"], "no function was named"),
        (["add-route-dependency"], "dependency: is missing"),
        (["thread-tenant", "--options", "functions"], "has no ="),
        (["thread-tenant", "--options", "{"], "not JSON"),
        (["thread-tenant", *OPTIONS, "--options", "colour=red"], "colour: is not a known option"),
        (["thread-tenant", *OPTIONS, "--options", "optional=perhaps"], "optional"),
        (["thread-tenant", "nowhere.py", *OPTIONS], "there is no nowhere.py"),
        (["thread-tenant", "--options", "functions=app.crud.none"], "no function app.crud.none"),
    ],
)
def test_wrong_use_is_told_with_exit_2(
    repo: GitRepo, capfd: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert codemod(repo, *args) == 2
    assert message in capfd.readouterr().err


def test_the_list_names_every_codemod(capfd: pytest.CaptureFixture[str]) -> None:
    from merge_tool.codemods.base import all_codemods

    assert run(["codemod", "--list"]) == 0
    out = capfd.readouterr().out
    for name in all_codemods():
        assert f"{name}: " in out
    assert run(["codemod", "--list", "--json"]) == 0
    assert {item["name"] for item in json.loads(capfd.readouterr().out)} == set(all_codemods())
