"""`validate --watch`: a run at each change, and the exit code of the last one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from merge_tool.cli import run
from merge_tool.commands import validate_watch
from merge_tool.commands.validate_watch import matters, watch_loop
from merge_tool.errors import UserError
from tests.gitrepo import GitRepo

BAD = 'import redis\nclient = redis.Redis()\nclient.get("a")\n'


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "repo")
    made.commit("base", {"app/a.py": BAD, ".gitignore": "ignored.py\n"})
    return made


def watch(repo: GitRepo, events: Iterator[object], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(validate_watch, "changes", lambda root: events)
    return run(["validate", "--repo", str(repo.path), "--policy", "generic", "--select", "TK1", "--watch"])


def test_each_change_is_looked_at_until_ctrl_c(
    repo: GitRepo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def events() -> Iterator[object]:
        seen.append(capsys.readouterr().out)
        (repo.path / "app" / "b.py").write_text(BAD)  # new, and not tracked
        yield 1
        seen.append(capsys.readouterr().out)
        (repo.path / "app" / "a.py").write_text("x = 1\n")
        (repo.path / "app" / "b.py").unlink()
        (repo.path / "ignored.py").write_text(BAD)
        yield 2
        seen.append(capsys.readouterr().out)
        raise KeyboardInterrupt

    assert watch(repo, events(), monkeypatch) == 0
    assert [text.count(" TK1 error: ") for text in seen] == [1, 2, 0]
    assert "no finding in 1 file" in seen[2]


def test_a_mistake_ends_no_watch(
    repo: GitRepo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def events() -> Iterator[object]:
        (repo.path / "tenancy.yaml").write_text("no: [such\n")
        yield 1
        (repo.path / "app" / "a.py").write_text("def broken(:\n")
        (repo.path / "tenancy.yaml").unlink()
        yield 2

    monkeypatch.setattr(validate_watch, "changes", lambda root: events())
    assert run(["validate", "--repo", str(repo.path), "--select", "TK1", "--watch"]) == 1
    told = capsys.readouterr()
    assert "error: " in told.err
    assert "tenancy.yaml" in told.err
    assert " T04 error: " in told.out


def test_the_exit_code_is_that_of_the_last_run() -> None:
    codes = iter([0, 1, 2])
    assert watch_loop(lambda: next(codes), [1, 2]) == 2

    def interrupted() -> int:
        raise KeyboardInterrupt

    assert watch_loop(interrupted, []) == 0


def test_only_what_may_change_findings_matters(tmp_path: Path) -> None:
    names = ["a.py", "app/b.py", "tenancy.yaml", ".git/index"]
    others = [
        ".git/HEAD.py",
        "a.txt",
        "node_modules/x.py",
        ".venv/lib/y.py",
        "__pycache__/a.py",
        ".git/index.lock",
    ]
    assert [name for name in [*names, *others] if matters(tmp_path / name, tmp_path)] == names
    assert not matters(Path("/elsewhere/a.py"), tmp_path)


def test_without_watchfiles_it_says_what_to_install(
    repo: GitRepo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(UserError) as caught:
        validate_watch.changes(repo.path)
    assert "merge-tool[watch]" in caught.value.hint


@pytest.mark.slow
def test_the_real_thing_from_start_to_ctrl_c(repo: GitRepo) -> None:
    # A shell starts what runs in the background with SIGINT ignored, and the suite may run there.
    start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from merge_tool.cli import run; sys.exit(run())"
    command = [
        sys.executable,
        "-u",
        "-c",
        start,
        "validate",
        "--policy",
        "generic",
        "--select",
        "TK1",
        "--watch",
    ]
    process = subprocess.Popen(
        command, cwd=repo.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "WATCHFILES_FORCE_POLLING": ""},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    killer = threading.Timer(60, process.kill)  # a watch that sees nothing must not hold the suite up
    killer.start()
    try:
        wait_for(process.stdout, "1 error in 1 file")
        wait_for(process.stderr, "waiting for changes")
        threading.Timer(1, lambda: (repo.path / "app" / "new.py").write_text(BAD)).start()
        wait_for(process.stdout, "2 errors in 2 files")
        wait_for(process.stderr, "waiting for changes")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 1
    finally:
        killer.cancel()
        process.kill()
        process.communicate()


def wait_for(stream: Iterator[str], text: str) -> None:
    """Reads lines up to one with the text."""
    for line in stream:
        if text in line:
            return
    raise AssertionError(f"no line with {text!r}")
