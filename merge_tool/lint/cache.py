"""What runs leave for the next one: facts and findings by the digest of all that they depend on, in one SQLite file.

Nothing here is ever needed: what is missing, broken or locked is worked out again, and a folder that cannot be
written is told of once. Findings are believed as they stand, so a cache is taken only from where results would be.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

ENVIRONMENT = "MERGE_TOOL_CACHE_DIR"
MAX_BYTES = 256_000_000
_FILE = "lint-1.sqlite"
_CHECK = 16  # bytes of digest before each entry
_DAY = 86_400
_AT_ONCE = 500  # bound parameters in one statement
_WAIT = 5.0  # seconds for another run's write


def default_folder() -> Path:
    """The folder of `MERGE_TOOL_CACHE_DIR`, else the user's own cache folder as the system has it."""
    if given := os.environ.get(ENVIRONMENT):
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("merge-tool", appauthor=False)


class Cache:
    """Entries by key. No method raises for what the disk, the file in it, or another run does."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = folder / _FILE
        self._max_bytes = max_bytes
        self._database: sqlite3.Connection | None = None
        self._mine = True  # whether a broken file may be removed: not one that only could be read
        self.note = ""  # why nothing is kept, said once, or ""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self.note = f"no cache: {folder}: {error.strerror or error}"
            return
        self._open()

    def _open(self, again: bool = True) -> None:
        try:
            self._database = sqlite3.connect(self._path, timeout=_WAIT, isolation_level=None)
            # A power cut may cost the file, which only costs a cold run; a flush at every run costs more.
            self._database.execute("PRAGMA synchronous = OFF")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, used INTEGER NOT NULL, data BLOB NOT NULL)"
            )
        except sqlite3.OperationalError as error:  # read-only, full, locked: an older file may still be read
            self._closed(f"the cache cannot be written: {self._path}: {error}")
            self._open_to_read()
        except sqlite3.DatabaseError as error:
            self._closed(f"no cache: {self._path}: {error}")
            if again and self._removed():
                self.note = ""
                self._open(again=False)

    def _open_to_read(self) -> None:
        self._mine = False
        try:
            address = f"{self._path.absolute().as_uri()}?mode=ro&immutable=1"
            self._database = sqlite3.connect(address, uri=True, timeout=_WAIT, isolation_level=None)
            self._database.execute("SELECT key FROM entries LIMIT 1")
        except sqlite3.Error:
            self._closed(self.note)

    def _removed(self) -> bool:
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def _closed(self, note: str) -> None:
        self.note = note
        if self._database is not None:
            self._database.close()
        self._database = None

    def close(self) -> None:
        """Lets go of the file."""
        self._closed(self.note)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The entries there are; one whose bytes are not those that were written counts as missing."""
        found: dict[bytes, bytes] = {}
        today = int(time.time() // _DAY)
        old: list[bytes] = []
        try:
            for start in range(0, len(keys) if self._database is not None else 0, _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                assert self._database is not None
                for key, used, data in self._database.execute(
                    f"SELECT key, used, data FROM entries WHERE key IN ({marks})",  # noqa: S608 - question marks
                    some,
                ):
                    content = bytes(data[_CHECK:]) if isinstance(data, bytes) else b""
                    if isinstance(data, bytes) and data[:_CHECK] == _check(key, content):
                        found[key] = content
                        if used != today:
                            old.append(key)
            if old and self._database is not None:
                with_day = [(today, key) for key in old]
                self._database.execute("BEGIN")
                self._database.executemany("UPDATE entries SET used = ? WHERE key = ?", with_day)
                self._database.execute("COMMIT")
        except sqlite3.OperationalError:  # busy or read-only: what was found is good all the same
            self._rolled_back()
        except sqlite3.DatabaseError:
            self._closed(self.note)
            if self._mine and self._removed():
                self._open(again=False)
        return found

    def put(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Keeps entries, all or none of them, and drops the longest unused ones where there are too many."""
        if self._database is None:
            return
        today = int(time.time() // _DAY)
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)",
                ((key, today, _check(key, data) + data) for key, data in entries),
            )
            self._database.execute("COMMIT")
            self._prune()
        except sqlite3.Error as error:
            self._rolled_back()
            self.note = self.note or f"the cache cannot be written: {self._path}: {error}"

    def _rolled_back(self) -> None:
        if self._database is not None and self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def _prune(self) -> None:
        assert self._database is not None
        [[pages]] = self._database.execute("PRAGMA page_count").fetchall()
        [[size]] = self._database.execute("PRAGMA page_size").fetchall()
        [[free]] = self._database.execute("PRAGMA freelist_count").fetchall()
        if (pages - free) * size <= self._max_bytes:
            return
        self._database.execute("BEGIN IMMEDIATE")
        # The newest half stays. The file keeps its size; its free pages are used again.
        self._database.execute(
            "DELETE FROM entries WHERE key NOT IN (SELECT key FROM (SELECT key, sum(length(data)) OVER"
            " (ORDER BY used DESC, rowid DESC) AS total FROM entries) WHERE total <= ?)",
            (self._max_bytes // 2,),
        )
        self._database.execute("COMMIT")


def _check(key: bytes, data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_CHECK, key=key).digest()
