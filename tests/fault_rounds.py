"""Faults in the middle of the tool's work, and what must hold after each: for tests/engine and benchmarks/faults.py."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable

from tests.faults import OWN, RESOLVED, SECONDS, STAGES, Fork, Ground, to_the_end

Fault = Callable[[Ground, tuple[str, ...], random.Random, float], None]


def _later(chance: random.Random, seconds: float) -> None:
    time.sleep(chance.uniform(0.05, seconds))


def kill(ground: Ground, command: tuple[str, ...], chance: random.Random, seconds: float) -> None:
    """kill -9 of the tool and its children; sometimes of the `continue` after it, too."""
    process = ground.fork.start(*command)
    _later(chance, seconds)
    with contextlib.suppress(ProcessLookupError):  # it was over already
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    if chance.random() < 0.3:
        again = ground.fork.start("continue")
        _later(chance, seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(again.pid, signal.SIGKILL)
        again.communicate()


def interrupt(ground: Ground, command: tuple[str, ...], chance: random.Random, seconds: float) -> None:
    """Ctrl-C."""
    process = ground.fork.start(*command)
    _later(chance, seconds)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SECONDS)
    # 130 by our own boundary; -2 where Python itself had not begun yet, or was on its way out.
    assert process.returncode in (130, -2, 0, 1), f"{process.returncode}: {out}{err}"


def full_disk(ground: Ground, command: tuple[str, ...], chance: random.Random, seconds: float) -> None:
    """No file can grow beyond a random size."""
    process = ground.fork.start(*command, limit=chance.choice([0, 1, 4, 16, 64, 128]) * 1024 + 512)
    ground.fork.ended(process)


def second_run(ground: Ground, command: tuple[str, ...], chance: random.Random, seconds: float) -> None:
    """A second process on the same run."""
    first = ground.fork.start(*command)
    _later(chance, seconds)
    ground.fork.run(*chance.choice([command, ("rollback", "--phase", "1"), ("status",)]), code=(0, 1, 2))
    ground.fork.ended(first)


def deleted_worktree(ground: Ground, command: tuple[str, ...], chance: random.Random, seconds: float) -> None:
    """The worktree is removed under the tool's hands, and once more behind it."""
    process = ground.fork.start(*command)
    time.sleep(chance.uniform(0.1, 1.0) * seconds)
    shutil.rmtree(ground.fork.worktree, ignore_errors=True)
    ground.fork.ended(process)
    shutil.rmtree(ground.fork.worktree, ignore_errors=True)


def moved_branch(ground: Ground, command: tuple[str, ...], chance: random.Random, seconds: float) -> None:
    """Somebody resets, removes or commits to the branch, before the command or under its hands."""
    _under_its_hands(
        ground, command, chance, seconds, chance.choice(["main", "parent", "gone", "by a colleague"])
    )


def amended_commit(ground: Ground, command: tuple[str, ...], chance: random.Random, seconds: float) -> None:
    """Somebody amends the last commit of the branch, before the command or under its hands."""
    _under_its_hands(ground, command, chance, seconds, "amended by hand")


def _under_its_hands(
    ground: Ground, command: tuple[str, ...], chance: random.Random, seconds: float, what: str
) -> None:
    fork = ground.fork
    process = fork.start(*command) if chance.random() < 0.5 else None
    if process:
        _later(chance, seconds)
    branch = fork.branch()
    # The command may take the branch away at any moment: nothing is done to one that is gone, and none is made anew.
    tip = fork.git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False)
    if tip:
        made = {"by a colleague": tip, "amended by hand": f"{tip}^"}
        if what == "gone":
            fork.git("update-ref", "-d", f"refs/heads/{branch}", tip, check=False)
        else:
            new = (
                fork.git("commit-tree", f"{tip}^{{tree}}", "-p", made[what], "-m", what)
                if what in made
                else fork.git("rev-parse", "main" if what == "main" else f"{tip}^")
            )
            fork.git("update-ref", f"refs/heads/{branch}", new, tip, check=False)
    if process:
        fork.ended(process)


def lost_connection(ground: Ground, command: tuple[str, ...], chance: random.Random, seconds: float) -> None:
    """The server of the state ends the tool's connections."""
    assert ground.postgres is not None
    process = ground.fork.start(*command)
    _later(chance, seconds)
    ground.sql(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ground.postgres.user}'"
    )
    ground.fork.ended(process)


def revoked_permission(
    ground: Ground, command: tuple[str, ...], chance: random.Random, seconds: float
) -> None:
    """The role of the state loses its tables in the middle, and gets them back when the tool has said so."""
    assert ground.postgres is not None
    role = ground.postgres.user
    process = ground.fork.start(*command)
    _later(chance, seconds)
    ground.sql(
        f"REASSIGN OWNED BY {role} TO postgres",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role}",
        inside=True,
    )
    ground.fork.ended(process)
    said = ground.fork.run("status", code=(0, 2))
    assert "permission" in said or "no run was begun" in said or "must be owner" in said, said
    ground.sql(
        f"ALTER DATABASE {ground.postgres.name} OWNER TO {role}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}",
        inside=True,
    )


FAULTS: dict[str, Fault] = {
    "kill -9": kill, "SIGINT": interrupt, "full disk": full_disk, "lost connection": lost_connection, "revoked permission": revoked_permission,
    "second run": second_run, "branch moved by hand": moved_branch, "amended commit": amended_commit, "deleted worktree": deleted_worktree,
}  # fmt: skip
NEED_POSTGRES = ("lost connection", "revoked permission")


def play(ground: Ground, kind: str, chance: random.Random) -> str:
    """One round: a fault of this kind at some stage, then one of the ways on. Asserts that all holds; says what was tried."""
    stage, way = chance.choice(list(STAGES)), chance.choice(["continue", "rollback", "abort"])
    called = f"{kind} in {stage}, then {way}"
    try:
        _play(ground, kind, stage, way, chance)
    except AssertionError as error:
        raise AssertionError(f"{called}: {error}") from error
    return called


def _play(ground: Ground, kind: str, stage: str, way: str, chance: random.Random) -> None:
    whole, (end, seconds) = ground.end("begin")[0], ground.end(stage)
    fork = ground.at(stage)
    before = _theirs(fork)
    FAULTS[kind](ground, STAGES[stage], chance, seconds)
    assert _theirs(fork) == before
    data = fork.status()
    if stage == "resolved" and kind != "deleted worktree":
        assert fork.holds(OWN), "a file that a person wrote is lost"
        assert fork.holds(RESOLVED), "a resolution is lost"
    by_hand = _tips(fork)
    if way != "abort" and data["run"] and data["run"]["status"] == "active":
        follow_advice(fork)
    done = fork.status()["run"]
    finished = bool(done) and done["status"] == "finished"
    if finished:  # the branch is the person's from then on; what they moved by hand is not the tool's to mend
        _hang(fork, by_hand)
        fork.git("update-ref", f"refs/heads/{done['branch']}", done["tip"])
        by_hand = _tips(fork)  # what a person put on the branch after its end, this very reset took off it
    if way == "rollback" and not finished:
        said = fork.run("rollback", "--phase", "1", code=(0, 2))
        if "went back" in said:
            assert fork.tree() == fork.git("rev-parse", "main^{tree}")
        else:
            assert "nothing of phase 1 was begun" in said or "no run is active" in said, said
    elif way == "abort" and not finished:
        said = fork.run("abort", code=(0, 2))
        assert "worktree removed" in said or "no run is active" in said, said
        heads = fork.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
        assert heads == ["main"], heads
        assert not fork.worktree.exists()
    tree = to_the_end(fork, finish=stage == "finish" and way != "abort")
    same = stage == "resolved" and way == "continue" and kind not in ("deleted worktree", "second run")
    assert tree in ((end,) if same else (end, whole)), fork.git("diff", "--stat", end, tree)
    _hang(fork, by_hand)
    assert _theirs(fork) == before


def _hang(fork: Fork, commits: list[str]) -> None:
    """Every one of these commits is there, and some ref holds it."""
    for commit in commits:
        fork.git("cat-file", "-e", commit)
        assert fork.git("for-each-ref", f"--contains={commit}"), f"{commit} hangs on no ref"


def _theirs(fork: Fork) -> tuple[str, str]:
    """What is none of the tool's business: the fork's own branch, and the edits in its own folder."""
    return fork.git("rev-parse", "main"), fork.git("status", "--porcelain")


def _tips(fork: Fork) -> list[str]:
    """Commits that people made on the merge branch."""
    branch = fork.branch()
    log = fork.git("log", "--format=%H %s", f"main..{branch}") if branch else ""
    return [line[:40] for line in log.splitlines() if line[41:] in ("by a colleague", "amended by hand")]


def follow_advice(fork: Fork) -> None:
    """Asks the tool to go on, and types the git commands that it names where it refuses."""
    for _ in range(3):
        said = fork.run("continue", code=(0, 1, 2))
        commands = re.findall(r"`(git (?:branch|update-ref) [^`]+)`", said)
        if not commands:
            return
        for command in commands:
            fork.git(*command.split()[1:])
    raise AssertionError(f"the advice does not help: {said}")
