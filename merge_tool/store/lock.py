"""One run at a time: a lock that goes when its holder goes, however it goes, and says who holds it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merge_tool.errors import LockedError, StateError
from merge_tool.model.state import Holder
from merge_tool.store.codec import from_text, from_time, to_text, to_time
from merge_tool.store.trouble import told, told_sqlite
from merge_tool.store.url import StateUrl

if TYPE_CHECKING:
    from sqlalchemy import Connection

HINT = "wait for it to end, or stop it; a killed process holds no lock"
_UNNAMED = "another process, which has not given its name yet"


def _refused(url: StateUrl, who: object) -> LockedError:
    return LockedError(f"another run works on {url.shown}: {who}", hint=HINT)


def _files(url: StateUrl, project: str) -> tuple[Path, Path]:
    """The file that is locked, and the one that says who holds it.

    The first is called guard, not lock: it stays after a run (taking it away would let two in) and means nothing by itself.
    """
    digest = sha256(project.encode(errors="surrogateescape")).hexdigest()[:8]
    return Path(f"{url.path}.{digest}.guard"), Path(f"{url.path}.{digest}.holder.json")


@contextmanager
def file_lock(url: StateUrl, project: str, holder: Holder) -> Iterator[None]:
    """Holds the lock of a project in a SQLite store: a lock of the operating system on a file beside it.

    Raises:
        LockedError: another process has it; the message names it.
    """
    from filelock import FileLock, Timeout

    guard, note = _files(url, project)
    lock = FileLock(guard)
    with told_sqlite(url):
        try:
            # A few tries: `file_holder` looks by taking the lock for an instant.
            lock.acquire(timeout=0.2, poll_interval=0.02)
        except Timeout:
            raise _refused(url, _named(note) or _UNNAMED) from None
        except NotImplementedError as error:
            raise StateError(
                f"the file system of {url.shown} has no locks",
                hint="keep the state elsewhere with --state-url",
            ) from error
    try:
        with told_sqlite(url):
            _write(note, holder)
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def file_holder(url: StateUrl, project: str) -> Holder | None:
    """Who holds the lock right now, or None. Nothing is written, and no file is made."""
    guard, note = _files(url, project)
    if not note.exists() or not guard.exists():
        return None
    from filelock import FileLock, Timeout

    try:
        with FileLock(guard).acquire(blocking=False):
            return None  # a killed process left its note: nobody holds it
    except Timeout:
        return _named(note)
    except OSError:
        return _named(note)  # the guard may be read but not written: the note is all there is to go by


def _write(note: Path, holder: Holder) -> None:
    data = {"who": holder.who, "pid": holder.pid, "command": holder.command, "since": to_time(holder.since)}
    fresh = note.with_name(f"{note.name}.new")
    fresh.write_text(json.dumps(data), encoding="ascii")
    fresh.replace(note)


def _named(note: Path) -> Holder | None:
    """Who holds the lock, or None while the holder has not said so: what a dead one left is not believed."""
    for _ in range(10):
        if (holder := _read(note)) and _alive(holder):
            return holder
        time.sleep(0.02)
    return None


def _read(note: Path) -> Holder | None:
    try:
        data = json.loads(note.read_text(encoding="ascii"))
        return Holder(str(data["who"]), int(data["pid"]), str(data["command"]), from_time(data["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not written yet, or just taken away


def _alive(holder: Holder) -> bool:
    import socket

    if not holder.who.endswith(f"@{socket.gethostname()}"):
        return True  # on another machine, over a shared file system: it cannot be asked
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is there, and another user's
    return True


def lock_key(project: str) -> int:
    """The number of a project's advisory lock: 64 bits with sign."""
    digest = sha256(b"merge-tool\0" + project.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], signed=True)


@contextmanager
def postgres_lock(url: StateUrl, project: str, holder: Holder) -> Iterator[Callable[[], None]]:
    """Holds the lock of a project in a shared PostgreSQL: an advisory lock of a connection of its own.

    The server drops it when the connection ends. A pooler in transaction mode between here and the server would break
    that: give the server's own address.

    Yields:
        A function that raises `StateError` when the connection, and with it the lock, was lost.

    Raises:
        LockedError: another process has it; the message names it.
    """
    from sqlalchemy import delete, text
    from sqlalchemy.dialects.postgresql import insert

    from merge_tool.store.engine import postgres_engine
    from merge_tool.store.models import HolderRow

    key = lock_key(project)
    with told(url):
        engine = postgres_engine(url, dedicated=True)
        connection = engine.connect()
    try:
        with told(url):
            # A holder whose machine vanished is noticed in about a minute and not after hours (no effect on a socket file).
            for name, value in (("idle", 20), ("interval", 10), ("count", 3)):
                connection.exec_driver_sql(f"SET tcp_keepalives_{name} = {value}")
            if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
                raise _refused(url, _named_in(connection, project) or _UNNAMED)
            backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            row = {
                "who": holder.who,
                "pid": holder.pid,
                "command": holder.command,
                "since": to_time(holder.since),
                "backend": backend,
            }
            statement = insert(HolderRow).values(project=project, **row)
            connection.execute(statement.on_conflict_do_update(index_elements=["project"], set_=row))

        def check() -> None:
            try:
                connection.exec_driver_sql("SELECT 1")
            except Exception as error:
                raise StateError(
                    f"the connection to {url.shown} that held the lock was lost; nothing more is written",
                    hint="when the server answers again: merge-tool continue",
                ) from error

        try:
            yield check
        finally:
            with told(url):
                if not connection.invalidated and not connection.closed:
                    connection.execute(
                        delete(HolderRow).where(HolderRow.project == project, HolderRow.backend == backend)
                    )
    finally:
        connection.close()
        engine.dispose()


def _named_in(connection: Connection, project: str) -> Holder | None:
    """Who holds the advisory lock, or None while the holder has not said so."""
    from sqlalchemy import text

    for _ in range(10):
        row = connection.execute(text(HOLDING), holding_values(project)).first()
        if row is not None:
            return holder_of(row)
        time.sleep(0.02)
    return None


# A row is believed only if its connection is the one that the server knows to hold the lock.
HOLDING = (
    "SELECT h.who, h.pid, h.command, h.since FROM merge_tool_holder h JOIN pg_locks l ON l.pid = h.backend "
    "WHERE h.project = :project AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND l.classid::bigint = :high AND l.objid::bigint = :low"
)


def holding_values(project: str) -> dict[str, object]:
    """The values of `HOLDING`: the server splits an advisory lock's number into two halves without sign."""
    key = lock_key(project)
    return {"project": to_text(project), "high": (key >> 32) & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}


def holder_of(row: Sequence[Any]) -> Holder:
    """The holder in a row of `HOLDING`."""
    who, pid, command, since = row
    return Holder(from_text(who), pid, from_text(command), from_time(since))
