"""Dumps a database before it is changed, and puts it back. Passwords never stand on a command line or in a message."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

from merge_tool.errors import ActionError, UserError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_MASK = "***"
_SECRET_KEY = re.compile(r"pass(?!file)|pwd|secret|token", re.IGNORECASE)
_CONNECT_SECONDS = "15"
_SQLITE_MAGIC = b"SQLite format 3\0"
_COMPLETE = b"PostgreSQL database dump complete"

# What a URL's query may say, and libpq's variable for it; asyncpg calls sslmode `ssl`.
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "sslmode": "PGSSLMODE",
    "ssl": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "options": "PGOPTIONS",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
}

# What was there before goes: schemas of its own whole, and everything in `public`, which itself stays with its rights.
_EMPTY = """\
DO $$
DECLARE item record;
BEGIN
  FOR item IN SELECT nspname FROM pg_namespace n WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')
  LOOP EXECUTE format('DROP SCHEMA %I CASCADE', item.nspname); END LOOP;
  FOR item IN SELECT relname, CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
        WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind FROM pg_class c
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  LOOP
    IF to_regclass(format('public.%I', item.relname)) IS NOT NULL THEN
      EXECUTE format('DROP %s public.%I CASCADE', item.kind, item.relname);
    END IF;
  END LOOP;
  FOR item IN SELECT p.oid::regprocedure AS name, CASE prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END AS kind
      FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  LOOP EXECUTE format('DROP %s IF EXISTS %s CASCADE', item.kind, item.name); END LOOP;
  FOR item IN SELECT typname FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
      WHERE typnamespace = 'public'::regnamespace AND (typtype IN ('e', 'd', 'r') OR (typtype = 'c' AND c.relkind = 'c'))
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
  LOOP EXECUTE format('DROP TYPE IF EXISTS public.%I CASCADE', item.typname); END LOOP;
END $$;
"""


def dump_database(url: str, target: Path, *, pg_dump: str = "pg_dump") -> Path:
    """Writes a whole copy of a database to `target`, at once or not at all; a file there before is replaced.

    Args:
        url: an SQLAlchemy URL of PostgreSQL (any driver) or of an SQLite file.
        target: the file to write, readable by its owner only: plain SQL for PostgreSQL, a database file for SQLite.
        pg_dump: the program's name or path; it must be at least as new as the server.

    Returns:
        `target`.

    Raises:
        UserError: the URL names no such database.
        ActionError: the tool is missing, or the database cannot be reached or read.
    """
    parsed = _parsed(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)  # mode 0600
    os.close(handle)
    part = Path(name)
    try:
        if _is_sqlite(parsed):
            _copy_sqlite(_sqlite_path(parsed, url), part, url)
        else:
            _run(
                [_tool(pg_dump, "pg_dump"), "--no-password", "--format=plain", f"--file={part}"],
                parsed,
                url,
                "dumped",
            )
            if _COMPLETE not in _tail(part):
                raise ActionError(f"the dump of {mask_url(url)} is not complete", hint="run it again")
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def restore_database(url: str, dump: Path, *, psql: str = "psql") -> None:
    """Puts a database back to what `dump_database` wrote: what came later is dropped. One transaction, all or nothing.

    Args:
        url: the database, as for `dump_database`.
        dump: a file that `dump_database` wrote.
        psql: PostgreSQL's client, by name or path.

    Raises:
        UserError: the URL or the dump is none that this function can use.
        ActionError: the tool is missing, or the database refuses.
    """
    parsed = _parsed(url)
    check_dump(url, dump)
    if _is_sqlite(parsed):
        _restore_sqlite(dump, _sqlite_path(parsed, url), url)
        return
    flags = [
        "--no-psqlrc",
        "--quiet",
        "--no-password",
        "--single-transaction",
        "--set=ON_ERROR_STOP=1",
        "--output=/dev/null",
        "--command=SET lock_timeout = '30s'",
    ]
    _run([_tool(psql, "psql"), *flags, f"--command={_EMPTY}", f"--file={dump}"], parsed, url, "restored")


def check_dump(url: str, dump: Path) -> None:
    """Refuses a file that is no complete dump for the kind of database that `url` names. Raises `UserError`."""
    try:
        with dump.open("rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise UserError(f"the dump cannot be read: {error.strerror}", where=str(dump)) from error
    if _is_sqlite(_parsed(url)):
        if not head.startswith(_SQLITE_MAGIC):
            raise UserError("this is no SQLite database", where=str(dump))
    elif b"PostgreSQL database dump" not in head or _COMPLETE not in _tail(dump):
        raise UserError("this is no complete dump by pg_dump", where=str(dump))


def mask_url(url: str) -> str:
    """`url` with every password in it, in its query too, written as `***`. Never fails, whatever `url` is."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        cleaned = re.sub(r"((?:^|//)[^:/?#\s]*:)(?!//).*@", rf"\1{_MASK}@", url)
        return re.sub(r"(?i)((?:pass\w*|pwd|secret|token)\s*=\s*)[^&\s]*", rf"\1{_MASK}", cleaned)
    query = {key: (_MASK if _SECRET_KEY.search(key) else value) for key, value in parsed.query.items()}
    return parsed.set(query=query).render_as_string(hide_password=True).replace(quote_plus(_MASK), _MASK)


def _parsed(url: str) -> URL:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    hint = "for example postgresql://user:password@host:5432/name, or sqlite:///path/to/file.db"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Not chained: SQLAlchemy's message may hold the URL with its password.
        raise UserError(f"{mask_url(url)!r} is not a database URL", hint=hint) from None
    if parsed.get_backend_name() not in ("postgresql", "postgres", "sqlite"):
        raise UserError(f"{mask_url(url)}: only PostgreSQL and SQLite can be dumped", hint=hint)
    return parsed


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _sqlite_path(parsed: URL, url: str) -> Path:
    name = parsed.database or ""
    if not name or name == ":memory:" or "mode=memory" in name:
        raise UserError(f"{mask_url(url)} is a database in memory: there is no file to work on")
    if name.startswith("file:"):
        name = unquote(name.removeprefix("file:").partition("?")[0])
    return Path(name)


def _copy_sqlite(source: Path, target: Path, url: str) -> None:
    if not source.is_file():
        raise ActionError(
            f"{mask_url(url)} cannot be dumped: there is no file {source}", hint="check the URL's path"
        )
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(source.absolute()))}?mode=ro", uri=True)) as reader,
            closing(sqlite3.connect(target)) as writer,
        ):
            reader.backup(writer)
    except sqlite3.Error as error:
        raise ActionError(
            f"{mask_url(url)} cannot be dumped: {error}",
            hint="check that it is an SQLite database that nobody locks",
        ) from error


def _restore_sqlite(dump: Path, target: Path, url: str) -> None:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(dump.absolute()))}?mode=ro", uri=True)) as reader:
            state = reader.execute("PRAGMA integrity_check").fetchone()[0]
            if state != "ok":
                raise UserError(f"the dump is damaged: {state}", where=str(dump))
            with closing(sqlite3.connect(target)) as writer:
                reader.backup(writer)
    except sqlite3.Error as error:
        raise ActionError(
            f"{mask_url(url)} cannot be restored: {error}", hint="stop what uses the database and try again"
        ) from error


def _tool(name: str, option: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ActionError(
            f"{name} was not found",
            hint=f"install PostgreSQL's client programs (apt install postgresql-client), or give the path of {option}",
        )
    return found


def database_of(url: str) -> str:
    """The name of the database in a URL. Raises `UserError` where it is none."""
    return _parsed(url).database or ""


def with_driver(url: str, driver: str) -> str:
    """A PostgreSQL URL with another driver, the password in it; with "" that which the URL names. Raises `UserError`."""
    parsed = _parsed(url)
    if driver:
        parsed = parsed.set(drivername=f"postgresql+{driver}")
    return parsed.render_as_string(hide_password=False)


def connection_variables(url: str) -> dict[str, str]:
    """libpq's environment variables for what a PostgreSQL URL says.

    Raises:
        UserError: it is no URL of a PostgreSQL.
    """
    parsed = _parsed(url)
    if _is_sqlite(parsed):
        raise UserError(
            f"{mask_url(url)} is no PostgreSQL", hint="for example postgresql://user:password@host:5432/name"
        )
    return _variables(parsed)


def _variables(parsed: URL) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in parsed.query.items():
        if key in _VARIABLES:
            found[_VARIABLES[key]] = value if isinstance(value, str) else ",".join(value)
    # SQLAlchemy's several hosts: ?host=a:5432&host=b:5432
    if "PGHOST" in found and all(re.fullmatch(r"[^/:]+:\d+", host) for host in found["PGHOST"].split(",")):
        pairs = [host.split(":") for host in found["PGHOST"].split(",")]
        found["PGHOST"], found["PGPORT"] = (",".join(part) for part in zip(*pairs, strict=True))
    plain = {
        "PGHOST": parsed.host,
        "PGPORT": str(parsed.port) if parsed.port else None,
        "PGUSER": parsed.username,
        "PGPASSWORD": None if parsed.password is None else str(parsed.password),
        "PGDATABASE": parsed.database,
    }
    return found | {key: value for key, value in plain.items() if value}


def _environment(parsed: URL) -> dict[str, str]:
    """The environment in which libpq connects as the URL says; what the URL leaves open comes from the caller's own."""
    inherited = dict(os.environ)
    inherited.pop("PGSERVICE", None)  # libpq lets a service win over these variables
    return {"PGCONNECT_TIMEOUT": _CONNECT_SECONDS, **inherited, "LC_MESSAGES": "C", **_variables(parsed)}


def _run(command: Sequence[str], parsed: URL, url: str, done: str) -> None:
    environment = _environment(parsed)
    try:
        result = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except OSError as error:
        raise ActionError(
            f"{command[0]} cannot be started: {error.strerror}", hint="give the path of a program that runs"
        ) from error
    if result.returncode == 0:
        return
    said = without_secrets(result.stderr.strip() or f"exit code {result.returncode}", environment)
    message = "; ".join(line.strip() for line in said.splitlines()[:6])
    raise ActionError(f"{mask_url(url)} cannot be {done}: {message}", hint=_hint(said))


def without_secrets(text: str, environment: Mapping[str, str]) -> str:
    """`text` without the password of libpq's `environment`, plain or as in a URL."""
    password = environment.get("PGPASSWORD", "")
    for shown in {password, quote(password, safe=""), quote_plus(password)}:
        if shown:
            text = text.replace(shown, _MASK)
    return text


def _hint(said: str) -> str:
    lowered = said.lower()
    for part, hint in (
        ("server version mismatch", "use a pg_dump that is as new as the server: give its path"),
        ("no password supplied", "put the password into the URL, or set PGPASSWORD or PGPASSFILE"),
        ("password authentication failed", "check user and password of the URL"),
        ("does not exist", "check the names in the URL"),
        ("lock timeout", "stop the application, and whoever else uses the database"),
        ("permission denied", "connect as the owner of the tables"),
        ("must be owner", "connect as the owner of the tables"),
        (
            "row-level security",
            "connect as a role that sees all rows: the owner without FORCE, or one with BYPASSRLS",
        ),
    ):
        if part in lowered:
            return hint
    return "check that the server runs, and host and port of the URL"


def _tail(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 4096))
        return stream.read()
