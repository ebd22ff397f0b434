"""Faults at random moments: after each, `status` tells the truth, and continue, abort or rollback works; nothing is lost.

MERGE_TOOL_FAULTS says how many of each kind are tried (default 2).
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.project import make_project

pytestmark = pytest.mark.slow
ROUNDS = int(os.environ.get("MERGE_TOOL_FAULTS", "2"))
COMMAND = ["phase", "2", "--with-needed"]
RESOLVED = "def f(a, b, tenant_id):\n    return a + b, tenant_id\n"


@dataclass
class Fork:
    """A copy of the project, and the tool run on it in processes of its own."""

    path: Path
    state: str = ""

    def start(self, *args: str, limit: int = 0) -> subprocess.Popen[str]:
        """Starts the tool; `limit`: no file may grow beyond so many bytes."""

        def before() -> None:
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        env = {**os.environ, **({"MERGE_TOOL_STATE_URL": self.state} if self.state else {})}
        return subprocess.Popen(
            [sys.executable, "-m", "merge_tool", *args, "--repo", str(self.path)], cwd=self.path, env=env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=before if limit else None,
        )  # fmt: skip

    def run(self, *args: str, code: tuple[int, ...] = (0,), limit: int = 0) -> str:
        """Runs the tool; asserts its exit code; gives what it printed on both streams."""
        process = self.start(*args, limit=limit)
        out, err = process.communicate(timeout=180)
        assert process.returncode in code, f"{args}: {process.returncode}\n{out}\n{err}"
        return out + err

    def status(self) -> dict[str, object]:
        """What `status --json` says; every commit that it names is there."""
        process = self.start("status", "--json")
        out, err = process.communicate(timeout=180)
        assert process.returncode in (0, 1), err
        data: dict[str, object] = json.loads(out)
        for story in data["stories"]:  # type: ignore[attr-defined]
            if story["commit"]:
                self.git("cat-file", "-e", story["commit"])
        return data

    def git(self, *args: str, check: bool = True) -> str:
        """What git prints."""
        return subprocess.run(
            ["git", *args], cwd=self.path, capture_output=True, text=True, check=check
        ).stdout.strip()

    @property
    def worktree(self) -> Path:
        """The run's worktree."""
        return self.path / ".merge-tool" / "worktree"

    def branch(self) -> str:
        """The merge branch, or ""."""
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads/merge")

    def tree(self) -> str:
        """The merge branch's tree."""
        return self.git("rev-parse", f"{self.branch()}^{{tree}}")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults") / "source"
    make_project(folder)
    return folder


def copied(source: Path, home: Path, state: str = "") -> Fork:
    shutil.copytree(source, home, symlinks=True)
    fork = Fork(home / "fork", state)
    fork.git("remote", "set-url", "upstream", str(home / "upstream"))
    return fork


def to_the_end(fork: Fork) -> str:
    """On from wherever the fork is to the end of phase 2; gives the tree."""
    for _ in range(6):
        active = fork.status()["run"]
        fork.run(*(["continue"] if active else COMMAND), code=(0, 1, 2))
        if active:
            fork.run(*COMMAND, code=(0, 1, 2))  # 2: a story is stopped
        if (fork.worktree / "hard.py").is_file() and "<<<<<<<" in (fork.worktree / "hard.py").read_text():
            (fork.worktree / "hard.py").write_text(RESOLVED)
            continue
        states = {item["id"]: item["status"] for item in fork.status()["stories"]}  # type: ignore[attr-defined]
        if states.get("2.2") == "done":
            break
    assert fork.git("show", f"{fork.branch()}:hard.py") == RESOLVED.strip()
    fork.git("fsck", "--no-dangling", "--strict")
    assert not list((fork.path / ".git").rglob("*.lock"))
    return fork.tree()


@pytest.fixture(scope="module")
def reference(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, float]:
    fork = copied(source, tmp_path_factory.mktemp("whole") / "copy")
    began = time.monotonic()
    fork.run(*COMMAND, code=(1,))
    seconds = time.monotonic() - began
    return to_the_end(fork), seconds


def interrupt(fork: Fork, chance: random.Random, seconds: float) -> None:
    process = fork.start(*COMMAND)
    time.sleep(chance.uniform(0.05, seconds))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    # 130 by our own boundary; -2 where Python itself had not begun yet; 0 or 1 where the run was over.
    assert process.returncode in (130, -2, 0, 1), out + err


def full_disk(fork: Fork, chance: random.Random, seconds: float) -> None:
    fork.run(*COMMAND, code=(0, 1, 2), limit=chance.choice([0, 1, 4, 16, 64, 128]) * 1024 + 512)


def second_run(fork: Fork, chance: random.Random, seconds: float) -> None:
    first = fork.start(*COMMAND)
    time.sleep(chance.uniform(0.05, seconds))
    fork.run(*COMMAND, code=(0, 1, 2))  # 2: the first was over already, with a stop
    first.communicate(timeout=120)
    assert first.returncode in (0, 1, 2)  # 1: locked out by the other


def deleted_worktree(fork: Fork, chance: random.Random, seconds: float) -> None:
    process = fork.start(*COMMAND)
    time.sleep(chance.uniform(0.3, 1.0) * seconds)
    shutil.rmtree(fork.worktree, ignore_errors=True)
    process.communicate(timeout=120)
    assert process.returncode in (0, 1, 2)
    shutil.rmtree(fork.worktree, ignore_errors=True)


FAULTS: dict[str, Callable[[Fork, random.Random, float], None]] = {
    "SIGINT": interrupt, "full disk": full_disk, "second run": second_run, "deleted worktree": deleted_worktree,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize("kind", FAULTS)
def test_on_after_a_fault(
    source: Path, reference: tuple[str, float], tmp_path: Path, kind: str, seed: int
) -> None:
    chance = random.Random(f"{kind}{seed}")
    fork = copied(source, tmp_path / "copy")
    FAULTS[kind](fork, chance, reference[1])
    fork.status()
    assert to_the_end(fork) == reference[0]
    fork.run("rollback", "--phase", "1")
    assert fork.tree() == fork.git("rev-parse", "main^{tree}")
    fork.run("abort")
    assert fork.git("for-each-ref", "--format=%(refname:short)", "refs/heads") == "main"


@pytest.mark.parametrize("kind", ["moved", "amended", "gone"])
def test_a_branch_changed_by_hand_is_told_and_brought_back(
    source: Path, reference: tuple[str, float], tmp_path: Path, kind: str
) -> None:
    fork = copied(source, tmp_path / "copy")
    fork.run("phase", "1", "--with-needed")
    branch, tip = fork.branch(), fork.git("rev-parse", fork.branch())
    if kind == "moved":
        fork.git("update-ref", f"refs/heads/{branch}", "main")
    elif kind == "amended":
        fork.git("-C", str(fork.worktree), "commit", "--quiet", "--amend", "-m", "mine")
    else:
        fork.git("update-ref", "-d", f"refs/heads/{branch}")
    fork.status()
    text = fork.run(*COMMAND, code=(2,))
    assert branch in text
    assert "git branch" in text
    mine = fork.git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False)
    if mine:
        fork.git("branch", "mine", mine)
    fork.git("update-ref", f"refs/heads/{branch}", tip)
    assert to_the_end(fork) == reference[0]
    if kind == "amended":
        assert fork.git("log", "-1", "--format=%s", "mine") == "mine"
