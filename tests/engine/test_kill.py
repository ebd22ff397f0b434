"""kill -9 at random moments of a run, then on: the same tree each time, and nothing stray."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.project import make_project

pytestmark = pytest.mark.slow
KILLS = 25
ROUNDS = 5  # the kills are spread over so many tests, so that several workers share them
COMMAND = ["phase", "1", "--with-needed"]


@dataclass(frozen=True)
class Reference:
    """What an undisturbed run comes to, and how long it takes in seconds."""

    source: Path
    tree: str
    heads: list[str]
    subjects: list[str]
    seconds: float


def tool(fork: Path, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs the tool in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "merge_tool", *args, "--repo", str(fork)],
        capture_output=True,
        text=True,
        check=False,
        cwd=fork,
    )
    if check:
        assert done.returncode == 0, f"{args}: {done.stdout}\n{done.stderr}"
    return done


def git(fork: Path, *args: str) -> str:
    """What git prints."""
    return subprocess.run(["git", *args], cwd=fork, capture_output=True, text=True, check=True).stdout.strip()


def facts(fork: Path) -> tuple[str, list[str], list[str]]:
    """Tree and subjects of the merge branch, and all branches."""
    heads = git(fork, "for-each-ref", "--format=%(refname)", "refs/heads").split()
    (branch,) = (head for head in heads if "/merge/" in head)
    log = git(fork, "log", "--reverse", "--format=%s", f"main..{branch}")
    return git(fork, "rev-parse", f"{branch}^{{tree}}"), heads, log.splitlines()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    folder = tmp_path_factory.mktemp("kill")
    source = folder / "source"
    make_project(source)
    shutil.copytree(source, folder / "undisturbed", symlinks=True)
    fork = folder / "undisturbed" / "fork"
    git(fork, "remote", "set-url", "upstream", str(folder / "undisturbed" / "upstream"))
    began = time.monotonic()
    tool(fork, *COMMAND)
    return Reference(source, *facts(fork), time.monotonic() - began)


def killed_run(fork: Path, args: list[str], delay: float) -> None:
    """Starts the tool and kills it and its children after `delay` seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "merge_tool", *args, "--repo", str(fork)],
        cwd=fork, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    time.sleep(delay)
    with contextlib.suppress(ProcessLookupError):  # it was done already: the checks below hold all the same
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_kill_and_continue(reference: Reference, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(KILLS // ROUNDS):
        home = tmp_path / str(number)
        shutil.copytree(reference.source, home, symlinks=True)
        fork = home / "fork"
        git(fork, "remote", "set-url", "upstream", str(home / "upstream"))
        killed_run(fork, COMMAND, chance.uniform(0.05, reference.seconds))
        if chance.random() < 0.4 and json.loads(tool(fork, "status", "--json", check=False).stdout)["run"]:
            killed_run(fork, ["continue"], chance.uniform(0.05, reference.seconds))
        status = json.loads(tool(fork, "status", "--json", check=False).stdout)
        if status["run"] and status["run"]["status"] == "active":
            for story in status["stories"]:
                if story["commit"]:
                    git(fork, "cat-file", "-e", story["commit"])
            tool(fork, "continue")
        tool(fork, *COMMAND)
        tree, heads, subjects = facts(fork)
        assert tree == reference.tree
        assert heads == reference.heads
        assert subjects == reference.subjects
        assert git(fork, "worktree", "list").count("\n") == 1
        assert git(fork, "-C", str(fork / ".merge-tool" / "worktree"), "status", "--porcelain") == ""
        assert not list((fork / ".git").rglob("*.lock"))
        git(fork, "fsck", "--no-dangling", "--strict")
