"""The replay of real merges, on a repository made here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def git(repo: Path, *args: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *args], cwd=repo, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr


def test_a_conflicted_merge_is_found_and_judged(tmp_path: Path) -> None:
    repo = tmp_path / "clone"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    file = repo / "a.py"
    for branch, text in (("main", "x = [1]\n"), ("side", "x = [1, 3]\n"), ("main", "x = [1, 2]\n")):
        git(repo, "checkout", "-q", *(["-b"] if branch == "side" else []), branch)
        file.write_text(text)
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", text)
    git(repo, "merge", "-q", "side")
    file.write_text("x = [1, 2, 3]\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "merge side")
    before = sorted(str(path) for path in (repo / ".git" / "objects").rglob("*"))
    found = tmp_path / "cases.tsv"
    script = str(ROOT / "benchmarks" / "merge_replay.py")
    done = subprocess.run(
        [sys.executable, script, "--repo", str(repo), "--save", str(found), "--json"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    safe = scores["mixed"]["safe"]
    assert (safe["files"], safe["resolved"], safe["equal_bytes"], safe["equal_ast"]) == (1, 1, 1, 1)
    assert safe["steps"] == {"entries": 1}
    assert (safe["unparsable"], safe["markers"], safe["lost_or_doubled"]) == (0, 0, 0)
    assert len(found.read_text().splitlines()) == 2
    assert sorted(str(path) for path in (repo / ".git" / "objects").rglob("*")) == before, (
        "the clone was written to"
    )
