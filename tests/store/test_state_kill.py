"""A kill at any moment leaves a store that opens, with every acknowledged write and no half one."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_twenty_kills(state_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.killing", state_url, "20", "7"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 20
    if state_url.startswith("sqlite"):
        path = Path(state_url.removeprefix("sqlite:///"))
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()
        assert {item.name for item in path.parent.iterdir()} <= {"state.db", "state.db-journal"}


def test_the_check_notices_a_missing_write(sqlite_state: str) -> None:
    """The check above can fail."""
    from merge_tool.store.open import open_store
    from tests.store.killing import RUN, check
    from tests.store.samples import UNITS, outcome, run

    with open_store(sqlite_state, "p") as store:
        store.create_run(run(project="p"), UNITS)
        with pytest.raises(AssertionError, match="acknowledged write is gone"):
            check(store, 1, 0)
        store.event(RUN, "acknowledged", "1 0")
        check(store, 1, 0)
        store.begin_step(RUN, "0.1", 0, 0, kind="copy", tree_before="t")
        store.finish_step(RUN, "0.1", 0, 0, status="done", tree_after="t", outcome=outcome())
        connection = sqlite3.connect(sqlite_state.removeprefix("sqlite:///"))
        connection.execute("DELETE FROM merge_tool_file WHERE path LIKE '%0%'")
        connection.commit()
        connection.close()
        with pytest.raises(AssertionError, match="files are not recorded"):
            check(store, 1, 0)
