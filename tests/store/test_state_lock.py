"""One run at a time: the second is refused by the first's name, and a killed holder holds nothing."""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from merge_tool.errors import ExitCode, LockedError, StateError
from merge_tool.model.state import Holder
from merge_tool.store.lock import lock_key
from merge_tool.store.open import open_store
from tests.store.samples import UNITS, run

ROOT = Path(__file__).parents[2]
HOLD = """
import os, sys, time
from merge_tool.model.state import Holder
from merge_tool.store.open import open_store
who, url = sys.argv[1:]
with open_store(url, "p") as store, store.lock(Holder(who, os.getpid(), "merge-tool phase 2")):
    print("held", flush=True)
    sys.stdin.read()
"""
ME = f"{getpass.getuser()}@{socket.gethostname()}"


def mine(command: str = "merge-tool status") -> Holder:
    return Holder(ME, os.getpid(), command)


@contextmanager
def another(url: str, who: str = ME) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, who, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_second_is_refused_by_the_firsts_name(state_url: str) -> None:
    with another(state_url) as first, open_store(state_url, "p") as store:
        with pytest.raises(LockedError) as caught, store.lock(mine()):
            pytest.fail("two hold it")
        message = str(caught.value)
        assert ME in message
        assert f"process {first.pid}" in message
        assert "merge-tool phase 2" in message
        assert "since 20" in message
        assert caught.value.exit_code is ExitCode.FINDINGS
        told = store.holder()
        assert told is not None
        assert (told.who, told.pid, told.command) == (ME, first.pid, "merge-tool phase 2")
        first.communicate("")
        assert first.returncode == 0
        assert store.holder() is None
        with store.lock(mine()):
            pass


def test_a_killed_holder_holds_nothing(state_url: str) -> None:
    with open_store(state_url, "p") as store:
        with another(state_url) as first:
            first.send_signal(signal.SIGKILL)
            first.wait()
            assert store.holder() is None
            with store.lock(mine("merge-tool continue")):
                told = store.holder()
                assert told is not None
                assert told.pid == os.getpid()
        assert store.holder() is None


def test_a_dead_ones_note_is_not_believed_though_its_number_lives_on(sqlite_state: str) -> None:
    """In a container each run has the same small process id, and another host name."""
    with open_store(sqlite_state, "p") as store:
        with another(sqlite_state, who="root@container") as first:
            first.kill()
            first.wait()
        (note,) = Path(sqlite_state.removeprefix("sqlite:///")).parent.glob("*.holder.json")
        data = json.loads(note.read_text())
        note.write_text(json.dumps({**data, "pid": os.getpid()}))
        assert store.holder() is None
        with store.lock(mine()):
            told = store.holder()
            assert told is not None
            assert told.who == ME


@pytest.mark.parametrize("left", ["", "{", "[1]", '{"who": "x"}', "\x00"])
def test_a_half_written_note_does_no_harm(sqlite_state: str, left: str) -> None:
    with open_store(sqlite_state, "p") as store, another(sqlite_state):
        (note,) = Path(sqlite_state.removeprefix("sqlite:///")).parent.glob("*.holder.json")
        note.write_text(left)
        with pytest.raises(LockedError, match="has not given its name"), store.lock(mine()):
            pass


def test_the_lock_goes_with_an_error(state_url: str) -> None:
    with open_store(state_url, "p") as store:
        with pytest.raises(RuntimeError), store.lock(mine()):
            raise RuntimeError
        with store.lock(mine()):
            pass


def test_projects_have_a_lock_each(state_url: str) -> None:
    with another(state_url), open_store(state_url, "other") as store, store.lock(mine()):
        told = store.holder()
        assert told is not None
        assert told.pid == os.getpid()


def test_writing_goes_on_under_the_lock(state_url: str) -> None:
    with open_store(state_url, "p") as store, store.lock(mine()):
        store.create_run(run(project="p"), UNITS)
        store.event(run().id, "started", "x")
        assert len(store.events(run().id)) == 1


def test_nothing_is_written_once_the_lock_is_lost(postgres_state: str) -> None:
    import psycopg

    with open_store(postgres_state, "p") as store:
        store.create_run(run(project="p"), UNITS)
        with pytest.raises(StateError, match="lock was lost"), store.lock(mine()):
            with psycopg.connect(postgres_state, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
                )
            store.event(run().id, "started", "x")
        assert store.events(run().id) == []
        with store.lock(mine()):
            store.event(run().id, "started", "x")


def test_the_number_of_a_project_is_stable() -> None:
    assert lock_key("acme/fork") == lock_key("acme/fork") != lock_key("acme/fork2")
    assert all(-(2**63) <= lock_key(str(number)) < 2**63 for number in range(100))
    assert any(lock_key(str(number)) < 0 for number in range(100))
