"""A fork to play faults on, again and again from the same stages: for tests/fault_rounds.py."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.project import make_project
from tests.servers import PostgresDatabase

WITH_NEEDED = ("phase", "2", "--with-needed")
RESOLVED = "def f(a, b, tenant_id):\n    return a + b, tenant_id\n"
OWN = "mine = 'too'\n"
SECONDS = 180


@dataclass
class Fork:
    """A fork, and the tool run on it in processes of its own. `state` is the URL of its state; "" for the default."""

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

    def ended(self, process: subprocess.Popen[str], code: Sequence[int] = (0, 1, 2)) -> str:
        """Waits for a process of `start`; asserts its exit code, and that it met no bug; gives both streams."""
        out, err = process.communicate(timeout=SECONDS)
        assert process.returncode in code, f"exit code {process.returncode} of {process.args}\n{out}\n{err}"
        assert "Traceback" not in err, err
        assert "bug in merge-tool" not in err, err
        return out + err

    def run(self, *args: str, code: Sequence[int] = (0,), limit: int = 0) -> str:
        """Runs the tool; asserts its exit code; gives what it printed on both streams."""
        return self.ended(self.start(*args, limit=limit), code)

    def status(self) -> dict[str, Any]:
        """What `status --json` says, which must be true of the branch."""
        process = self.start("status", "--json")
        out, err = process.communicate(timeout=SECONDS)
        assert process.returncode in (0, 1), err
        data: dict[str, Any] = json.loads(out)
        told = [story["commit"] for story in data["stories"] if story["commit"]]
        for commit in told:
            self.git("cat-file", "-e", commit)
        run = data["run"]
        if run and run["status"] == "active" and not data["needs_person"]:
            on_branch = self.git("rev-list", run["branch"], check=False).split()
            assert set(told) <= set(on_branch), f"{set(told) - set(on_branch)} are not on {run['branch']}"
        return data

    def git(self, *args: str, check: bool = True) -> str:
        """What git prints."""
        done = subprocess.run(["git", *args], cwd=self.path, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, f"git {args}: {done.stderr}"
        return done.stdout.strip()

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

    def holds(self, text: str) -> bool:
        """Whether some ref, or the worktree, holds a file of this text."""
        blob = subprocess.run(
            ["git", "hash-object", "--stdin"], input=text, cwd=self.path, capture_output=True, text=True, check=True
        ).stdout.strip()  # fmt: skip
        if blob in self.git("rev-list", "--objects", "--all", "--", check=False):
            return True
        return any(item.read_text() == text for item in self.worktree.glob("*.py"))


def copied(source: Path, home: Path, state: str = "") -> Fork:
    """A copy of the project `source` in `home`, which must hold no worktree: those know their paths."""
    shutil.copytree(source, home, symlinks=True)
    fork = Fork(home / "fork", state)
    fork.git("remote", "set-url", "upstream", str(home / "upstream"))
    return fork


def to_the_end(fork: Fork, *, finish: bool = False) -> str:
    """On from wherever the fork is to the end of phase 2, or of the run; gives the tree."""
    command = ["phase", "3", "--with-needed"] if finish else list(WITH_NEEDED)
    for _ in range(10):
        data = fork.status()
        run = data["run"]
        if run and run["status"] == "finished":
            break
        active = run and run["status"] == "active"
        if active:
            fork.run("continue", code=(0, 1, 2))
        fork.run(*command, code=(0, 1, 2))  # 2: a story is stopped
        hard = fork.worktree / "hard.py"
        if hard.is_file() and "<<<<<<<" in hard.read_text():
            hard.write_text(RESOLVED)
            continue
        states = {item["id"]: item["status"] for item in fork.status()["stories"]}
        if finish and states.get("3.1") == "gate":
            fork.run("approve", "3.1", "--name", "Ada", "--note", "looked at")
        elif not finish and states.get("2.2") == "done":
            break
    assert fork.git("show", f"{fork.branch()}:hard.py") == RESOLVED.strip()
    fork.git("fsck", "--no-dangling", "--strict")
    assert not list((fork.path / ".git").rglob("*.lock"))
    return fork.tree()


# What the tool is about to do when the fault comes, and how far the run is by then.
STAGES: dict[str, tuple[str, ...]] = {
    "begin": WITH_NEEDED, "resolved": ("continue",), "rollback": ("rollback", "--phase", "1"), "abort": ("abort",), "finish": ("continue",),
}  # fmt: skip


@dataclass
class Ground:
    """Where round after round is played: each stage is made once and copied back to the same path, since worktrees know theirs.

    Attributes:
        home: a folder for it.
        postgres: an empty database for the state, owned by an ordinary role; None for the default state.
        admin: the same server as a superuser, with `postgres`.
    """

    home: Path
    postgres: PostgresDatabase | None = None
    admin: PostgresDatabase | None = None
    ends: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def fork(self) -> Fork:
        """The fork of the present round."""
        return Fork(self.home / "play" / "fork", self.postgres.url() if self.postgres else "")

    def at(self, stage: str) -> Fork:
        """The fork as it stands at the beginning of a stage."""
        if not (self.home / stage).exists():
            self._make(stage)
        shutil.rmtree(self.home / "play", ignore_errors=True)
        shutil.copytree(self.home / stage, self.home / "play", symlinks=True)
        self._database(source=stage)
        return self.fork

    def end(self, stage: str) -> tuple[str, float]:
        """The tree that an undisturbed run comes to from a stage, and the seconds of the stage's command."""
        if stage not in self.ends:
            fork = self.at(stage)
            began = time.monotonic()
            fork.run(*STAGES[stage], code=(0, 1))
            seconds = time.monotonic() - began
            self.ends[stage] = to_the_end(fork, finish=stage == "finish"), seconds
        return self.ends[stage]

    def _make(self, stage: str) -> None:
        if stage == "begin":
            shutil.rmtree(self.home / "play", ignore_errors=True)
            self._database()
            make_project(self.home / "play")
            (self.fork.path / "own_notes.txt").write_text("untracked\n")
        else:  # the same commits in all stages: some files name them
            self.at("begin")
        fork = self.fork
        if stage == "resolved":
            fork.run(*WITH_NEEDED, code=(1,))
            (fork.worktree / "hard.py").write_text(RESOLVED)
            (fork.worktree / "own.py").write_text(OWN)
        elif stage != "begin":
            to_the_end(fork)
        if stage == "finish":
            fork.run("phase", "3", code=(1,))
            fork.run("approve", "3.1", "--name", "Ada", "--note", "looked at")
        shutil.copytree(self.home / "play", self.home / stage, symlinks=True)
        if self.postgres:
            self.sql(f"CREATE DATABASE {self._copy(stage)} TEMPLATE {self.postgres.name}")

    def _database(self, source: str = "") -> None:
        if self.postgres:
            name, role = self.postgres.name, self.postgres.user
            template = f"TEMPLATE {self._copy(source)}" if source else ""
            self.sql(
                f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
                f"CREATE DATABASE {name} OWNER {role} {template}",
            )

    def _copy(self, stage: str) -> str:
        assert self.postgres is not None
        return f"{self.postgres.name}_{stage}"

    def sql(self, *statements: str, inside: bool = False) -> None:
        """Runs statements as a superuser, `inside` the state's database or beside it.

        Args:
            statements: Each is a transaction of its own. One that PostgreSQL ends for a deadlock with the tool's transaction is run again.
            inside: In the state's database, not beside it.

        Raises:
            psycopg.errors.DeadlockDetected: After five times.
        """
        import psycopg

        assert self.admin is not None
        assert self.postgres is not None
        place = PostgresDatabase(self.admin.host, self.postgres.name) if inside else self.admin
        with psycopg.connect(place.url(""), autocommit=True) as connection:
            for statement in statements:
                for left in range(4, -1, -1):
                    try:
                        connection.execute(statement.encode())
                        break
                    except psycopg.errors.DeadlockDetected:
                        if not left:
                            raise

    def close(self) -> None:
        """Drops the databases of the stages."""
        if self.postgres:
            names = [self.postgres.name, *(self._copy(stage) for stage in STAGES)]
            self.sql(*(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in names))
            self.sql(f"DROP ROLE {self.postgres.user}")


@contextlib.contextmanager
def postgres_ground(home: Path, admin: PostgresDatabase) -> Iterator[Ground]:
    """A ground whose state is kept in a PostgreSQL, by an ordinary role."""
    import psycopg

    name = f"faults_{uuid4().hex[:12]}"
    with psycopg.connect(admin.url(""), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN".encode())
    ground = Ground(home, PostgresDatabase(admin.host, name, name), admin)
    try:
        yield ground
    finally:
        ground.close()
