"""Connections to a SQLite store, the same for reading and for SQLAlchemy.

The rollback journal (SQLite's default) with `synchronous=FULL` is used rather than WAL: a kill or a power cut at any
moment leaves the last committed state, on network file systems too, and reading makes no file beside the store.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

BUSY_SECONDS = 15.0


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode: transactions are begun explicitly.

    Args:
        path: the file.
        create: make the file where there is none.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    # Not mode=ro: the journal of a killed writer must be rolled back, by whoever comes first.
    uri = f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
