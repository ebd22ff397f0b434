"""Work that is shared out to copies of the process: the same findings, and nothing lost with a copy that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from merge_tool.lint import reading, workers
from merge_tool.lint.cache import Cache
from merge_tool.lint.files import project_files
from merge_tool.lint.run import lint_paths
from merge_tool.lint.workers import can_fork, share
from merge_tool.model.policy import Policy

MINIATURE = Path(__file__).parents[2] / "fixtures" / "miniature"
POLICY = Policy(column="bot_id", parameter="bot_id", claim="bot_id")
forks = pytest.mark.skipif(not can_fork(), reason="copies of a process are not safe here")


def square(task: int) -> bytes:
    return str(task * task).encode()


@forks
def test_every_task_is_done_once() -> None:
    for jobs in (1, 2, 3):
        mine: dict[int, bytes] = {}
        back = share(50, jobs, square, lambda task, mine=mine: mine.update({task: square(task)}))  # type: ignore[misc]
        assert not set(mine) & set(back)
        assert mine | back == {task: square(task) for task in range(50)}


@forks
def test_more_comes_back_than_a_pipe_holds() -> None:
    mine: list[int] = []
    back = share(40, 2, lambda task: bytes(100_000), mine.append)
    assert len(mine) + len(back) == 40


@forks
@pytest.mark.parametrize("end", ["error", "killed"])
def test_what_a_copy_leaves_undone_is_done_here(end: str) -> None:
    first = os.getpid()

    def there(task: int) -> bytes:
        assert os.getpid() != first
        if end == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError(task)

    mine: list[int] = []
    assert share(20, 3, there, mine.append) == {}
    assert sorted(mine) == list(range(20))


ENDING = """
import os, time
from merge_tool.lint.workers import share
def here(task):
    raise ValueError(task)
try:
    share(2, 2, lambda task: time.sleep(60) or b"", here)  # a copy keeps at most one task to itself
except ValueError as error:
    assert str(error) in "01", error
else:
    raise SystemExit("no error")
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    raise SystemExit(0)
raise SystemExit("a copy is left")
"""


@forks
def test_an_error_here_ends_the_copies_too() -> None:
    # In a process of its own: this one may have other children.
    done = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_copy_is_made_while_another_thread_runs() -> None:
    go = threading.Event()
    other = threading.Thread(target=go.wait)
    other.start()
    try:
        assert not can_fork()
        mine: list[int] = []
        assert share(3, 2, square, mine.append) == {}
        assert mine == [0, 1, 2]
    finally:
        go.set()
        other.join()


def test_findings_are_the_same_for_any_number_of_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ENOUGH", 0)
    files = project_files(MINIATURE)
    one = lint_paths(MINIATURE, files, POLICY, jobs=1)
    assert one.findings
    for jobs in (2, 3):
        several = lint_paths(MINIATURE, files, POLICY, jobs=jobs, cache=Cache(tmp_path / str(jobs)))
        assert several.findings == one.findings
        assert (several.files, several.rules, several.notes) == (one.files, one.rules, one.notes)


def test_cores_are_counted() -> None:
    assert 1 <= workers.default_jobs() <= 8
