"""What goes wrong with a store, in words that help."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from merge_tool.errors import StateError
from merge_tool.store.schema import HEAD
from merge_tool.store.sqlite import BUSY_SECONDS
from merge_tool.store.url import StateUrl

# (what SQLite says, what is wrong, how to mend it); {path} is the file, {folder} where it lies.
_SQLITE = (
    (
        r"not a database|malformed|file is encrypted|database corruption",
        "the state {path} is damaged: {text}",
        "move it away (mv '{path}' '{path}.damaged') and begin a new run; the branches and refs/merge-tool/ of the old one are untouched",
    ),
    (
        r"disk is full|No space left",
        "no space is left for the state {path}",
        "make room in {folder}, then merge-tool continue",
    ),
    (
        r"readonly|read-only|unable to open|authorization denied|Permission denied|Read-only file system|Not a directory|Is a directory|File exists",
        "the state {path} cannot be opened for writing: {text}",
        "check the permissions of {folder}, or keep the state elsewhere with --state-url",
    ),
    (
        r"locked|busy",
        f"the state {{path}} was locked by another process for {BUSY_SECONDS:.0f} seconds",
        "wait for it to end, then try again",
    ),
    (
        r"disk I/O",
        "the disk failed under the state {path}: {text}",
        "check {folder}, then merge-tool continue",
    ),
    (
        r"no such (table|column)|has no column",
        "the state {path} lacks a table or column: {text}",
        "it was changed by hand; move it away and begin a new run",
    ),
)
_POSTGRES = (
    (
        r"read-only transaction",
        "the database takes no writes: {text}",
        "give the primary server in --state-url",
    ),
    (
        r"permission denied",
        "the database refuses it: {text}",
        "let the user of --state-url create and use tables there",
    ),
    (
        r"does not exist",
        "the database lacks something: {text}",
        "check --state-url; the tables are made by the first run",
    ),
    (r"disk|space", "the database has no space left: {text}", "make room there, then merge-tool continue"),
    (
        r"",
        "the database does not answer: {text}",
        "check --state-url and that the server runs, then merge-tool continue",
    ),
)


def newer(url: StateUrl, version: str) -> StateError:
    """The store was made by a merge-tool that is newer than this one."""
    return StateError(
        f"the state {url.shown} has the form {version!r}; this merge-tool knows none after {HEAD}",
        hint="use the newer merge-tool that wrote it: pip install --upgrade merge-tool",
    )


def state_error(url: StateUrl, error: Exception) -> StateError:
    """What a driver's error means."""
    text = url.scrubbed(" ".join(str(getattr(error, "orig", None) or error).split())) or type(error).__name__
    known = _SQLITE if url.path else _POSTGRES
    names = {"path": url.shown, "folder": str(url.path.parent) if url.path else "", "text": text}
    for pattern, message, hint in known:
        if re.search(pattern, text, re.IGNORECASE):
            prefix = "" if url.path else f"{url.shown}: "
            return StateError(prefix + message.format(**names), hint=hint.format(**names))
    return StateError(
        f"the state {url.shown} cannot be used: {text}",
        hint="keep it elsewhere with --state-url, or move it away and begin a new run",
    )


@contextmanager
def told_sqlite(url: StateUrl) -> Iterator[None]:
    """Errors of `sqlite3` and of the file system become `StateError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise state_error(url, error) from error


@contextmanager
def told(url: StateUrl) -> Iterator[None]:
    """Errors of SQLAlchemy, of its drivers and of the file system become `StateError`.

    An `IntegrityError` stays one: rows that contradict each other are a bug of ours, or what the caller looks for.
    """
    from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise state_error(url, error) from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise state_error(url, error) from error
