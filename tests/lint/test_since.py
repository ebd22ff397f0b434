"""`validate --since`: what a change brought in, wherever it shows."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from merge_tool.cli import run
from merge_tool.lint.since import read_base
from tests.gitrepo import GitRepo

HELPER = "def key(tenant_id, name):\n    return f'{tenant_id}:{name}'\n"
USER = "import redis\nfrom helper import key\nclient = redis.Redis()\ndef f(tenant_id):\n    return client.get(key(tenant_id, 'a'))\n"
BAD = "import redis\nclient = redis.Redis()\ndef g(x):\n    return client.get(f'old:{x}')\n"


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "repo")
    made.commit("base", {"helper.py": HELPER, "user.py": USER, "bad.py": BAD})
    return made


def since(repo: GitRepo, capsys: pytest.CaptureFixture[str], ref: str = "HEAD", code: int = 1) -> list[Any]:
    capsys.readouterr()
    args = [
        "validate",
        "--since",
        ref,
        "--select",
        "TK1",
        "--policy",
        "generic",
        "--json",
        "--repo",
        str(repo.path),
    ]
    result = run(args)
    out, err = capsys.readouterr()
    assert result == code, err
    return [(item["path"], item["line"]) for item in json.loads(out)["findings"]] if result < 2 else [err]


def test_nothing_changed(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    assert since(repo, capsys, code=0) == []


def test_only_new_findings_though_lines_moved(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    (repo.path / "bad.py").write_text("# moved\n\n" + BAD + "def h(x):\n    return client.get(f'new:{x}')\n")
    assert since(repo, capsys) == [("bad.py", 8)]


def test_a_change_in_a_helper_shows_in_the_file_that_did_not_change(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    (repo.path / "helper.py").write_text(HELPER.replace("{tenant_id}:", ""))
    assert since(repo, capsys) == [("user.py", 5)]


def test_an_untracked_file_counts(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    (repo.path / "fresh.py").write_text(BAD)
    assert since(repo, capsys) == [("fresh.py", 4)]


def test_a_renamed_file_brings_nothing_in(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    repo.git("mv", "bad.py", "moved.py")
    assert since(repo, capsys, code=0) == []


def test_a_branch_is_compared_with_where_it_left(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    repo.git("switch", "--quiet", "-c", "work")
    repo.commit("mine", {"mine.py": BAD})
    repo.git("switch", "--quiet", "main")
    repo.commit("theirs", {"bad.py": None})
    repo.git("switch", "--quiet", "work")
    assert since(repo, capsys, "main") == [("mine.py", 4)]


@pytest.mark.parametrize("ref", ["no-such-branch", "--output=x", "HEAD:bad.py"])
def test_what_is_no_commit_is_said(repo: GitRepo, capsys: pytest.CaptureFixture[str], ref: str) -> None:
    result = run(["validate", f"--since={ref}", "--policy", "generic", "--repo", str(repo.path)])
    assert result == 2
    assert ref in capsys.readouterr().err


def test_a_shallow_clone_is_told_what_to_fetch(
    repo: GitRepo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.commit("more", {"x.py": "x = 1\n"})
    repo.git("switch", "--quiet", "-c", "side", "HEAD~1")
    repo.commit("side", {"y.py": "y = 1\n"})
    clone = tmp_path / "clone"
    command = [
        "git",
        "clone",
        "--quiet",
        "--depth",
        "1",
        "--no-single-branch",
        f"file://{repo.path}",
        str(clone),
    ]
    subprocess.run(command, check=True, capture_output=True)
    result = run(["validate", "--since", "origin/main", "--policy", "generic", "--repo", str(clone)])
    assert result == 2
    assert "git fetch --unshallow" in capsys.readouterr().err


def test_below_the_top_of_a_repository(repo: GitRepo) -> None:
    repo.commit("below", {"app/one.py": BAD, "app/two words.py": "x = 1\n"})
    (repo.path / "app" / "one.py").write_text("y = 1\n")
    base = read_base(repo.path / "app", "HEAD")
    assert base.texts == {"one.py": BAD.encode(), "two words.py": b"x = 1\n"}
    assert base.changed == {"one.py"}
