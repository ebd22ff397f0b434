"""The bar of a long `validate`: only where a person waits, and never with a thread, which would forbid copies of the process."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from merge_tool.lint.run import lint_paths
from merge_tool.model.policy import Policy
from merge_tool.report import console
from merge_tool.report.lint_progress import LintBar

BAD = 'import redis\nclient = redis.Redis()\nclient.get("a")\n'


class Noted:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.phases: list[tuple[str, int]] = []
        self.steps: list[tuple[str, int]] = []

    def phase(self, name: str, total: int) -> None:
        self.phases.append((name, total))

    def step(self, done: int) -> None:
        self.steps.append((self.phases[-1][0], done))


def test_a_run_tells_its_phases_and_never_more_steps_than_there_are(tmp_path: Path) -> None:
    for n in range(5):
        (tmp_path / f"m{n}.py").write_text(BAD)
    for jobs in (1, 3):
        noted = Noted()
        lint_paths(tmp_path, [f"m{n}.py" for n in range(5)], Policy(), progress=noted, jobs=jobs)
        totals = dict(noted.phases)
        assert list(totals) == ["reading", "linking", "checking"]
        assert totals["reading"] == 5
        assert ("reading", 5) in noted.steps
        assert all(done <= totals[name] for name, done in noted.steps)


def test_the_bar_starts_no_thread(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "err_console", lambda: console._console(sys.stderr))
    before = threading.active_count()
    bar = LintBar(after=0)
    bar.phase("reading", 10)
    bar.step(5)
    assert threading.active_count() == before
    bar.phase("checking", 10)
    bar.close()


def test_a_short_run_shows_none(capsys: pytest.CaptureFixture[str]) -> None:
    bar = LintBar(after=1000)
    bar.phase("reading", 10)
    bar.step(10)
    bar.close()
    assert capsys.readouterr() == ("", "")


def on_terminal(cwd: Path, *args: str, **more: str) -> str:
    """What a run writes on standard error where that is a terminal."""
    ours, theirs = pty.openpty()
    code = (
        "import sys, merge_tool.report.lint_progress as bar; bar._AFTER = 0; bar.LintBar.__init__.__defaults__ = (0,);"
        "from merge_tool.cli import run; sys.exit(run(sys.argv[1:]))"
    )
    env = {key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR", "TERM")}
    process = subprocess.Popen(
        [sys.executable, "-c", code, "validate", "--policy", "generic", "--no-cache", *args],
        cwd=cwd, stdout=subprocess.DEVNULL, stderr=theirs, env={**env, "TERM": "xterm", **more},
    )  # fmt: skip
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so where the other end is closed
            break
        if not part:
            break
        text += part
    os.close(ours)
    assert process.wait() == 1
    return text.decode("utf-8", "replace")


def test_it_shows_on_a_terminal_and_not_in_ci_or_for_programs(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(BAD)
    shown = on_terminal(tmp_path)
    assert "reading" in shown
    assert "checking" in shown
    assert "reading" not in on_terminal(tmp_path, CI="true")
    assert "reading" not in on_terminal(tmp_path, "--json")
    assert on_terminal(tmp_path, "--quiet") == ""
